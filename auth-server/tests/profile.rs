//! What members tell of themselves, over mutual TLS.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::*;

fn me(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    serde_json::from_slice(&answer.body).unwrap()
}

fn get(server: &Server, device: Option<&Member>) -> Answer {
    let request = b"GET /me HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    server.send_as(device, request).expect("no answer")
}

#[test]
fn a_member_sees_and_changes_his_own_details() {
    let org = Org::with_user("alice");
    org.add("bob", PASSWORD);
    let server = org.start();
    let alice = server.member("alice", PASSWORD);
    let mut expected = json!({
        "alias": "alice", "role": "member", "display_name": "", "email": "",
    });
    assert_eq!(me(&get(&server, Some(&alice))), expected);
    let told = json!({"display_name": "Alice \u{d6}stberg", "email": "alice@example.org"});
    let changed = server.json(Some(&alice), "PUT /me", &told);
    expected["display_name"] = told["display_name"].clone();
    expected["email"] = told["email"].clone();
    assert_eq!(me(&changed), expected);
    assert_eq!(me(&get(&server, Some(&alice))), expected);
    let shown = org.command(&["user", "show", "alice"]);
    assert!(said(&shown).contains("Alice \u{d6}stberg"));
    assert!(org.audit().contains(&"user.profile alice ok".to_owned()));
    let bob = me(&get(&server, Some(&server.member("bob", PASSWORD))));
    assert_eq!(
        (bob["alias"].as_str(), bob["email"].as_str()),
        (Some("bob"), Some(""))
    );
}

#[test]
fn details_that_mislead_are_refused_and_change_nothing() {
    let org = Org::with_user("alice");
    let server = org.start();
    let alice = server.member("alice", PASSWORD);
    for (name, email) in [
        ("a\nb", ""),
        ("\u{1b}[2J", ""),
        ("\u{202e}ecila", ""),
        ("x".repeat(101).as_str(), ""),
        ("", "alice"),
        ("", "a@b\r\nbcc: c@d"),
        ("", &format!("{}@example.org", "x".repeat(250))),
    ] {
        let told = json!({"display_name": name, "email": email});
        let answer = server.json(Some(&alice), "PUT /me", &told);
        let refused = (422, "urn:orgshare:problem:details".to_owned());
        assert_eq!(answer.problem(), refused, "{told}");
    }
    for body in [
        json!({}),
        json!({"display_name": "x"}),
        json!({"display_name": "x", "email": "", "role": "admin"}),
        json!([]),
    ] {
        assert_eq!(
            server.json(Some(&alice), "PUT /me", &body).status,
            400,
            "{body}"
        );
    }
    let told = me(&get(&server, Some(&alice)));
    assert_eq!(told["display_name"], "");
    assert_eq!(told["role"], "member");
}

#[test]
fn without_a_valid_certificate_there_is_nothing_to_see() {
    let org = Org::with_user("alice");
    let server = org.start();
    let told = json!({"display_name": "x", "email": ""});
    assert_eq!(get(&server, None).status, 401);
    assert_eq!(server.json(None, "PUT /me", &told).status, 401);
    let alice = server.member("alice", PASSWORD);
    succeeded(&org.command(&["user", "role", "alice", "night-shift", "--new-role"]));
    // The old certificate states another role, and was revoked.
    assert_eq!(get(&server, Some(&alice)).status, 403);
    assert_eq!(server.json(Some(&alice), "PUT /me", &told).status, 403);
    let alice = server.member("alice", PASSWORD);
    assert_eq!(me(&get(&server, Some(&alice)))["role"], "night-shift");
    succeeded(&org.command(&["user", "disable", "alice"]));
    assert_eq!(get(&server, Some(&alice)).status, 403);
}
