//! Revocation lists, read by stock OpenSSL and by pkilint.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use root_ca::{CrlError, KeyType, RevocationReason, RevokedCertificate, Serial, SoftwareKey};
use support::*;

fn one_of_each() -> Vec<RevokedCertificate> {
    let revoked = |reason| RevokedCertificate {
        serial: Serial::random().unwrap(),
        revoked_at: now(),
        reason,
    };
    RevocationReason::ALL.into_iter().map(revoked).collect()
}

#[test]
fn every_crl_passes_openssl_and_pkilint() {
    for key_type in [KeyType::Rsa3072, KeyType::P256] {
        let authority = authority(key_type);
        let dir = tempfile::tempdir().unwrap();
        let root = pem("CERTIFICATE", authority.root().certificate());
        let root = write(dir.path(), "root.crt", root);
        for (number, list) in [(1, vec![]), (200, one_of_each())] {
            let crl = authority.sign_crl(&list, number, 0, now()).unwrap();
            let crl = write(dir.path(), "root.crl", pem("X509 CRL", crl.der()));
            let said = openssl(&["crl", "-in", &crl, "-CAfile", &root, "-verify", "-noout"]);
            assert!(said.contains("verify OK"), "{said}");
            pkilint(
                "lint_crl",
                &["lint", "-s", "NOTICE", "-t", "CRL", "-p", "PKIX", &crl],
            );
        }
    }
}

#[test]
fn openssl_finds_a_revoked_certificate_in_the_list() {
    let authority = authority(KeyType::P256);
    let dir = tempfile::tempdir().unwrap();
    let issued = issue(
        &authority,
        &alice(),
        &SoftwareKey::generate(KeyType::P256).unwrap(),
    );
    let entry = RevokedCertificate {
        serial: issued.entry().serial,
        revoked_at: now(),
        reason: RevocationReason::PrivilegeWithdrawn,
    };
    let crl = authority.sign_crl(&[entry], 7, 6, now()).unwrap();
    let crl = write(dir.path(), "root.crl", pem("X509 CRL", crl.der()));
    let text = openssl(&["crl", "-in", &crl, "-noout", "-text", "-crlnumber"]);
    let serial = issued.entry().serial.to_string().to_uppercase();
    assert!(text.contains(&serial), "{text}");
    assert!(text.contains("Privilege Withdrawn"), "{text}");
    assert!(text.contains("crlNumber=0x07"), "{text}");
}

#[test]
fn a_crl_number_must_rise() {
    let authority = authority(KeyType::P256);
    for (number, last) in [(1, 1), (1, 2)] {
        assert!(matches!(
            authority.sign_crl(&[], number, last, now()),
            Err(CrlError::NotMonotone { .. })
        ));
    }
}

#[test]
fn a_hundred_thousand_entries_fit() {
    let authority = authority(KeyType::P256);
    let entry = |_| RevokedCertificate {
        serial: Serial::random().unwrap(),
        revoked_at: now(),
        reason: RevocationReason::PrivilegeWithdrawn,
    };
    let list: Vec<_> = (0..100_000).map(entry).collect();
    assert!(authority.sign_crl(&list, 1, 0, now()).is_ok());
}
