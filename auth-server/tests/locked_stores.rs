//! Another process holds the write lock of the store: it is told loudly, and a guess learns nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use rusqlite::Connection;
use support::*;

const WRONG: &str = "not the password";

/// Holds the lock, as any process of the folder's owner or of root can, until it is dropped.
fn hold(org: &Org) -> Connection {
    let store = Connection::open(org.home().join("store.sqlite")).unwrap();
    store.busy_timeout(Duration::from_secs(10)).unwrap();
    store.execute_batch("BEGIN IMMEDIATE").unwrap();
    store
}

/// All of an answer but the date and its own number.
fn seen(answer: &Answer) -> (String, Vec<u8>) {
    let own = |line: &&str| !line.starts_with("date: ") && !line.starts_with("x-request-id: ");
    let head: Vec<&str> = answer.head.lines().filter(own).collect();
    (head.join("\n"), answer.body.clone())
}

fn health(server: &Server) -> u16 {
    server.get("/healthz", "").status
}

#[test]
fn a_guess_that_could_not_be_counted_gets_the_answer_of_the_right_password() {
    let org = Org::with_user("alice");
    let server = org.start();
    let lock = hold(&org);
    // One after the other: who stands too far behind in the queue hears that it took too long.
    let [right, wrong] = [PASSWORD, WRONG].map(|password| server.login("alice", password));
    assert_eq!(right.status, 503);
    assert_eq!(seen(&right), seen(&wrong));
    drop(lock);
    // None of them was counted, or left anything.
    assert!(org.audit().iter().all(|line| !line.starts_with("login ")));
    eventually("a login", PATIENCE, || {
        server.login("alice", PASSWORD).status == 200
    });
    assert_eq!(server.login("alice", WRONG).status, 401);
    assert!(
        org.audit()
            .contains(&"login alice wrong password".to_owned())
    );
}

#[test]
fn a_lock_that_is_held_is_told_by_log_metrics_health_and_doctor() {
    let org = Org::new();
    let server = Server::start(&org, &["--metrics", "127.0.0.1:0"]);
    let listen = server.address.to_string();
    let doctor = || said(&org.command(&["doctor", "--listen", &listen]));
    assert_eq!(health(&server), 200);
    assert!(doctor().contains("ok    changes"));
    let lock = hold(&org);
    eventually("health", PATIENCE, || health(&server) == 503);
    assert_eq!(server.counted("orgshare_store_failing "), 1);
    let holder = format!("process {} (", std::process::id());
    eventually("the log", PATIENCE, || {
        let told = server.log();
        let line = told.lines().find(|line| line.contains("takes no changes"));
        line.is_some_and(|line| line.contains(&holder))
    });
    let found = doctor();
    let line = found
        .lines()
        .find(|line| line.starts_with("fail  changes"))
        .unwrap();
    assert!(
        line.contains(&holder) && line.contains("holds its write lock"),
        "{line}"
    );
    drop(lock);
    eventually("health", PATIENCE, || health(&server) == 200);
    assert_eq!(server.counted("orgshare_store_failing "), 0);
    eventually("the log", PATIENCE, || {
        server.log().contains("takes changes again")
    });
    assert!(doctor().contains("ok    changes"));
}
