//! Renewal of certificates over mutual TLS, against the real server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use common::identity::{OrgRoot, PeerCertificate};
use rcgen::KeyPair;
use root_ca::Subject;
use support::*;
use time::OffsetDateTime;

fn read(org: &Org, member: &Member) -> PeerCertificate {
    let root = OrgRoot::from_der(org.root()).unwrap();
    PeerCertificate::from_der(&member.leaf, root.label()).unwrap()
}

fn alice() -> Subject {
    subject("alice", "member")
}

fn ago(days: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() - time::Duration::days(days)
}

fn with_grace(org: &Org, grace: &str) {
    let path = org.home().join("config.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let default = "# renewal_grace = \"30d\"";
    assert!(text.contains(default), "{text}");
    let set = text.replace(default, &format!("renewal_grace = \"{grace}\""));
    std::fs::write(&path, set).unwrap();
}

#[test]
fn a_renewal_gets_the_same_person_a_certificate_for_a_fresh_key() {
    let org = Org::with_user("alice");
    let server = org.start();
    let old = server.member("alice", PASSWORD);
    let new = server.renew(&old).ok().unwrap();
    let (before, after) = (read(&org, &old), read(&org, &new));
    assert_eq!(after.name(), before.name());
    assert_eq!(after.role(), before.role());
    assert_ne!(after.key_sha256(), before.key_sha256());
    // The old one still serves, and the next is renewed in its turn.
    assert!(server.renew(&old).is_ok());
    assert!(server.renew(&new).is_ok());
    let shown = said(&org.command(&["cert", "show", &new.serial(), "--json"]));
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["renews"], old.serial());
    let told = format!("{} of alice after {}", new.serial(), old.serial());
    let audit = org.audit_records();
    let entry = audit.iter().find(|entry| entry.object == told).unwrap();
    assert_eq!(
        (
            entry.action.as_str(),
            entry.actor.as_str(),
            entry.source.as_str()
        ),
        ("cert.renew", "alice", "127.0.0.1")
    );
}

#[test]
fn without_a_certificate_or_with_the_old_key_there_is_no_renewal() {
    let org = Org::with_user("alice");
    let server = org.start();
    let old = server.member("alice", PASSWORD);
    let body = serde_json::json!({ "csr": request(&KeyPair::generate().unwrap()) }).to_string();
    let request_bytes = post("/renew", "application/json", body.as_bytes());
    let answer = server.send(&request_bytes);
    assert_eq!(answer.status, 401);
    assert!(answer.text().contains("needs a member's certificate"));
    let answer = server.renew_with(&old, &request(&old.key)).unwrap();
    assert_eq!(answer.status, 400);
    assert!(
        answer.text().contains("make a fresh one"),
        "{}",
        answer.text()
    );
}

#[test]
fn a_certificate_that_ended_within_the_grace_is_renewed() {
    let org = Org::with_user("alice");
    let server = org.start();
    // Ended 29 days ago: lives 24 hours.
    let late = org.issued(&alice(), ago(30) + time::Duration::hours(1), Recorded::Yes);
    assert!(server.renew(&late).is_ok());
    let too_late = org.issued(&alice(), ago(31) - time::Duration::hours(1), Recorded::Yes);
    assert_eq!(server.refusal(&too_late).0, 0);
    drop(server);
    with_grace(&org, "0d");
    let server = org.start();
    assert_eq!(server.refusal(&late).0, 0);
    let current = org.issued(&alice(), ago(0), Recorded::Yes);
    assert!(server.renew(&current).is_ok());
}

#[test]
fn who_is_blocked_does_not_renew_nor_afterwards_with_what_was_blocked() {
    for block in [
        &["user", "disable", "alice"][..],
        &["user", "revoke", "alice", "--reason", "keyCompromise"],
    ] {
        let org = Org::with_user("alice");
        let server = org.start();
        let current = server.member("alice", PASSWORD);
        let ended = org.issued(&alice(), ago(3), Recorded::Yes);
        succeeded(&org.command(block));
        for member in [&current, &ended] {
            let (status, text) = server.refusal(member);
            assert_eq!(status, 403, "{text}");
            assert!(text.contains("revoked or its member is blocked"), "{text}");
        }
        assert_eq!(server.login("alice", PASSWORD).status, 401);
        succeeded(&org.command(&["user", "enable", "alice"]));
        // The finder of a lost device gets nothing when its owner may work again.
        for member in [&current, &ended] {
            assert_eq!(server.refusal(member).0, 403);
        }
        let again = server.member("alice", PASSWORD);
        assert!(server.renew(&again).is_ok());
    }
}

#[test]
fn a_removed_person_does_not_renew() {
    let org = Org::with_user("alice");
    let server = org.start();
    let old = server.member("alice", PASSWORD);
    succeeded(&org.command(&["user", "rm", "alice", "--yes"]));
    assert_eq!(server.refusal(&old).0, 403);
}

#[test]
fn a_certificate_revoked_by_its_number_is_not_renewed_while_others_are() {
    let org = Org::with_user("alice");
    let server = org.start();
    let (lost, other) = (
        server.member("alice", PASSWORD),
        server.member("alice", PASSWORD),
    );
    org.report_stolen(&lost);
    assert_eq!(server.refusal(&lost).0, 403);
    assert!(server.renew(&other).is_ok());
}

#[test]
fn another_role_comes_with_a_renewal_unless_something_else_stands_against_it() {
    let org = Org::with_user("alice");
    let server = org.start();
    let (old, lost) = (
        server.member("alice", PASSWORD),
        server.member("alice", PASSWORD),
    );
    succeeded(&org.command(&["user", "role", "alice", "reader"]));
    let new = server.renew(&old).ok().unwrap();
    assert_eq!(read(&org, &new).role().as_str(), "reader");
    // Found missing only after the change of role.
    org.report_stolen(&lost);
    assert_eq!(server.refusal(&lost).0, 403);
    succeeded(&org.command(&["user", "role", "alice", "member"]));
    succeeded(&org.command(&["user", "disable", "alice"]));
    succeeded(&org.command(&["user", "enable", "alice"]));
    for member in [&old, &new] {
        assert_eq!(server.refusal(member).0, 403);
    }
}

#[test]
fn nothing_is_renewed_while_a_one_time_password_waits() {
    let org = Org::with_user("alice");
    let server = org.start();
    let old = server.member("alice", PASSWORD);
    succeeded(&org.command(&["user", "passwd", "alice", "--one-time"]));
    let (status, text) = server.refusal(&old);
    assert_eq!(status, 403);
    assert!(text.contains("password-must-change"), "{text}");
}

#[test]
fn a_client_that_renews_in_a_loop_is_told_to_wait() {
    let org = Org::with_user("alice");
    let server = org.start();
    let first = server.member("alice", PASSWORD);
    let mut last = server.renew(&first).ok().unwrap();
    for _ in 1..30 {
        last = server.renew(&last).ok().unwrap();
    }
    for member in [&first, &last] {
        let Err(Some(answer)) = server.renew(member) else {
            panic!("no end of renewals");
        };
        assert_eq!(answer.status, 429);
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=3600).contains(&wait), "{wait}");
    }
    // Another device of hers is not held up.
    let other = server.member("alice", PASSWORD);
    assert!(server.renew(&other).is_ok());
}

#[test]
fn nobody_renews_with_a_certificate_that_is_not_a_member_s_own() {
    let org = Org::with_user("alice");
    let server = org.start();
    let (now, good) = (ago(0), org.issued(&alice(), ago(0), Recorded::Yes));
    assert!(server.renew(&good).is_ok());
    // Signed by the root, and not in the ledger.
    let unknown = org.issued(&alice(), now, Recorded::No);
    assert_eq!(server.refusal(&unknown).0, 401);
    // The same organisation's name, alias and role; another root.
    let other = Org::with_user("alice").issued(&alice(), now, Recorded::Yes);
    assert_eq!(server.refusal(&other).0, 0);
    // Another auth server's certificate, or this one's.
    let https = Subject::AuthServer {
        hosts: vec!["auth.example".parse().unwrap()],
    };
    assert_eq!(server.refusal(&org.issued(&https, now, Recorded::Yes)).0, 0);
}

#[test]
fn a_login_that_waits_does_not_hold_up_renewals() {
    let org = Org::with_user("alice");
    let server = org.start();
    let member = server.member("alice", PASSWORD);
    for _ in 0..6 {
        server.login("alice", "not the password");
    }
    assert_eq!(server.login("alice", PASSWORD).status, 429);
    assert!(server.renew(&member).is_ok());
    eventually("the line of the renewal", PATIENCE, || {
        server.log().contains("\"POST /renew HTTP/1.1\" 200")
    });
}
