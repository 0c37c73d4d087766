//! Many people from a table.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::*;

const TABLE: &str = "alias,role,name,email\n\
    ann,member,\"Lee, Ann\",ann@example.org\n\
    bo,night-shift,,\n\
    cy,admin,Cy,\n";

fn import(org: &Org, table: &str, more: &[&str]) -> std::process::Output {
    let mut args = vec!["user", "import", "-"];
    args.extend(more);
    org.with_input(&args, table)
}

fn out(output: &std::process::Output) -> String {
    succeeded(output);
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn everybody_in_the_table_gets_a_password_that_must_be_changed() {
    let org = Org::new();
    let printed = out(&import(&org, TABLE, &["--new-role"]));
    let rows: Vec<(&str, &str)> = printed
        .lines()
        .map(|line| line.split_once(',').unwrap())
        .collect();
    assert_eq!(rows[0], ("alias", "password"));
    let names: Vec<&str> = rows[1..].iter().map(|(alias, _)| *alias).collect();
    assert_eq!(names, ["ann", "bo", "cy"]);
    let server = org.start();
    for (alias, password) in &rows[1..] {
        assert_eq!(server.login(alias, password).status, 403, "{alias}");
    }
    let shown = out(&org.command(&["user", "show", "ann", "--json"]));
    assert!(
        shown.contains("Lee, Ann") && shown.contains("ann@example.org"),
        "{shown}"
    );
    let list = out(&org.command(&["user", "list"]));
    assert!(
        list.contains("night-shift") && list.contains("admin"),
        "{list}"
    );
}

#[test]
fn a_file_is_read_too_and_json_written() {
    let org = Org::new();
    let path = org.home().join("people.csv");
    std::fs::write(&path, TABLE).unwrap();
    let printed = out(&org.command(&[
        "user",
        "import",
        path.to_str().unwrap(),
        "--json",
        "--new-role",
    ]));
    let aliases = printed.lines().map(|line| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(row["password"].as_str().unwrap().len() >= 15);
        row["alias"].as_str().unwrap().to_owned()
    });
    assert_eq!(aliases.collect::<Vec<_>>(), ["ann", "bo", "cy"]);
}

#[test]
fn one_wrong_line_and_nobody_is_added() {
    let org = Org::with_user("alice");
    succeeded(&org.command(&["user", "rm", "alice", "--yes"]));
    for (line, told) in [
        ("alice,member,,", "line 5: alice was given out on"),
        ("bo,member,,", "line 5: bo stands in line 3"),
        (
            "d\u{1b}[2J,member,,",
            "line 5: alias: a name has only letters",
        ),
        (
            "\"d\nlogin\",member,,",
            "line 5: alias: a name has only letters",
        ),
        (
            "../di,member,,",
            "line 5: alias: a name starts with a letter",
        ),
        ("di,Boss,,", "line 5: role: a name"),
        ("di,member,\u{202e}di,", "line 5: control characters"),
        (
            "di,member,,nowhere",
            "line 5: an e-mail address has the form",
        ),
        ("di,member", "line 5: has 2 fields instead of 4"),
        (
            &format!("{},member,,", "d".repeat(10_000)),
            "line 5: alias: a name has at most",
        ),
    ] {
        for more in [&["--new-role"][..], &["--dry-run", "--new-role"]] {
            let refused = import(&org, &format!("{TABLE}{line}\n"), more);
            failed(&refused, 10, told);
            let text = said(&refused);
            assert!(
                text.contains("nobody was added: one line is wrong"),
                "{text}"
            );
            assert!(!text.contains('\u{1b}') && text.len() < 1000, "{text}");
        }
    }
    failed(
        &import(&org, "ann,member,,\n", &[]),
        10,
        "the first line is not alias,role,name,email; write that line above the people",
    );
    failed(
        &import(&org, "alias;role;name;email\n", &[]),
        10,
        "separate the fields by commas",
    );
    failed(
        &import(&org, "alias,role,name,email\n", &[]),
        10,
        "names nobody",
    );
    failed(
        &org.command(&["user", "import", "/nonexistent"]),
        10,
        "(os error 2); give a table that begins with alias,role,name,email, or - for",
    );
    assert!(said(&org.command(&["user", "list"])).contains("no users yet"));
    let audit = org.audit();
    assert_eq!(audit, ["user.add alice as member ok", "user.rm alice ok"]);
}

#[test]
fn a_role_that_nobody_has_is_told_with_its_line() {
    let org = Org::new();
    let told = "line 3: role: nobody has the role night-shift yet; there are admin, member, reader";
    for more in [&[][..], &["--dry-run"]] {
        let refused = import(&org, TABLE, more);
        failed(&refused, 10, told);
        failed(&refused, 10, "nobody was added: one line is wrong");
    }
    let first = "alias,role,name,email\ndi,night-shift,,\n";
    succeeded(&import(&org, first, &["--new-role"]));
    // Now there is one.
    succeeded(&import(&org, TABLE, &[]));
}

#[test]
fn a_dry_run_checks_and_changes_nothing() {
    let org = Org::new();
    let tried = import(&org, TABLE, &["--dry-run", "--new-role"]);
    assert_eq!(out(&tried), "");
    assert!(
        said(&tried).contains("3 users could be added"),
        "{}",
        said(&tried)
    );
    assert_eq!(org.audit(), [] as [String; 0]);
}
