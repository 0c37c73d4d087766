//! Hostile certificate requests at both doors of the real server: after a login, and at a renewal.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use common::identity::{OrgRoot, PeerCertificate};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, PKCS_ECDSA_P384_SHA384,
    PKCS_ED25519,
};
use support::*;
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// More than any answer takes, a password's hash and a busy machine included.
const BOUNDED: Duration = Duration::from_secs(20);

const RSA_ENCRYPTION: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const SHA256_WITH_RSA: [u8; 11] = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const NULL: [u8; 2] = [5, 0];
const INTEGER: u8 = 2;
const BIT_STRING: u8 = 3;
const SEQUENCE: u8 = 0x30;

/// An element of DER.
fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let mut whole = match content.len() {
        0..128 => vec![tag, length[1]],
        128..256 => vec![tag, 0x81, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    whole.extend(content);
    whole
}

/// A request whose key has a modulus of so many bytes and that exponent. Nobody holds the private
/// half; the key is looked at before the signature.
fn rsa(modulus_bytes: usize, exponent: &[u8]) -> String {
    let modulus = [&[0, 0xc1][..], &vec![0x5b; modulus_bytes - 1]].concat();
    let key = element(
        SEQUENCE,
        &[
            &element(INTEGER, &[&modulus]),
            &element(INTEGER, &[exponent]),
        ],
    );
    let algorithm = element(SEQUENCE, &[&RSA_ENCRYPTION, &NULL]);
    let public = element(SEQUENCE, &[&algorithm, &element(BIT_STRING, &[&[0], &key])]);
    let info = element(
        SEQUENCE,
        &[&[INTEGER, 1, 0], &[SEQUENCE, 0], &public, &[0xa0, 0]],
    );
    let signed_with = element(SEQUENCE, &[&SHA256_WITH_RSA, &NULL]);
    let signature = element(BIT_STRING, &[&[0], &vec![0x5b; modulus_bytes]]);
    csr_pem(&element(SEQUENCE, &[&info, &signed_with, &signature]))
}

/// A request with a true signature by a key that `openssl genpkey` made.
fn openssl(options: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA"])
        .args(options.iter().flat_map(|option| ["-pkeyopt", option]))
        .arg("-out")
        .arg(&key)
        .output()
        .unwrap();
    succeeded(&made);
    let request = Command::new("openssl")
        .args(["req", "-new", "-subj", "/CN=admin", "-key"])
        .arg(&key)
        .output()
        .unwrap();
    succeeded(&request);
    String::from_utf8(request.stdout).unwrap()
}

fn csr_pem(der: &[u8]) -> String {
    pem("CERTIFICATE REQUEST", der)
}

fn der(key: &KeyPair) -> Vec<u8> {
    let params = CertificateParams::default();
    params.serialize_request(key).unwrap().der().to_vec()
}

/// What no certificate may come of.
fn refused() -> Vec<(&'static str, String)> {
    let honest = der(&KeyPair::generate().unwrap());
    let mut bent = honest.clone();
    *bent.last_mut().unwrap() ^= 1;
    let trailing = [honest.as_slice(), &[0]].concat();
    let one = csr_pem(&honest);
    vec![
        ("bad signature", csr_pem(&bent)),
        ("trailing bytes", csr_pem(&trailing)),
        ("two blocks", format!("{one}{one}")),
        ("text around it", format!("hello\n{one}")),
        ("another label", pem("CERTIFICATE", &honest)),
        ("empty", String::new()),
        ("empty block", csr_pem(&[])),
        ("not PEM", "\u{0}\u{1b}[2J".to_owned()),
        ("RSA 1024", openssl(&["rsa_keygen_bits:1024"])),
        (
            "e = 3",
            openssl(&["rsa_keygen_bits:2048", "rsa_keygen_pubexp:3"]),
        ),
        ("e = 1", rsa(256, &[1])),
        ("even e", rsa(256, &[2])),
        ("smooth modulus", rsa(256, &[1, 0, 1])),
        ("RSA 16384", rsa(2048, &[1, 0, 1])),
        (
            "Ed25519",
            csr_pem(&der(&KeyPair::generate_for(&PKCS_ED25519).unwrap())),
        ),
        (
            "P-384",
            csr_pem(&der(
                &KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap()
            )),
        ),
    ]
}

#[test]
fn hostile_requests_are_refused_at_both_doors_in_bounded_time() {
    let org = Org::with_user("alice");
    let server = org.start();
    let member = server.member("alice", PASSWORD);
    for (what, csr) in refused() {
        let start = Instant::now();
        let login = server.login_with("alice", PASSWORD, &csr);
        let renewal = server.renew_with(&member, &csr).unwrap();
        assert_eq!((login.status, renewal.status), (400, 400), "{what}");
        assert!(start.elapsed() < BOUNDED, "{what}");
    }
    assert!(server.renew(&member).is_ok());
}

#[test]
fn ten_megabytes_are_not_read_at_either_door() {
    let org = Org::with_user("alice");
    let server = org.start();
    let member = server.member("alice", PASSWORD);
    let csr = "A".repeat(10 << 20);
    for (path, who) in [("/verify", None), ("/renew", Some(&member))] {
        let body = serde_json::json!({"alias": "alice", "password": PASSWORD, "csr": csr});
        let start = Instant::now();
        let request = post(path, "application/json", body.to_string().as_bytes());
        // The connection may be reset while the client still writes.
        if let Some(answer) = server.send_as(who, &request) {
            assert_eq!(answer.status, 413, "{path}");
        }
        assert!(start.elapsed() < BOUNDED);
    }
    assert!(server.renew(&member).is_ok());
}

#[test]
fn bodies_of_every_wrong_shape_are_refused_at_renewal() {
    let org = Org::with_user("alice");
    let server = org.start();
    let member = server.member("alice", PASSWORD);
    for (kind, body, status) in [
        ("application/json", &b""[..], 400),
        ("application/json", b"{", 400),
        ("application/json", b"{}", 400),
        ("application/json", br#"{"csr":1}"#, 400),
        ("application/json", br#"{"csr":"a","csr":"b"}"#, 400),
        ("text/plain", b"{}", 415),
    ] {
        let answer = server
            .send_as(Some(&member), &post("/renew", kind, body))
            .unwrap();
        assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn what_a_request_asks_for_is_given_at_neither_door() {
    let org = Org::with_user("alice");
    let server = org.start();
    let member = server.member("alice", PASSWORD);
    let csr = || {
        let names = [
            "admin.peer.acme-corp.internal".to_owned(),
            "localhost".to_owned(),
        ];
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "admin");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        csr_pem(params.serialize_request(&key).unwrap().der())
    };
    let root = OrgRoot::from_der(org.root()).unwrap();
    for answer in [
        server.login_with("alice", PASSWORD, &csr()),
        server.renew_with(&member, &csr()).unwrap(),
    ] {
        let leaf = answer.certificate();
        // Passes only with one name, no authority, and the usages of a member.
        let read = PeerCertificate::from_der(&leaf, root.label()).unwrap();
        assert_eq!(read.name().to_string(), "alice.peer.acme-corp.internal");
        assert_eq!(read.role().as_str(), "member");
        let parsed = Certificate::from_der(&leaf).unwrap();
        assert_eq!(parsed.tbs_certificate().extensions().unwrap().len(), 6);
        for asked in [&b"admin"[..], b"localhost"] {
            assert!(!leaf.windows(asked.len()).any(|window| window == asked));
        }
    }
}

#[test]
fn a_request_heard_from_somebody_else_is_worth_nothing() {
    let org = Org::with_user("alice");
    org.add("mallory", PASSWORD);
    let server = org.start();
    let (alice, mallory) = (
        server.member("alice", PASSWORD),
        server.member("mallory", PASSWORD),
    );
    let heard = request(&alice.key);
    let renewal = server.renew_with(&mallory, &heard).unwrap();
    let login = server.login_with("mallory", PASSWORD, &heard);
    assert_eq!((renewal.status, login.status), (400, 400));
    for answer in [renewal, login] {
        assert!(
            answer.text().contains("certified before"),
            "{}",
            answer.text()
        );
    }
}
