//! The CRL as administrators and other programs see it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use auth_server::audit::Actor;
use auth_server::publish::CrlPublisher;
use auth_server::store::sqlite::SqliteStore;
use auth_server::store::{CertificateStore, Password, PasswordHash, UserChange, UserStore};
use root_ca::{Authority, KeyType, SoftwareKey};
use rustix::process::Signal;
use serde_json::Value;
use support::*;
use time::OffsetDateTime;

fn shown(org: &Org) -> Value {
    let shown = org.command(&["crl", "show", "--json"]);
    succeeded(&shown);
    serde_json::from_slice(&shown.stdout).unwrap()
}

fn listed(org: &Org, serial: &str) -> Option<Value> {
    let crl = shown(org);
    let entries = crl["entries"].as_array().unwrap();
    entries
        .iter()
        .find(|entry| entry["serial"] == serial)
        .cloned()
}

fn openssl(args: &[&str]) -> Output {
    Command::new("openssl").args(args).output().unwrap()
}

fn write(dir: &Path, name: &str, content: &[u8]) -> String {
    let path = dir.join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_list_is_signed_again_every_hour_and_at_once_when_something_was_revoked() {
    let noon = OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000);
    let key = SoftwareKey::generate(KeyType::P256).unwrap();
    let authority = Authority::create("Acme", Box::new(key), noon).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    std::fs::write(&path, b"").unwrap();
    let fingerprint = authority.root().fingerprint();
    let store = SqliteStore::create(&path, &fingerprint).await.unwrap();
    let publisher = CrlPublisher::start(&authority, &store, noon).await.unwrap();
    let alice = "alice".parse().unwrap();
    for (after, revokes, expected) in [
        (time::Duration::ZERO, false, 1),
        (time::Duration::minutes(59), false, 1),
        (time::Duration::minutes(60), false, 2),
        (time::Duration::minutes(61), true, 3),
        (time::Duration::minutes(62), false, 3),
        // Asleep.
        (time::Duration::days(2), false, 4),
        // The clock was set back: peers refuse lists from the future.
        (time::Duration::days(1), false, 5),
    ] {
        let now = noon + after;
        if revokes {
            let (by, role) = (Actor::console(), "member".parse().unwrap());
            let password = Password::chosen(PasswordHash::new("x".into()));
            store
                .add_user(&alice, &role, &password, &by, now)
                .await
                .unwrap();
            let gone = store.change_user(&alice, UserChange::Disable, &by, now);
            gone.await.unwrap();
        }
        publisher.refresh(&authority, &store, now).await.unwrap();
        let current = publisher.current();
        assert_eq!(current.etag, format!("\"{expected}\""), "{after}");
        let kept = store.last_crl().await.unwrap().unwrap();
        assert_eq!((kept.number, kept.der), (expected, current.der.to_vec()));
    }
}

#[test]
fn before_the_first_start_there_is_no_crl() {
    let org = Org::new();
    failed(&org.command(&["crl", "show"]), 1, "no CRL was signed yet");
}

#[test]
fn what_is_shown_and_exported_is_what_is_served() {
    let org = Org::with_user("alice");
    let server = org.start();
    let (lost, kept) = (
        server.member("alice", PASSWORD),
        server.member("alice", PASSWORD),
    );
    org.report_stolen(&lost);
    eventually("the revocation", PATIENCE, || {
        listed(&org, &lost.serial()).is_some()
    });
    let entry = listed(&org, &lost.serial()).unwrap();
    assert_eq!(
        (&entry["alias"], &entry["reason"]),
        (&Value::from("alice"), &Value::from("keyCompromise"))
    );
    assert_eq!(listed(&org, &kept.serial()), None);
    let served = server.get("/root.crl", "");
    assert_eq!(org.command(&["crl", "export"]).stdout, served.body);
    let etag = format!("\"{}\"", shown(&org)["number"]);
    assert_eq!(served.header("etag"), Some(etag.as_str()));
    let text = said(&org.command(&["crl", "show"]));
    assert!(
        text.contains(&lost.serial()) && text.contains("keyCompromise"),
        "{text}"
    );
    // It is there without the server, too.
    server.stop(Signal::TERM);
    assert_eq!(org.command(&["crl", "export"]).stdout, served.body);
}

#[test]
fn numbers_rise_over_restarts_and_kills_and_nothing_is_lost() {
    let org = Org::with_user("alice");
    let mut last = 0;
    let mut revoked = Vec::new();
    for turn in 0..4 {
        let server = org.start();
        let number = shown(&org)["number"].as_u64().unwrap();
        assert!(number > last);
        let member = server.member("alice", PASSWORD);
        succeeded(&org.command(&["cert", "revoke", &member.serial()]));
        revoked.push(member.serial());
        if turn % 2 == 0 {
            server.stop(Signal::KILL);
        } else {
            eventually("the revocation", PATIENCE, || {
                listed(&org, &member.serial()).is_some()
            });
            server.stop(Signal::TERM);
        }
        last = shown(&org)["number"].as_u64().unwrap();
        assert!(last >= number);
    }
    let _server = org.start();
    assert!(revoked.iter().all(|serial| listed(&org, serial).is_some()));
}

#[test]
fn openssl_agrees_with_what_is_served() {
    let org = Org::with_user("alice");
    let server = org.start();
    let (lost, kept) = (
        server.member("alice", PASSWORD),
        server.member("alice", PASSWORD),
    );
    let renewed = server.renew(&kept).ok().unwrap();
    succeeded(&org.command(&["cert", "revoke", &lost.serial()]));
    eventually("the revocation", PATIENCE, || {
        listed(&org, &lost.serial()).is_some()
    });
    let dir = tempfile::tempdir().unwrap();
    let root = write(dir.path(), "root.crt", &server.get("/root.crt", "").body);
    let crl = server.get("/root.crl", "").body;
    let crl = write(dir.path(), "root.crl", pem("X509 CRL", &crl).as_bytes());
    let exported = org.command(&["crl", "export", "--pem"]).stdout;
    assert_eq!(exported, std::fs::read(&crl).unwrap());
    let verified = openssl(&["crl", "-in", &crl, "-CAfile", &root, "-verify", "-noout"]);
    assert!(said(&verified).contains("verify OK"), "{}", said(&verified));
    let check = |member: &Member| {
        let leaf = write(
            dir.path(),
            "leaf.crt",
            pem("CERTIFICATE", &member.leaf).as_bytes(),
        );
        openssl(&[
            "verify",
            "-x509_strict",
            "-crl_check",
            "-CRLfile",
            &crl,
            "-CAfile",
            &root,
            &leaf,
        ])
    };
    succeeded(&check(&kept));
    succeeded(&check(&renewed));
    let refused = check(&lost);
    assert!(!refused.status.success());
    assert!(
        said(&refused).contains("certificate revoked"),
        "{}",
        said(&refused)
    );
}

#[test]
fn the_ledger_is_listed_by_state_role_and_end() {
    let org = Org::with_user("alice");
    org.add("bob", PASSWORD);
    succeeded(&org.command(&["user", "role", "bob", "reader"]));
    let server = org.start();
    let (alice, bob) = (
        server.member("alice", PASSWORD),
        server.member("bob", PASSWORD),
    );
    let revoked = server.member("alice", PASSWORD);
    succeeded(&org.command(&["cert", "revoke", &revoked.serial()]));
    let member = subject("alice", "member");
    let two_days_ago = OffsetDateTime::now_utc() - time::Duration::days(2);
    let ended = org.issued(&member, two_days_ago, Recorded::Yes);
    for (filters, expected) in [
        (&["--alias", "alice"][..], vec![&alice]),
        (&["--role", "reader"], vec![&bob]),
        (&["--revoked"], vec![&revoked]),
        (&["--expired"], vec![&ended]),
        (&["--expiring", "25h"], vec![&alice, &bob]),
        (&["--expiring", "23h"], vec![]),
        (
            &["--all", "--alias", "alice"],
            vec![&alice, &revoked, &ended],
        ),
    ] {
        let output = org.command(&[&["cert", "list", "--json"], filters].concat());
        let lines = String::from_utf8(output.stdout).unwrap();
        let mut found: Vec<String> = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            // The server's own certificate has no holder.
            .filter(|certificate| certificate["alias"].is_string())
            .map(|certificate| certificate["serial"].as_str().unwrap().to_owned())
            .collect();
        let mut expected: Vec<String> = expected.into_iter().map(Member::serial).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{filters:?}");
    }
    for wrong in [&["--all", "--revoked"][..], &["--expiring", "soon"]] {
        let output = org.command(&[&["cert", "list"], wrong].concat());
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    }
}
