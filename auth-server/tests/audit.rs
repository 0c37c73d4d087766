//! The audit log: what is in it, who verifies it, and every way to tamper with it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use support::operator::*;
use support::*;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// An organisation with some entries, vouched for up to number 6 at least, and more behind.
fn with_history() -> Org {
    let org = Org::new();
    for alias in ["alice", "bob", "carol"] {
        org.add(alias, PASSWORD);
    }
    let server = org.start();
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    assert_eq!(server.stop(Signal::TERM), Some(143));
    for alias in ["alice", "bob"] {
        succeeded(&org.command(&["user", "disable", alias]));
    }
    org
}

fn lines(org: &Org) -> Vec<Value> {
    let output = org.command(&["audit", "export"]);
    succeeded(&output);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn of<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}

#[test]
fn a_whole_log_is_found_whole_in_the_store_and_in_its_export() {
    let org = with_history();
    let (_dir, export) = org.export();
    let lines = lines(&org);
    assert_eq!(
        (&lines[0]["type"], &lines[0]["after"]),
        (&"start".into(), &0.into())
    );
    let last = of(&lines, "entry").len();
    assert!(last >= 8, "{lines:#?}");
    assert_eq!(
        lines[lines.len() - 1],
        serde_json::json!({"type": "end", "last": last})
    );
    assert!(!of(&lines, "checkpoint").is_empty());
    for args in [
        &["audit", "verify"][..],
        &["audit", "verify", export.to_str().unwrap()],
    ] {
        let said = said(&org.command(args));
        assert!(
            said.contains(&format!("Entries 1 to {last} are as they were written.")),
            "{said}"
        );
        assert!(
            said.contains("The root key vouches for those up to"),
            "{said}"
        );
    }
    let text = std::fs::read_to_string(&export).unwrap();
    let piped = org.with_input(&["audit", "verify", "-"], &text);
    succeeded(&piped);
}

#[test]
fn the_running_server_signs_at_its_start_and_at_its_end() {
    let org = Org::with_user("alice");
    assert!(said(&org.command(&["audit", "verify"])).contains("vouches for none of them yet"));
    let server = org.start();
    eventually("a checkpoint", PATIENCE, || {
        !of(&lines(&org), "checkpoint").is_empty()
    });
    let at_start = of(&lines(&org), "checkpoint").len();
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    assert_eq!(server.stop(Signal::TERM), Some(143));
    let lines = lines(&org);
    let checkpoints = of(&lines, "checkpoint");
    assert_eq!(checkpoints.len(), at_start + 1);
    let last = of(&lines, "entry").len();
    assert_eq!(checkpoints[at_start]["seq"], last);
}

#[test]
fn an_edit_of_any_column_is_found() {
    for (column, value) in [
        ("at", "at + 1"),
        ("actor", "'mallory'"),
        ("source", "'192.0.2.1'"),
        ("action", "'user.enable'"),
        ("object", "'eve as admin'"),
        ("outcome", "'no such user'"),
        ("hash", "zeroblob(32)"),
    ] {
        let org = with_history();
        sql(
            &org,
            &format!("UPDATE audit SET {column} = {value} WHERE seq = 3"),
        );
        failed(
            &org.command(&["audit", "verify"]),
            1,
            "entry 3 was altered, or the one before it",
        );
    }
}

#[test]
fn entries_that_were_taken_away_moved_or_put_in_are_found() {
    let last = of(&lines(&with_history()), "entry").len();
    let tail = format!("DELETE FROM audit WHERE seq > {}", last - 1);
    let swap = "UPDATE audit SET seq = -1 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4;
                UPDATE audit SET seq = 4 WHERE seq = -1";
    let insert = format!(
        "INSERT INTO audit SELECT {}, at, actor, source, action, object, outcome, hash
         FROM audit WHERE seq = {last}",
        last + 1
    );
    let first = "DELETE FROM audit WHERE seq = 1";
    let to_checkpoint = "DELETE FROM audit WHERE seq >= (SELECT MAX(seq) FROM audit_checkpoints);
                         UPDATE counters SET value = (SELECT MAX(seq) FROM audit) WHERE name = 'audit'";
    for (statement, found) in [
        (
            "DELETE FROM audit WHERE seq = 3",
            "entries are missing: 4 follows entry 2",
        ),
        (first, "entries are missing: 2 follows the beginning"),
        (&tail, "are missing at the end"),
        (swap, "entry 3 was altered"),
        (&insert, "was altered"),
        (to_checkpoint, "are missing at the end"),
        ("DELETE FROM audit", "are missing at the end"),
    ] {
        let org = with_history();
        sql(&org, statement);
        failed(&org.command(&["audit", "verify"]), 1, found);
    }
}

#[test]
fn an_entry_put_in_with_a_right_hash_is_found_by_the_counter() {
    let org = with_history();
    let last = of(&lines(&org), "entry").len();
    // The next entry as the program would write it, but without the counter.
    succeeded(&org.command(&["user", "enable", "alice"]));
    sql(
        &org,
        &format!("UPDATE counters SET value = {last} WHERE name = 'audit'"),
    );
    failed(&org.command(&["audit", "verify"]), 1, "was put in");
}

#[test]
fn a_gap_stays_when_the_log_goes_on() {
    let org = with_history();
    sql(
        &org,
        "DELETE FROM audit WHERE seq = (SELECT MAX(seq) FROM audit)",
    );
    succeeded(&org.command(&["user", "enable", "alice"]));
    failed(&org.command(&["audit", "verify"]), 1, "entries are missing");
}

#[test]
fn a_log_written_anew_with_all_its_hashes_is_found_by_the_checkpoint() {
    let org = with_history();
    let other = with_history();
    // Another organisation's log: a whole chain, with the same numbers, of other entries.
    let theirs = other.home().join("store.sqlite");
    sql(
        &org,
        &format!(
            "ATTACH '{}' AS other; DELETE FROM audit; INSERT INTO audit SELECT * FROM other.audit",
            theirs.display()
        ),
    );
    failed(
        &org.command(&["audit", "verify"]),
        1,
        "the root key signed another one on",
    );
    // With their checkpoints too.
    sql(
        &org,
        &format!(
            "ATTACH '{}' AS other; DELETE FROM audit_checkpoints;
             INSERT INTO audit_checkpoints SELECT * FROM other.audit_checkpoints",
            theirs.display()
        ),
    );
    failed(
        &org.command(&["audit", "verify"]),
        1,
        "the root key did not sign it",
    );
}

#[test]
fn a_checkpoint_that_was_altered_is_found() {
    for change in [
        "signature = zeroblob(64)",
        "signature = x''",
        "hash = zeroblob(32)",
        "at = at + 1",
        "seq = seq - 1",
    ] {
        let org = with_history();
        sql(&org, &format!("UPDATE audit_checkpoints SET {change}"));
        failed(
            &org.command(&["audit", "verify"]),
            1,
            "the root key did not sign it",
        );
    }
}

#[test]
fn the_server_does_not_vouch_for_a_log_that_was_altered() {
    let org = with_history();
    let before = of(&lines(&org), "checkpoint").len();
    let altered = "UPDATE audit SET object = 'eve' WHERE seq = (SELECT MAX(seq) FROM audit)";
    sql(&org, altered);
    let server = org.start();
    eventually("the error", PATIENCE, || {
        server.log().contains("the audit log was altered")
    });
    assert_eq!(server.stop(Signal::TERM), Some(143));
    assert_eq!(of(&lines(&org), "checkpoint").len(), before);
}

#[test]
fn any_change_of_an_export_is_found() {
    let org = with_history();
    let (_dir, export) = org.export();
    let text = std::fs::read_to_string(&export).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let verify = |text: &str| {
        std::fs::write(&export, text).unwrap();
        org.command(&["audit", "verify", export.to_str().unwrap()])
    };
    succeeded(&verify(&text));
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    for at in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(at);
        // What a checkpoint alone says can be left out; docs/AUDIT.md says what that costs.
        if !lines[at].contains("\"checkpoint\"") {
            assert_eq!(
                verify(&joined(&without)).status.code(),
                Some(1),
                "without line {at}"
            );
        }
        if at + 1 < lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            assert_eq!(
                verify(&joined(&swapped)).status.code(),
                Some(1),
                "swapped at {at}"
            );
        }
        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        let harmless = lines[at].contains("\"checkpoint\"") || lines[at].contains("\"end\"");
        if !harmless && at > 0 {
            assert_eq!(
                verify(&joined(&twice)).status.code(),
                Some(1),
                "line {at} twice"
            );
        }
    }
    assert!(verify(&joined(&lines[..lines.len() - 1])).status.code() == Some(1));
    let entry = lines
        .iter()
        .position(|line| line.contains("\"entry\""))
        .unwrap();
    for (from, to) in [
        ("uid ", "uid  "),
        ("Z\"", ".5Z\""),
        ("Z\"", "+00:00\""),
        ("\"ok\"", "\"no\""),
        ("\"type\"", " \"type\""),
        ("}", ",\"more\":1}"),
        ("\"hash\":\"", "\"hash\":\"0"),
    ] {
        let mut bent: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let changed = bent[entry].replacen(from, to, 1);
        assert_ne!(changed, bent[entry], "{from}");
        bent[entry] = changed;
        let output = verify(&(bent.join("\n") + "\n"));
        assert_eq!(output.status.code(), Some(1), "{to}: {}", said(&output));
        assert!(
            said(&output).contains(&format!("line {}", entry + 1)),
            "{}",
            said(&output)
        );
    }
    // The same moment in another zone.
    let mut bent = lines.clone();
    let at: Value = serde_json::from_str(lines[entry]).unwrap();
    let at = at["at"].as_str().unwrap();
    let hour = time::UtcOffset::from_hms(1, 0, 0).unwrap();
    let elsewhere = OffsetDateTime::parse(at, &Rfc3339)
        .unwrap()
        .to_offset(hour)
        .format(&Rfc3339)
        .unwrap();
    let moved = lines[entry].replace(at, &elsewhere);
    bent[entry] = &moved;
    assert_eq!(verify(&joined(&bent)).status.code(), Some(1), "{moved}");
    for garbage in ["", "\n", "{}\n", "null\n", &"x".repeat(100_000)] {
        assert_eq!(verify(garbage).status.code(), Some(1), "{garbage:.10}");
    }
}

#[test]
fn exports_behind_each_other_are_one_log_and_a_kept_one_convicts_the_store() {
    let org = with_history();
    let (_dir, kept) = org.export();
    let kept = std::fs::read_to_string(kept).unwrap();
    let last = kept.matches("\"type\":\"entry\"").count().to_string();
    let next = || {
        let output = org.command(&["audit", "export", "--after", &last]);
        succeeded(&output);
        String::from_utf8(output.stdout).unwrap()
    };
    succeeded(&org.command(&["user", "enable", "alice"]));
    let both = format!("{kept}{}", next());
    succeeded(&org.with_input(&["audit", "verify", "-"], &both));
    // Alone it is one piece, whose beginning is taken on trust.
    let alone = org.with_input(&["audit", "verify", "-"], &next());
    assert!(
        said(&alone).contains("is as it was written"),
        "{}",
        said(&alone)
    );
    // A store whose log was made anew, without any trace in itself, does not fit the kept one.
    let other = with_history();
    let output = other.command(&["audit", "export", "--after", &last]);
    let foreign = String::from_utf8(output.stdout).unwrap();
    let output = org.with_input(&["audit", "verify", "-"], &format!("{kept}{foreign}"));
    failed(&output, 1, &format!("entry {last} was altered"));
    failed(
        &org.command(&["audit", "export", "--after", "1000000"]),
        1,
        "there is no entry 1000000",
    );
}

#[test]
fn stock_openssl_verifies_an_exported_checkpoint_of_either_kind_of_root() {
    for key_type in ["rsa3072", "p256"] {
        let org = Org::new();
        std::fs::remove_dir_all(org.home()).unwrap();
        succeeded(&org.command(&["init", "--org", "Acme Corp", "--key-type", key_type]));
        org.add("alice", PASSWORD);
        let server = org.start();
        assert_eq!(server.stop(Signal::TERM), Some(143));
        let (dir, export) = org.export();
        // The script of docs/AUDIT.md, word for word.
        let docs = include_str!("../../docs/AUDIT.md");
        let script = docs
            .split("```sh\n")
            .nth(1)
            .unwrap()
            .split("```")
            .next()
            .unwrap();
        std::fs::write(dir.path().join("check.sh"), script).unwrap();
        let run = |export: &std::path::Path| {
            Command::new("sh")
                .arg(dir.path().join("check.sh"))
                .arg(org.home().join("root.crt"))
                .arg(export)
                .current_dir(dir.path())
                .output()
                .unwrap()
        };
        let good = run(&export);
        assert!(good.status.success(), "{}", said(&good));
        assert!(said(&good).contains("Verified OK"), "{}", said(&good));
        let text = std::fs::read_to_string(&export).unwrap();
        let at = text.find("\"checkpoint\"").unwrap();
        let bent = format!(
            "{}{}",
            &text[..at],
            text[at..].replacen("\"seq\":", "\"seq\":1", 1)
        );
        let path = dir.path().join("bent");
        std::fs::write(&path, bent).unwrap();
        assert!(!run(&path).status.success());
    }
}

#[test]
fn the_hash_of_an_entry_is_what_the_document_says() {
    let org = with_history();
    let (dir, export) = org.export();
    let docs = include_str!("../../docs/AUDIT.md");
    let script = docs
        .split("```python\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let path = dir.path().join("chain.py");
    std::fs::write(&path, script).unwrap();
    let run = |export: &std::path::Path| Command::new("python3").arg(&path).arg(export).output();
    let good = run(&export).unwrap();
    assert!(good.status.success(), "{}", said(&good));
    let bent = std::fs::read_to_string(&export)
        .unwrap()
        .replacen("alice", "alicf", 1);
    std::fs::write(&export, bent).unwrap();
    assert!(!run(&export).unwrap().status.success());
}

#[test]
fn a_day_is_in_the_log_with_who_did_what_from_where() {
    let org = Org::new();
    let uid = rustix::process::getuid().as_raw();
    let console = format!("uid {uid} | console");
    org.add_as("root", "admin");
    org.add("alice", PASSWORD);
    let server = org.start();
    let root = Operator::login(&server, "root");
    assert_eq!(server.login("alice", "not the password").status, 401);
    assert_eq!(server.login("nobody", PASSWORD).status, 401);
    assert_eq!(server.login("no/alias\n\u{1b}[2J", PASSWORD).status, 401);
    let alice = Operator::login(&server, "alice");
    let ask = |who: &Operator, method: &str, path: &str, body: Option<&str>| {
        server.ask(Some(who), method, path, body).unwrap().status
    };
    assert_eq!(ask(&alice, "GET", "/admin/users", None), 403);
    assert_eq!(ask(&root, "GET", "/admin/users", None), 200);
    let why = Some(r#"{"reason":"keyCompromise"}"#);
    let revoke = format!("/admin/certificates/{}/revoke", alice.serial());
    assert_eq!(ask(&root, "POST", &revoke, why), 200);
    let role = Some(r#"{"role":"reader"}"#);
    assert_eq!(ask(&root, "PUT", "/admin/users/alice/role", role), 200);
    assert_eq!(ask(&root, "POST", "/admin/users/alice/disable", None), 200);
    assert_eq!(server.login("alice", PASSWORD).status, 401);
    succeeded(&org.command(&["user", "enable", "alice"]));
    succeeded(&org.command(&["user", "rm", "alice"]));
    let (root_serial, alice_serial) = (root.serial(), alice.serial());
    let entries = org.audit_told();
    let own = entries[2].clone();
    assert!(own.starts_with("auth-server | - | cert.issue | "), "{own}");
    let expected = [
        format!("{console} | user.add | root as admin | ok"),
        format!("{console} | user.add | alice as member | ok"),
        own,
        "root | 127.0.0.1 | login | root | ok".to_owned(),
        format!("root | 127.0.0.1 | cert.issue | {root_serial} of root | ok"),
        "- | 127.0.0.1 | login | alice | wrong password".to_owned(),
        "- | 127.0.0.1 | login | nobody | no such user".to_owned(),
        "- | 127.0.0.1 | login | (no alias) | no such user".to_owned(),
        "alice | 127.0.0.1 | login | alice | ok".to_owned(),
        format!("alice | 127.0.0.1 | cert.issue | {alice_serial} of alice | ok"),
        "alice | 127.0.0.1 | admin | GET /admin/users | not an administrator".to_owned(),
        format!("root | 127.0.0.1 | cert.revoke | {alice_serial} (keyCompromise) | ok"),
        "root | 127.0.0.1 | user.role | alice is reader | ok".to_owned(),
        "root | 127.0.0.1 | user.disable | alice | ok".to_owned(),
        "- | 127.0.0.1 | login | alice | disabled".to_owned(),
        format!("{console} | user.enable | alice | ok"),
        format!("{console} | user.rm | alice | ok"),
    ];
    assert_eq!(entries, expected);
}

#[test]
fn every_entry_is_a_line_of_the_server_s_log_whoever_wrote_it() {
    let org = Org::with_user("alice");
    let server = Server::start(&org, &["--log-format", "json"]);
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    succeeded(&org.command(&["user", "disable", "alice"]));
    let logged = || -> Vec<Value> {
        let log = server.log();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        lines
            .filter(|line: &Value| line["target"] == "audit")
            .collect()
    };
    eventually(
        "the entry of the command line",
        Duration::from_secs(20),
        || logged().iter().any(|line| line["action"] == "user.disable"),
    );
    let exported = lines(&org);
    let entries = of(&exported, "entry");
    let logged = logged();
    assert_eq!(logged.len(), entries.len());
    for (line, entry) in logged.iter().zip(entries) {
        for name in [
            "seq", "at", "actor", "source", "action", "object", "outcome", "hash",
        ] {
            assert_eq!(line[name], entry[name], "{name} of {line}");
        }
    }
}

#[test]
fn names_and_paths_with_control_characters_forge_no_line() {
    let org = Org::with_user("alice");
    let server = org.start();
    let alice = Operator::login(&server, "alice");
    for path in [
        "/admin/users/x%0a%20audit%20seq=99",
        "/admin/users/x\"%20outcome=\"ok",
        "/admin/users/%1b%5b2J",
    ] {
        let _ = server.ask(Some(&alice), "GET", path, None);
    }
    server.login("alice\n[21/Nov/2026 00:00:00] audit seq=99", PASSWORD);
    // The store may hold anything once it was altered; a terminal shows it as text.
    sql(
        &org,
        "UPDATE audit SET object = char(10) || 'forged' || char(27) || '[2J' WHERE seq = 1",
    );
    for args in [
        &["audit", "tail", "-n", "99"][..],
        &["audit", "tail", "-n", "99", "--json"],
        &["audit", "export"],
    ] {
        let output = org.command(args);
        assert!(!output.stdout.contains(&0x1b), "{args:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            !text.lines().any(|line| line.starts_with("forged")),
            "{text}"
        );
    }
    eventually("the entries", PATIENCE, || {
        server.log().matches("not an administrator").count() == 3
    });
    let log = server.log();
    assert!(!log.contains('\u{1b}'), "{log}");
    let audit: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("] audit seq="))
        .collect();
    for (number, line) in (1..).zip(&audit) {
        assert!(line.contains(&format!("] audit seq={number} at=")), "{log}");
        assert_eq!(line.matches(" outcome=").count(), 1, "{line}");
    }
}

#[test]
fn a_flood_of_failed_logins_grows_the_log_only_as_throttling_lets_it() {
    let org = Org::with_user("alice");
    let server = org.start();
    let statuses: Vec<u16> = (0..80)
        .map(|n| server.login(&format!("ghost{}", n % 40), PASSWORD).status)
        .collect();
    let refused = statuses.iter().filter(|status| **status == 401).count();
    let throttled = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!(refused + throttled, 80);
    assert!(throttled > 0);
    let told = org.audit_told();
    let told = told
        .iter()
        .filter(|told| told.contains("| login |"))
        .count();
    // One entry for each guess that was answered; none for those that were told to wait.
    assert_eq!(told, refused);
}

#[test]
fn following_shows_what_comes() {
    let org = Org::with_user("alice");
    let mut follower = org
        .program(&["audit", "tail", "-n", "1", "--follow"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines =
        std::io::BufRead::lines(std::io::BufReader::new(follower.stdout.take().unwrap()));
    let first = lines.next().unwrap().unwrap();
    assert!(first.ends_with("alice as member: ok"), "{first}");
    succeeded(&org.command(&["user", "disable", "alice"]));
    let next = lines.next().unwrap().unwrap();
    assert!(
        next.contains("user.disable") && next.ends_with("alice: ok"),
        "{next}"
    );
    let id = rustix::process::Pid::from_child(&follower);
    rustix::process::kill_process(id, Signal::INT).unwrap();
    assert_eq!(follower.wait().unwrap().code(), Some(130));
}
