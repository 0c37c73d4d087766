//! The audit log: what is in it, and who tells it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use support::history::*;
use support::*;

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
fn a_day_is_in_the_log_with_who_did_what_from_where() {
    let org = Org::new();
    let uid = rustix::process::getuid().as_raw();
    let console = format!("uid {uid} | console");
    org.add_as("root", "admin");
    org.add("alice", PASSWORD);
    let server = org.start();
    let root = server.member("root", PASSWORD);
    assert_eq!(server.login("alice", "not the password").status, 401);
    assert_eq!(server.login("nobody", PASSWORD).status, 401);
    assert_eq!(server.login("no/alias\n\u{1b}[2J", PASSWORD).status, 401);
    let alice = server.member("alice", PASSWORD);
    let ask = |who: &Member, method: &str, path: &str, body: Option<&str>| {
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
    succeeded(&org.command(&["user", "rm", "alice", "--yes"]));
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
    let alice = server.member("alice", PASSWORD);
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
