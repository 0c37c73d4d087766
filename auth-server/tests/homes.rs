//! Who guesses from an address that he shares with others learns nothing of who logged in there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::Ipv4Addr;

use auth_server::throttle::{Attempt, Source};
use support::*;
use time::OffsetDateTime;

const WRONG: &str = "not the password";

/// Failures that came from elsewhere, each from a source of its own.
fn strangers_fail(org: &Org, alias: &str, failures: u8) {
    let alias = alias.parse().unwrap();
    org.in_store(async |store| {
        for n in 0..failures {
            let source = Ipv4Addr::new(198, 51, 100, n);
            let guess = Attempt::new(Some(&alias), Source::of(source.into()));
            let now = OffsetDateTime::now_utc();
            guess.failed(store, "wrong password", now).await.unwrap();
        }
    });
}

/// All of an answer but the date and its own number.
fn seen(answer: &Answer) -> (String, Vec<u8>) {
    let head: Vec<&str> = answer
        .head
        .lines()
        .filter(|line| !line.starts_with("date: ") && !line.starts_with("x-request-id: "))
        .collect();
    (head.join("\n"), answer.body.clone())
}

#[test]
fn behind_the_bar_home_elsewhere_and_nobody_get_the_same_answer_byte_for_byte() {
    let org = Org::with_user("alice");
    org.add("bob", PASSWORD);
    org.add("carol", PASSWORD);
    let server = org.start();
    // Alice is at home here. Bob and carol are not, and nobody is nobody.
    server.member("alice", PASSWORD);
    for alias in ["alice", "bob", "carol", "nobody"] {
        strangers_fail(&org, alias, 100);
    }
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(server.login("alice", WRONG));
        answers.push(server.login("bob", WRONG));
        // Even the right password: who guesses it does not see that he did.
        answers.push(server.login("carol", PASSWORD));
        answers.push(server.login("nobody", WRONG));
    }
    for answer in &answers {
        assert_eq!(answer.status, 429);
        assert_eq!(answer.header("retry-after"), Some("900"));
        assert_eq!(seen(answer), seen(&answers[0]));
    }
    // They were counted alike, too: the fifth is the last that is free.
    for (alias, password) in [
        ("alice", WRONG),
        ("bob", WRONG),
        ("carol", PASSWORD),
        ("nobody", WRONG),
    ] {
        assert_eq!(seen(&server.login(alias, password)), seen(&answers[0]));
        let held_up = server.login(alias, password);
        assert_eq!(held_up.status, 429);
        assert_eq!(held_up.body, answers[0].body);
    }
    let audit = org.audit();
    let told = "login carol right password of a stranger, who is barred";
    assert!(audit.iter().any(|line| line == told), "{audit:?}");
    // And at home the right one still opens.
    eventually("the delay of alice's own failures", PATIENCE, || {
        server.login("alice", PASSWORD).status == 200
    });
    assert_ne!(server.login("bob", PASSWORD).status, 200);
}

#[test]
fn an_address_is_held_up_for_who_logged_in_there_as_for_everybody() {
    let org = Org::with_user("alice");
    let server = org.start();
    let laptop = server.member("alice", PASSWORD);
    let here = Source::of(Ipv4Addr::LOCALHOST.into());
    org.in_store(async |store| {
        for n in 0..40 {
            let ghost = format!("ghost-{n}").parse().unwrap();
            let now = OffsetDateTime::now_utc();
            Attempt::new(Some(&ghost), here)
                .failed(store, "no such user", now)
                .await
                .unwrap();
        }
    });
    let [alice, nobody] = ["alice", "nobody"].map(|alias| server.login(alias, PASSWORD));
    assert_eq!((alice.status, nobody.status), (429, 429));
    assert_eq!(alice.body, nobody.body);
    // Her device shows who she is before anything is answered.
    let csr = request(&rcgen::KeyPair::generate().unwrap());
    let body = serde_json::json!({"alias": "alice", "password": PASSWORD, "csr": csr});
    let answer = server.json(Some(&laptop), "POST /verify", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
}
