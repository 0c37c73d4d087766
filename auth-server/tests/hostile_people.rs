//! Names and passwords that are not what they seem, at every door of the real program.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::process::Stdio;

use auth_server::store::UserStore;
use rcgen::KeyPair;
use support::*;

/// Names that would do harm if they were taken for one, or written down as they are.
fn hostile_names() -> Vec<String> {
    [
        "alice\nlogin admin ok",
        "alice\r\nset-cookie: a=b",
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "../../etc/passwd",
        "alice/../bob",
        "al\u{456}ce",
        "\u{ff41}lice",
        "alice\u{200b}",
        "\u{202e}ecila",
        "alice' OR '1'='1",
        "%",
        "alice ",
        " alice",
        "ALICE",
        "",
        "\u{0}",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(["a".repeat(10_000), "\u{1f600}".repeat(10_000)])
    .collect()
}

#[test]
fn hostile_names_get_nothing_and_leave_no_trace_of_their_own() {
    let org = Org::with_user("alice");
    let server = Server::start(&org, &["--log-format", "json"]);
    assert_eq!(server.login("alice", "a wrong password").status, 401);
    let names = hostile_names();
    for name in &names {
        let login = server.login(name, PASSWORD);
        let change = server.change_password(name, PASSWORD, "plum glacier window ostrich seven");
        for answer in [login, change] {
            assert!(
                matches!(answer.status, 401 | 429),
                "{name:?}: {}",
                answer.status
            );
        }
    }
    eventually("the last line", PATIENCE, || {
        server.log().matches("\"status\":").count() == 2 * names.len() + 1
    });
    let log = server.log();
    let lines = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let logins: Vec<_> = lines.filter(|line| line["action"] == "login").collect();
    assert!(logins.len() > 1, "{log}");
    for line in logins {
        let named = line["object"].as_str();
        assert!(matches!(named, Some("(no alias)" | "alice")), "{line}");
    }
    // So many that no hash has them by chance.
    let long = "a".repeat(100);
    for part in ["owned", "OR '1'", "passwd", "set-cookie", "\u{202e}", &long] {
        assert!(!log.contains(part), "{part}: {log}");
    }
    for entry in org.audit() {
        let expected = ["user.add alice as member ok", "login alice wrong password"];
        let anonymous = entry == "login (no alias) no such user";
        let issued = entry.starts_with("cert.issue");
        assert!(
            anonymous || issued || expected.contains(&entry.as_str()),
            "{entry}"
        );
    }
    // Nobody of these names exists, and she is unharmed.
    let users = org.in_store(async |store| store.users().await.unwrap());
    assert_eq!(users.len(), 1);
}

#[test]
fn hostile_names_are_refused_on_the_command_line_and_shown_escaped() {
    let org = Org::new();
    // A NUL cannot be an argument.
    for name in hostile_names().iter().filter(|name| !name.contains('\0')) {
        for args in [
            &["user", "add", "--one-time", "--", name][..],
            &[
                "user",
                "add",
                "bob",
                "--one-time",
                "--role",
                &format!("x{name}/"),
            ],
            &["user", "role", "--", name, "member"],
        ] {
            let refused = org.command(args);
            assert_eq!(refused.status.code(), Some(2), "{args:?}");
            assert!(refused.stdout.is_empty());
            let text = said(&refused);
            let shown = |c: char| c == '\n' || !c.is_control();
            assert!(text.chars().all(shown), "{args:?}: {text:?}");
            assert!(!text.contains('\u{202e}'), "{text:?}");
        }
    }
    assert_eq!(org.audit(), [] as [String; 0]);
}

#[test]
fn the_same_alias_added_many_times_at_once_is_added_once() {
    let org = Org::new();
    let adding: Vec<_> = (0..4)
        .map(|_| {
            org.program(&["user", "add", "alice", "--one-time"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let ended: Vec<_> = adding
        .into_iter()
        .map(|child| child.wait_with_output().unwrap())
        .collect();
    let added: Vec<_> = ended.iter().filter(|end| end.status.success()).collect();
    assert_eq!(added.len(), 1, "{ended:?}");
    for end in ended.iter().filter(|end| !end.status.success()) {
        failed(end, 1, "alice exists already");
    }
    let refused = "user.add alice as member refused: alias taken";
    let once = "user.add alice as member ok";
    assert_eq!(org.audit(), [once, refused, refused, refused]);
    // The password that was told is the one that counts.
    let once = String::from_utf8(added[0].stdout.clone()).unwrap();
    assert_eq!(org.start().login("alice", once.trim()).status, 403);
}

#[test]
fn a_replayed_login_gives_its_replayer_no_key_that_he_has() {
    let org = Org::with_user("alice");
    let server = org.start();
    let key = KeyPair::generate().unwrap();
    let csr = request(&key);
    let first = server.login_with("alice", PASSWORD, &csr).certificate();
    // The same bytes again: another certificate for the same key, which the replayer has not.
    let again = server.login_with("alice", PASSWORD, &csr).certificate();
    assert_ne!(first, again);
    let replayer = Member {
        key: KeyPair::generate().unwrap(),
        leaf: again,
    };
    let mut stream = server.connect_as(Some(&replayer));
    let _ = stream.write_all(b"GET /me HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    assert!(ended.is_err() && answer.is_empty(), "taken without its key");
    // After a change of password the recorded login is worth nothing at all.
    let changed = server.change_password("alice", PASSWORD, "plum glacier window ostrich seven");
    assert_eq!(changed.status, 204);
    assert_eq!(server.login_with("alice", PASSWORD, &csr).status, 401);
}

#[test]
fn a_row_of_the_database_is_no_password() {
    let org = Org::with_user("alice");
    let alias = "alice".parse().unwrap();
    let user = org.in_store(async |store| store.user(&alias).await.unwrap().unwrap());
    let stolen = user.password.hash.expose().to_owned();
    let parts: Vec<&str> = stolen.split('$').collect();
    assert_eq!((parts[1], parts[3]), ("argon2id", "m=65536,t=3,p=1"));
    let server = org.start();
    for password in [&stolen, parts[5], &format!("{}${}", parts[4], parts[5])] {
        assert_eq!(server.login("alice", password).status, 401);
        let change = server.change_password("alice", password, "plum glacier window ostrich");
        assert!(matches!(change.status, 401 | 429));
    }
}

#[test]
fn passwords_over_the_limit_are_refused_before_any_work() {
    let org = Org::with_user("alice");
    let server = org.start();
    let long = "x".repeat(1025);
    assert_eq!(server.login("alice", &long).status, 400);
    assert_eq!(
        server.change_password("alice", &long, "whatever").status,
        400
    );
    let refused = org.with_input(&["user", "passwd", "alice", "--password-file", "-"], &long);
    failed(&refused, 1, "longer than 1024 bytes");
    // The longest one that is allowed logs in.
    let longest: String = (0..64).map(|n| format!("{n:02} plum glacier ")).collect();
    assert_eq!(longest.len(), 1024);
    succeeded(&org.with_input(
        &["user", "passwd", "alice", "--password-file", "-"],
        &longest,
    ));
    assert_eq!(server.login("alice", &longest).status, 200);
}

#[test]
fn who_hangs_up_before_the_answer_is_counted_all_the_same() {
    let org = Org::with_user("alice");
    let server = org.start();
    let body = serde_json::json!({"alias": "alice", "password": "a guess and away", "csr": "x"})
        .to_string();
    let request = post("/verify", "application/json", body.as_bytes());
    let mut stream = server.connect();
    stream.write_all(&request).unwrap();
    stream.flush().unwrap();
    // The password is being hashed when the guesser goes away.
    eventually("the hash", PATIENCE, || {
        let metrics = server.get("/metrics", "").text();
        metrics.contains("orgshare_password_wait_seconds_count 1")
    });
    drop(stream);
    eventually("the entry of the login", PATIENCE, || {
        org.audit()
            .contains(&"login alice wrong password".to_owned())
    });
}
