//! Logins against the real server over real HTTPS.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use common::identity::{OrgRoot, PeerCertificate};
use rcgen::{CertificateParams, DnType, IsCa, KeyPair, PublicKeyData};
use support::*;

#[test]
fn the_right_password_gets_a_certificate_for_the_sent_key_and_the_own_alias() {
    let org = Org::with_user("alice");
    let server = org.start();
    let key = KeyPair::generate().unwrap();
    let answer = server.login_with("alice", PASSWORD, &request(&key));
    let leaf = answer.certificate();
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let root = OrgRoot::from_der(org.root()).unwrap();
    let read = PeerCertificate::from_der(&leaf, root.label()).unwrap();
    assert_eq!(read.name().to_string(), "alice.peer.acme-corp.internal");
    assert_eq!(read.role().as_str(), "member");
    let sent =
        aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &key.subject_public_key_info());
    assert_eq!(read.key_sha256(), sent.as_ref());
}

#[test]
fn what_the_request_asks_for_is_not_given() {
    let org = Org::with_user("alice");
    let server = org.start();
    let mut params = CertificateParams::new(["admin.peer.acme-corp.internal".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "admin");
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let der = params
        .serialize_request(&KeyPair::generate().unwrap())
        .unwrap();
    let csr = pem("CERTIFICATE REQUEST", der.der());
    let leaf = server.login_with("alice", PASSWORD, &csr).certificate();
    let root = OrgRoot::from_der(org.root()).unwrap();
    let read = PeerCertificate::from_der(&leaf, root.label()).unwrap();
    assert_eq!(read.name().alias().as_str(), "alice");
}

#[test]
fn unknown_wrong_disabled_and_impossible_get_one_answer() {
    let org = Org::with_user("alice");
    org.add("bob", PASSWORD);
    succeeded(&org.command(&["user", "disable", "bob"]));
    let server = org.start();
    let answers = [
        server.login("alice", "seven blue harbour crabs"),
        server.login("nobody", PASSWORD),
        server.login("bob", PASSWORD),
        server.login("../etc/passwd", PASSWORD),
    ];
    let without_names = |answer: &Answer| {
        let head = answer.head.lines();
        let head = head.filter(|line| !line.starts_with("date") && !line.starts_with("x-request"));
        (
            answer.status,
            head.collect::<Vec<_>>().join("\n"),
            answer.text(),
        )
    };
    let expected = r#"{"detail":"alias or password is wrong","status":401,"title":"Unauthorized","type":"about:blank"}"#;
    assert_eq!(answers[0].status, 401);
    assert_eq!(answers[0].text(), expected);
    for answer in &answers[1..] {
        assert_eq!(without_names(answer), without_names(&answers[0]));
    }
}

#[test]
fn a_recorded_login_with_another_public_key_gets_nothing() {
    let org = Org::with_user("alice");
    let server = org.start();
    let recorded = request(&KeyPair::generate().unwrap());
    // The thief knows no password: the recorded request alone is worth nothing.
    assert_eq!(server.login_with("alice", "", &recorded).status, 401);
    // And a key without proof of possession is refused even with the right password.
    let honest = CertificateParams::default();
    let der = honest
        .serialize_request(&KeyPair::generate().unwrap())
        .unwrap();
    let mut forged = der.der().to_vec();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let answer = server.login_with("alice", PASSWORD, &pem("CERTIFICATE REQUEST", &forged));
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("signature does not match its key"));
}

#[test]
fn hostile_bodies_are_refused_with_the_right_status() {
    let org = Org::with_user("alice");
    let server = org.start();
    for (kind, body, status) in [
        ("application/json", &b"{"[..], 400),
        ("application/json", b"[]", 400),
        ("application/json", b"{}", 400),
        ("application/json", b"\xff\xfe", 400),
        (
            "application/json",
            br#"{"alias":1,"password":"x","csr":"y"}"#,
            400,
        ),
        (
            "application/json",
            br#"{"alias":"a","alias":"b","password":"x","csr":"y"}"#,
            400,
        ),
        ("text/plain", b"{}", 415),
        ("application/x-www-form-urlencoded", b"alias=alice", 415),
        ("application/json", &[b' '; 65_537], 413),
    ] {
        let answer = server.post(kind, body);
        assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(body));
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
    }
    let deep = "[".repeat(60_000);
    assert_eq!(server.post("application/json", deep.as_bytes()).status, 400);
    let long = "x".repeat(1025);
    assert_eq!(server.login("alice", &long).status, 400);
    let csr = "-----BEGIN CERTIFICATE REQUEST-----\n".repeat(1000);
    assert_eq!(server.login_with("alice", PASSWORD, &csr).status, 400);
    assert_eq!(server.login("alice", PASSWORD).status, 200);
}

#[test]
fn an_endless_body_is_cut_off() {
    let org = Org::new();
    let server = org.start();
    let mut sent = b"POST /verify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
        connection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        .to_vec();
    for _ in 0..100 {
        sent.extend(b"400\r\n");
        sent.extend([b' '; 0x400]);
        sent.extend(b"\r\n");
    }
    assert_eq!(server.send(&sent).status, 413);
}

#[test]
fn other_paths_and_methods_do_nothing() {
    let org = Org::new();
    let server = org.start();
    assert_eq!(server.get("/", "").status, 404);
    assert_eq!(server.get("/root.key", "").status, 404);
    assert_eq!(server.get("/../root.key", "").status, 404);
    assert_eq!(server.get("/verify", "").status, 405);
    let deleted = server.send(b"DELETE /root.crt HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    assert_eq!(deleted.status, 405);
    assert_eq!(server.get("/healthz", "").text(), "ok\n");
}

#[test]
fn the_root_certificate_is_handed_to_anyone() {
    let org = Org::new();
    let server = org.start();
    let answer = server.get("/root.crt", "");
    assert_eq!(
        answer.header("content-type"),
        Some("application/x-pem-file")
    );
    assert_eq!(answer.certificate(), org.root());
    let exported = org.command(&["root", "export"]);
    assert_eq!(exported.stdout, answer.body);
}

#[test]
fn guessing_is_slowed_down_for_the_alias_and_the_delay_is_told() {
    let org = Org::with_user("alice");
    org.add("bob", PASSWORD);
    let server = org.start();
    for _ in 0..5 {
        assert_eq!(server.login("alice", "not the password").status, 401);
    }
    let answer = server.login("alice", PASSWORD);
    assert_eq!(answer.status, 429);
    assert!(
        answer
            .header("retry-after")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            >= 1
    );
    // Somebody else behind the same address is not shut out.
    assert_eq!(server.login("bob", PASSWORD).status, 200);
    // The state outlives a restart.
    let code = server.stop(rustix::process::Signal::TERM);
    assert_eq!(code, Some(143));
    let server = org.start();
    let gets_in_later = || {
        eventually("a login after the delay", PATIENCE, || {
            server.login("alice", PASSWORD).status == 200
        });
    };
    gets_in_later();
    // It forgot no failure: a guesser at the same address would see that she has come.
    assert_eq!(server.login("alice", "not the password").status, 401);
    assert_eq!(server.login("alice", PASSWORD).status, 429);
    gets_in_later();
}

#[test]
fn failures_of_others_behind_the_address_do_not_hold_up_one_s_own_device() {
    let org = Org::with_user("alice");
    let server = org.start();
    let laptop = server.member("alice", PASSWORD);
    let login = |server: &Server, shown: Option<&Member>| {
        let csr = request(&KeyPair::generate().unwrap());
        let body = serde_json::json!({"alias": "alice", "password": PASSWORD, "csr": csr});
        server.json(shown, "POST /verify", &body).status
    };
    let statuses = (0..40).map(|n| server.login(&format!("ghost{n}"), PASSWORD).status);
    let (throttled, wrong): (Vec<_>, Vec<_>) = statuses.partition(|status| *status == 429);
    assert!(wrong.len() >= 30 && !throttled.is_empty());
    assert_eq!(login(&server, Some(&laptop)), 200);
    server.stop(rustix::process::Signal::TERM);
    let server = org.start();
    assert_eq!(login(&server, Some(&laptop)), 200);
}

#[test]
fn no_secret_reaches_the_log() {
    let org = Org::with_user("alice");
    let server = Server::start(&org, &["--log-format", "json"]);
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    assert_eq!(server.login("alice", "another secret word").status, 401);
    eventually("two lines", PATIENCE, || {
        server.log().matches("POST").count() == 2
    });
    let log = server.log();
    for secret in [PASSWORD, "another secret", PASSPHRASE, "argon2", "BEGIN"] {
        assert!(!log.contains(secret), "{log}");
    }
    for line in log.lines() {
        assert!(
            serde_json::from_str::<serde_json::Value>(line).is_ok(),
            "{line}"
        );
    }
    assert!(log.contains("request_id"));
}

#[test]
fn a_line_of_the_access_log_looks_as_it_always_did() {
    let org = Org::with_user("alice");
    let server = org.start();
    server.login("alice", PASSWORD);
    let expected = "\"POST /verify HTTP/1.1\" 200 -";
    eventually("an access line", PATIENCE, || {
        server.log().contains(expected)
    });
    let log = server.log();
    let line = log.lines().find(|line| line.contains(expected)).unwrap();
    let rest = line.strip_prefix("127.0.0.1 - - [").unwrap();
    let time = rest.strip_suffix(&format!("] {expected}")).unwrap();
    assert_eq!(time.len(), "19/Nov/2026 00:15:51".len(), "{line}");
}
