//! What an administrator does with people on the command line: said, done once, and never silently.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::desk::Desk;
use support::*;

#[test]
fn users_are_added_listed_and_not_added_twice() {
    let org = Org::with_user("alice");
    org.add_as("bob", "admin");
    succeeded(&org.command(&["user", "disable", "alice"]));
    let list = String::from_utf8(org.command(&["user", "list"]).stdout).unwrap();
    let words = |n: usize| -> Vec<String> {
        let line = list.lines().nth(n).unwrap();
        line.split_whitespace().take(3).map(str::to_owned).collect()
    };
    assert_eq!(words(1), ["alice", "member", "disabled"]);
    assert_eq!(words(2), ["bob", "admin", "active"]);
    let again = org.with_input(&["user", "add", "alice", "--password-file", "-"], PASSWORD);
    failed(&again, 1, "alice exists already");
}

#[test]
fn a_user_who_does_not_exist_is_said_so() {
    let org = Org::new();
    for args in [
        &["user", "disable", "nobody"][..],
        &["user", "enable", "nobody"],
        &["user", "unlock", "nobody"],
        &["user", "rm", "nobody", "--yes"],
        &["user", "passwd", "nobody"],
        &["cert", "list", "--alias", "nobody"],
        &["cert", "list", "--alias", "nobody", "--json"],
    ] {
        let output = org.command(args);
        failed(&output, 1, "there is no user nobody; see who there is with");
    }
}

#[test]
fn somebody_without_certificates_is_an_empty_list() {
    let org = Org::with_user("alice");
    let list = org.command(&["cert", "list", "--alias", "alice"]);
    succeeded(&list);
    let lines = |stream: &[u8]| String::from_utf8_lossy(stream).lines().count();
    assert_eq!((lines(&list.stdout), lines(&list.stderr)), (1, 1));
    assert!(said(&list).contains("There are no such certificates; "));
}

#[test]
fn a_new_password_of_somebody_who_is_disabled_comes_with_a_warning() {
    let org = Org::with_user("alice");
    let one_time = || org.command(&["user", "passwd", "alice", "--one-time"]);
    assert!(!said(&one_time()).contains("is disabled"));
    succeeded(&org.command(&["user", "disable", "alice"]));
    let warned = one_time();
    succeeded(&warned);
    assert!(said(&warned).contains("auth-server: warning: alice is disabled"));
    assert_eq!(String::from_utf8(warned.stdout).unwrap().lines().count(), 1);
}

#[test]
fn a_list_that_is_cut_off_says_so() {
    let Desk { server, root, org } = Desk::new();
    let device = root.folder(&org.root());
    let url = server.url();
    let far = [
        "--server",
        &url,
        "--device",
        device.path().to_str().unwrap(),
    ];
    for place in [&[][..], &far] {
        let list = |limit: &str| {
            let args = [&["cert", "list", "--json", "--limit", limit], place].concat();
            let output = org.command(&args);
            succeeded(&output);
            let lines = String::from_utf8(output.stdout).unwrap().lines().count();
            (lines, String::from_utf8(output.stderr).unwrap())
        };
        let (lines, told) = list("1");
        assert_eq!(lines, 1);
        assert!(told.starts_with("There are more than these 1, the newest: a larger --limit"));
        assert_eq!(list("2"), (2, String::new()));
        assert_eq!(list("10000"), (2, String::new()));
    }
}

#[test]
fn what_was_done_before_is_said_to_be_and_leaves_no_entry() {
    let org = Org::with_user("alice");
    let told = |command: &str| {
        let output = org.command(&["user", command, "alice"]);
        succeeded(&output);
        said(&output)
    };
    let entries = org.audit();
    for (command, expected) in [
        (
            "enable",
            "alice was enabled already; nothing was changed.\n",
        ),
        (
            "unlock",
            "alice has no failed logins; nothing was changed.\n",
        ),
    ] {
        assert_eq!(told(command), expected);
    }
    assert_eq!(org.audit(), entries);
    assert_eq!(
        told("disable"),
        "Disabled alice and revoked 0 certificates.\n"
    );
    let entries = org.audit();
    assert_eq!(
        told("disable"),
        "alice was disabled already; nothing was changed.\n"
    );
    assert_eq!(org.audit(), entries);
    assert_eq!(told("enable"), "Enabled alice; a new login is needed.\n");
}

#[test]
fn the_same_role_again_revokes_nothing() {
    let desk = Desk::new();
    let org = &desk.org;
    org.add("alice", PASSWORD);
    let alice = desk.server.member("alice", PASSWORD);
    let entries = org.audit();
    let again = org.command(&["user", "role", "alice", "member"]);
    succeeded(&again);
    assert_eq!(
        said(&again),
        "alice is member already; nothing was changed.\n"
    );
    let body = r#"{"role": "member"}"#;
    let root = Some(&desk.root);
    let far = desk
        .server
        .ask(root, "PUT", "/admin/users/alice/role", Some(body));
    let far = far.unwrap();
    assert_eq!(far.status, 200);
    assert_eq!(String::from_utf8(far.body).unwrap(), r#"{"revoked":null}"#);
    assert_eq!(org.audit(), entries);
    assert!(said(&org.command(&["cert", "list"])).contains(&alice.serial()));
}

#[test]
fn the_reason_of_a_change_of_role_revokes_nobody() {
    let org = Org::with_user("alice");
    org.add_as("root", "admin");
    let server = org.start();
    let [alice, root] = ["alice", "root"].map(|alias| server.member(alias, PASSWORD));
    let (serial, entries) = (alice.serial(), org.audit());
    for order in [["user", "revoke", "alice"], ["cert", "revoke", &serial]] {
        for reason in ["affiliationChanged", "AFFILIATIONCHANGED"] {
            let order = [&order[..], &["--reason", reason]].concat();
            failed(&org.command(&order), 2, "change the role instead");
        }
        let order = [&order[..], &["--reason", "lost"]].concat();
        failed(&org.command(&order), 2, "a reason is one of unspecified,");
    }
    for path in [
        "/admin/users/alice/revoke".to_owned(),
        format!("/admin/certificates/{serial}/revoke"),
    ] {
        let why = Some(r#"{"reason":"affiliationChanged"}"#);
        let answer = server.ask(Some(&root), "POST", &path, why).unwrap();
        assert_eq!(answer.status, 400);
        assert!(
            answer.text().contains("change the role instead"),
            "{}",
            answer.text()
        );
    }
    assert_eq!(org.audit(), entries);
    assert!(server.renew(&alice).is_ok());
}

#[test]
fn a_revocation_says_whose_reason_stays() {
    let org = Org::with_user("alice");
    let server = org.start();
    server.member("alice", PASSWORD);
    succeeded(&org.command(&["user", "disable", "alice"]));
    let entries = org.audit();
    let revoke = |reason| {
        let output = org.command(&["user", "revoke", "alice", "--reason", reason]);
        succeeded(&output);
        said(&output)
    };
    assert_eq!(
        revoke("keyCompromise"),
        "alice was disabled already, and nothing was left to be revoked; nothing was changed.\n\
         1 certificate of alice was revoked already (privilegeWithdrawn); that reason stays.\n"
    );
    assert_eq!(org.audit(), entries);
    succeeded(&org.command(&["user", "enable", "alice"]));
    server.member("alice", PASSWORD);
    let entries = org.audit().len();
    assert_eq!(
        revoke("keyCompromise"),
        "Revoked 1 certificate of alice (keyCompromise), who cannot log in until: auth-server user enable \
         alice\n1 certificate of alice was revoked already (privilegeWithdrawn); that reason stays.\n"
    );
    assert_eq!(org.audit().len(), entries + 1);
}

#[test]
fn failed_logins_anywhere_are_something_to_unlock() {
    let org = Org::with_user("alice");
    let server = org.start();
    assert_eq!(
        server.login("alice", "not the password of alice").status,
        401
    );
    // Her own success leaves the delay of that address.
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    for expected in ["Forgot the failed logins of alice", "has no failed logins"] {
        let output = org.command(&["user", "unlock", "alice"]);
        succeeded(&output);
        assert!(said(&output).contains(expected), "{}", said(&output));
    }
}

#[test]
fn nobody_is_removed_for_good_without_a_question_or_a_word() {
    let org = Org::with_user("alice");
    let entries = org.audit();
    failed(
        &org.with_input(&["user", "rm", "alice"], "alice\nyes\n"),
        2,
        "to remove without a question: auth-server user rm alice --yes",
    );
    assert_eq!(org.audit(), entries);
    let removed = org.command(&["user", "rm", "-y", "alice"]);
    succeeded(&removed);
    assert!(said(&removed).starts_with("Removed alice for good"));
}

#[test]
fn roles_of_ones_own_are_given_and_changed() {
    let org = Org::new();
    let new = &["--new-role"][..];
    for (role, more) in [
        ("admin", &[][..]),
        ("member", &[]),
        ("reader", &[]),
        ("night-shift", new),
    ] {
        let alias = format!("a-{role}");
        let add = ["user", "add", &alias, "--one-time", "--role", role];
        succeeded(&org.command(&[&add[..], more].concat()));
        let shown = org.command(&["user", "show", &alias, "--json"]);
        assert!(said(&shown).contains(&format!(r#""role":"{role}""#)));
    }
    for (role, more) in [("auditor", new), ("night-shift", &[]), ("admin", &[])] {
        let change = ["user", "role", "a-member", role];
        let changed = org.command(&[&change[..], more].concat());
        let told = said(&changed);
        assert!(told.contains(&format!("a-member is {role} now")), "{told}");
        assert!(told.contains("get new ones by themselves"), "{told}");
    }
    for role in ["", "Admin", "night shift", "-x", &"r".repeat(33)] {
        let args = ["user", "role", "a-member", "--", role];
        assert_eq!(org.command(&args).status.code(), Some(2), "{role:?}");
    }
}

#[test]
fn a_mistyped_role_is_refused_with_those_that_there_are() {
    let org = Org::with_user("alice");
    let auditor = ["user", "add", "bob", "--one-time", "--role", "auditor"];
    succeeded(&org.command(&[&auditor[..], &["--new-role"]].concat()));
    for args in [
        &["user", "add", "zoe", "--one-time", "--role", "amdin"][..],
        &["user", "role", "alice", "amdin"],
    ] {
        failed(
            &org.command(args),
            1,
            "nobody has the role amdin yet; there are admin, member, reader, auditor; look \
             whether it is written right, or make it with --new-role",
        );
    }
    let list = said(&org.command(&["user", "list"]));
    assert!(!list.contains("amdin") && !list.contains("zoe"), "{list}");
}
