//! Certificate requests, honest ones and hostile ones. Requests are made by rcgen and by stock
//! OpenSSL, neither of which this crate uses to read them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::{Duration, Instant};

use common::identity::PeerCertificate;
use rcgen::{CertificateParams, DnType, IsCa, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use root_ca::{KeyType, MAX_REQUEST_BYTES, ProvenKey, RequestError};
use support::*;

fn request(key: &KeyPair) -> Vec<u8> {
    let params = CertificateParams::default();
    params.serialize_request(key).unwrap().der().to_vec()
}

/// A request made by `openssl req`, DER.
fn openssl_request(key_options: &[&str]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key").to_str().unwrap().to_owned();
    let out = dir.path().join("csr").to_str().unwrap().to_owned();
    let mut generate = vec!["genpkey", "-out", &key];
    generate.extend(key_options);
    openssl(&generate);
    openssl(&[
        "req", "-new", "-key", &key, "-subj", "/CN=x", "-outform", "DER", "-out", &out,
    ]);
    std::fs::read(out).unwrap()
}

#[test]
fn keys_of_the_accepted_kinds_are_taken() {
    for options in [
        &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"][..],
        &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
        &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
        &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    ] {
        let der = openssl_request(options);
        let proven = ProvenKey::from_der(&der).unwrap();
        let text = pem("CERTIFICATE REQUEST", &der);
        assert_eq!(ProvenKey::from_pem(&text), Ok(proven.clone()));
        assert_eq!(ProvenKey::from_pem(&format!("\n{text}\n")), Ok(proven));
    }
}

#[test]
fn weak_and_foreign_keys_are_refused() {
    let rsa = |option: &'static str| {
        openssl_request(&[
            "-algorithm",
            "RSA",
            "-pkeyopt",
            option,
            "-pkeyopt",
            "rsa_keygen_primes:2",
        ])
    };
    let exponent_3 = openssl_request(&[
        "-algorithm",
        "RSA",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
        "-pkeyopt",
        "rsa_keygen_pubexp:3",
    ]);
    for (der, error) in [
        (rsa("rsa_keygen_bits:1024"), RequestError::KeyType),
        (rsa("rsa_keygen_bits:2056"), RequestError::KeyType),
        (rsa("rsa_keygen_bits:5120"), RequestError::KeyType),
        (exponent_3, RequestError::WeakKey),
        (
            request(&KeyPair::generate_for(&PKCS_ED25519).unwrap()),
            RequestError::KeyType,
        ),
        (
            request(&KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap()),
            RequestError::KeyType,
        ),
    ] {
        assert_eq!(ProvenKey::from_der(&der), Err(error));
    }
}

#[test]
fn another_person_s_public_key_is_not_certified() {
    let honest = request(&KeyPair::generate().unwrap());
    let mut forged = honest.clone();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert_eq!(ProvenKey::from_der(&forged), Err(RequestError::Signature));
}

#[test]
fn no_flipped_byte_gets_through() {
    let honest = request(&KeyPair::generate().unwrap());
    for at in 0..honest.len() {
        let mut flipped = honest.clone();
        flipped[at] ^= 0x01;
        assert!(ProvenKey::from_der(&flipped).is_err(), "byte {at}");
    }
}

#[test]
fn a_cut_or_continued_request_is_refused() {
    let honest = request(&KeyPair::generate().unwrap());
    for end in 0..honest.len() {
        assert!(ProvenKey::from_der(&honest[..end]).is_err());
    }
    let mut longer = honest.clone();
    longer.push(0);
    assert_eq!(ProvenKey::from_der(&longer), Err(RequestError::Malformed));
    let text = pem("CERTIFICATE REQUEST", &honest);
    for wrong in [
        format!("{text}{text}"),
        format!("hello\n{text}"),
        format!("{text}hello"),
        pem("CERTIFICATE", &honest),
        String::new(),
    ] {
        assert_eq!(
            ProvenKey::from_pem(&wrong),
            Err(RequestError::Malformed),
            "{wrong}"
        );
    }
}

#[test]
fn ten_megabytes_are_refused_at_once() {
    let start = Instant::now();
    let huge = vec![0x30; 10_000_000];
    assert_eq!(ProvenKey::from_der(&huge), Err(RequestError::TooLarge));
    let huge = "A".repeat(10_000_000);
    assert_eq!(ProvenKey::from_pem(&huge), Err(RequestError::TooLarge));
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn deep_nesting_is_refused_in_bounded_time() {
    let mut nested = Vec::new();
    while nested.len() < MAX_REQUEST_BYTES - 8 {
        let length = u16::try_from(nested.len()).unwrap().to_be_bytes();
        let mut outer = vec![0x30, 0x82];
        outer.extend(length);
        outer.extend(&nested);
        nested = outer;
    }
    let start = Instant::now();
    assert_eq!(ProvenKey::from_der(&nested), Err(RequestError::Malformed));
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn what_a_request_asks_for_is_ignored() {
    let authority = authority(KeyType::P256);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["mallory.example".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "admin");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "../../etc");
    let der = params.serialize_request(&key).unwrap().der().to_vec();
    let proven = ProvenKey::from_der(&der).unwrap();
    let prepared = authority
        .prepare(&profile(), &alice(), &proven, now())
        .unwrap();
    let issued = ready(authority.issue(prepared, &MemoryLedger::default())).unwrap();
    let read = PeerCertificate::from_der(issued.der(), authority.root().label()).unwrap();
    assert_eq!(read.name().alias().as_str(), "alice");
    for asked in [&b"admin"[..], b"mallory", b"../"] {
        assert!(
            !issued
                .der()
                .windows(asked.len())
                .any(|window| window == asked)
        );
    }
}
