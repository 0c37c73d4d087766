//! Who gets nothing from the `/admin` routes: everybody who is not an administrator now.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use root_ca::Subject;
use serde_json::Value;
use support::*;
use time::{Duration, OffsetDateTime};

/// Every route, with a body that it would take.
fn routes(serial: &str) -> Vec<(&'static str, String, Option<&'static str>)> {
    let add = r#"{"alias":"mallory","role":"admin","password":{"chosen":"plum glacier window ostrich seven"}}"#;
    let reason = r#"{"reason":"keyCompromise"}"#;
    vec![
        ("GET", "/admin/users".into(), None),
        ("POST", "/admin/users".into(), Some(add)),
        ("GET", "/admin/users/bob".into(), None),
        ("DELETE", "/admin/users/bob".into(), None),
        (
            "PUT",
            "/admin/users/bob/password".into(),
            Some(r#"{"password":"one_time"}"#),
        ),
        (
            "PUT",
            "/admin/users/bob/role".into(),
            Some(r#"{"role":"admin"}"#),
        ),
        ("POST", "/admin/users/bob/enable".into(), None),
        ("POST", "/admin/users/bob/disable".into(), None),
        ("POST", "/admin/users/bob/unlock".into(), None),
        ("POST", "/admin/users/bob/revoke".into(), Some(reason)),
        ("GET", "/admin/certificates?limit=10".into(), None),
        ("GET", format!("/admin/certificates/{serial}"), None),
        (
            "POST",
            format!("/admin/certificates/{serial}/revoke"),
            Some(reason),
        ),
        ("GET", "/admin/audit?after=0&limit=10".into(), None),
    ]
}

fn kind(answer: &Answer) -> String {
    let document: Value = serde_json::from_slice(&answer.body).unwrap();
    document["type"].as_str().unwrap().to_owned()
}

/// Asks all routes and expects that answer, or none.
fn all_refuse(server: &Server, who: Option<&Member>, serial: &str, expected: Option<(u16, &str)>) {
    for (method, path, body) in routes(serial) {
        let answer = server.ask(who, method, &path, body);
        let got = answer.as_ref().map(|answer| (answer.status, kind(answer)));
        let expected =
            expected.map(|(status, kind)| (status, format!("urn:orgshare:problem:{kind}")));
        assert_eq!(got, expected, "{method} {path}");
    }
}

fn state(org: &Org) -> String {
    said(&org.command(&["user", "list", "--json"]))
}

#[test]
fn only_an_administrator_of_this_moment_gets_anything() {
    let org = Org::new();
    for (alias, role) in [("root", "admin"), ("was", "admin"), ("alice", "member")] {
        org.add_as(alias, role);
    }
    org.add("bob", PASSWORD);
    let server = org.start();
    let root = server.member("root", PASSWORD);
    let (was, alice) = (
        server.member("was", PASSWORD),
        server.member("alice", PASSWORD),
    );
    let revoked = server.member("root", PASSWORD);
    let bobs = server.member("bob", PASSWORD).serial();
    succeeded(&org.command(&["cert", "revoke", &revoked.serial()]));
    // The certificate goes on saying admin, and nobody has revoked it.
    sql(&org, "UPDATE users SET role = 'member' WHERE alias = 'was'");
    let elsewhere = Org::new();
    let now = OffsetDateTime::now_utc();
    let admin = subject("root", "admin");
    let hosts = vec!["localhost".parse().unwrap()];
    let ended = org.issued(&admin, now - Duration::days(2), Recorded::Yes);
    let long_ended = org.issued(&admin, now - Duration::days(40), Recorded::Yes);
    let unknown = org.issued(&admin, now, Recorded::No);
    let https = org.issued(&Subject::AuthServer { hosts }, now, Recorded::Yes);
    let foreign = elsewhere.issued(&admin, now, Recorded::No);

    let before = state(&org);
    for (who, expected) in [
        (None, Some((401, "certificate-needed"))),
        (Some(&alice), Some((403, "not-allowed"))),
        (Some(&was), Some((403, "not-allowed"))),
        (Some(&ended), Some((401, "certificate-expired"))),
        (Some(&revoked), Some((403, "certificate-refused"))),
        (Some(&unknown), Some((401, "certificate-unknown"))),
        (Some(&long_ended), None),
        (Some(&https), None),
        (Some(&foreign), None),
    ] {
        all_refuse(&server, who, &bobs, expected);
    }
    assert_eq!(state(&org), before);
    assert!(said(&org.command(&["cert", "show", &bobs])).contains("valid"));

    let entries = org.audit_told();
    for who in ["alice", "was"] {
        for (method, path, _) in routes(&bobs) {
            let path = path.split('?').next().unwrap();
            let entry =
                format!("{who} | 127.0.0.1 | admin | {method} {path} | not an administrator");
            assert!(entries.contains(&entry), "{entry} is not in {entries:#?}");
        }
    }
    // And whoever is one gets all of it.
    for (method, path, body) in routes(&bobs) {
        if method == "DELETE" {
            continue;
        }
        let answer = server.ask(Some(&root), method, &path, body).unwrap();
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {}",
            answer.text()
        );
    }
    assert_ne!(state(&org), before);
}

#[test]
fn an_administrator_who_is_disabled_or_loses_the_role_is_out_at_once() {
    let org = Org::new();
    org.add_as("root", "admin");
    let server = org.start();
    let root = server.member("root", PASSWORD);
    let status = |who: &Member| {
        server
            .ask(Some(who), "GET", "/admin/users", None)
            .unwrap()
            .status
    };
    assert_eq!(status(&root), 200);
    succeeded(&org.command(&["user", "role", "root", "member"]));
    assert_eq!(status(&root), 403);
    succeeded(&org.command(&["user", "role", "root", "admin"]));
    // The old certificate stays revoked; the next one is good until the account is not.
    assert_eq!(status(&root), 403);
    let again = server.member("root", PASSWORD);
    assert_eq!(status(&again), 200);
    succeeded(&org.command(&["user", "disable", "root"]));
    assert_eq!(status(&again), 403);
}

#[test]
fn a_member_who_asks_again_and_again_does_not_fill_the_log() {
    let org = Org::with_user("alice");
    let server = org.start();
    let alice = server.member("alice", PASSWORD);
    let long = format!("/admin/users/{}", "x".repeat(8000));
    for _ in 0..35 {
        let answer = server.ask(Some(&alice), "GET", &long, None).unwrap();
        assert_eq!(answer.status, 403);
    }
    let entries = org.audit_told();
    let denials: Vec<&String> = entries
        .iter()
        .filter(|told| told.contains("| admin |"))
        .collect();
    assert_eq!(denials.len(), 30);
    assert!(
        denials.iter().all(|told| told.len() < 400),
        "{}",
        denials[0]
    );
    assert!(denials[29].ends_with("no more is told for an hour"));
}

#[test]
fn an_order_that_was_held_back_does_not_outlive_a_revocation() {
    let org = Org::new();
    org.add_as("root", "admin");
    let server = org.start();
    let root = server.member("root", PASSWORD);
    let body = r#"{"alias":"backdoor","role":"admin","password":"one_time"}"#;
    let mut held = server.hold_back(&root, body);
    revoke(&org, "root");
    held.let_go();
    assert_eq!(held.status(), 403);
    assert!(!listed(&org).contains("backdoor"));
}

fn revoke(org: &Org, alias: &str) {
    succeeded(&org.command(&["user", "revoke", alias, "--reason", "keyCompromise"]));
}

fn listed(org: &Org) -> String {
    said(&org.command(&["user", "list"]))
}
