//! What is issued, read by this project's own peers, by stock OpenSSL and by pkilint.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use common::identity::PeerCertificate;
use root_ca::{
    Authority, AuthorityError, Host, IssueError, KeyType, PrepareError, ProvenKey, SoftwareKey,
    Subject,
};
use support::*;
use time::Duration;

const KEY_TYPES: [KeyType; 3] = [KeyType::Rsa3072, KeyType::Rsa4096, KeyType::P256];

fn server(hosts: &[&str]) -> Subject {
    let hosts = hosts.iter().map(|host| host.parse::<Host>().unwrap());
    Subject::AuthServer {
        hosts: hosts.collect(),
    }
}

#[test]
fn a_peer_reads_out_of_a_certificate_what_was_decided() {
    let authority = authority(KeyType::P256);
    let key = SoftwareKey::generate(KeyType::P256).unwrap();
    let issued = issue(&authority, &alice(), &key);
    let read = PeerCertificate::from_der(issued.der(), authority.root().label()).unwrap();
    assert_eq!(read.name().to_string(), "alice.peer.acme-s-hne.internal");
    assert_eq!(read.role().as_str(), "member");
    assert_eq!(read.serial(), issued.entry().serial.as_bytes());
    assert_eq!(*read.key_sha256(), issued.entry().key_sha256);
    assert_eq!(
        read.not_after().as_secs() - read.not_before().as_secs(),
        86_400 + 300
    );
}

#[test]
fn every_certificate_passes_openssl_and_pkilint() {
    for root_type in KEY_TYPES {
        let authority = authority(root_type);
        let dir = tempfile::tempdir().unwrap();
        let root = pem("CERTIFICATE", authority.root().certificate());
        let root = write(dir.path(), "root.crt", root);
        pkilint("lint_pkix_cert", &["lint", "-s", "NOTICE", &root]);
        openssl(&["verify", "-x509_strict", "-CAfile", &root, &root]);
        for (subject, key_type, purposes) in [
            (
                alice(),
                KeyType::Rsa3072,
                &["sslserver", "sslclient", "smimesign"][..],
            ),
            (
                alice(),
                KeyType::P256,
                &["sslserver", "sslclient", "smimesign"],
            ),
            (
                server(&["auth.example", "::1", "127.0.0.1"]),
                KeyType::P256,
                &["sslserver"],
            ),
        ] {
            let key = SoftwareKey::generate(key_type).unwrap();
            let leaf = issue(&authority, &subject, &key).to_pem().unwrap();
            let leaf = write(dir.path(), "leaf.crt", leaf);
            pkilint("lint_pkix_cert", &["lint", "-s", "NOTICE", &leaf]);
            for purpose in purposes {
                openssl(&[
                    "verify",
                    "-x509_strict",
                    "-purpose",
                    purpose,
                    "-CAfile",
                    &root,
                    &leaf,
                ]);
            }
        }
    }
}

#[test]
fn stock_openssl_shows_the_names() {
    let authority = authority(KeyType::P256);
    let dir = tempfile::tempdir().unwrap();
    let key = SoftwareKey::generate(KeyType::P256).unwrap();
    let leaf = issue(&authority, &alice(), &key).to_pem().unwrap();
    let leaf = write(dir.path(), "leaf.crt", leaf);
    let shown = openssl(&[
        "x509",
        "-in",
        &leaf,
        "-noout",
        "-subject",
        "-issuer",
        "-nameopt",
        "utf8,sep_comma_plus",
    ]);
    assert!(
        shown.contains("O=Acme & Söhne,title=member,CN=alice"),
        "{shown}"
    );
    assert!(
        shown.contains("O=Acme & Söhne,organizationIdentifier=acme-s-hne,CN=Acme & Söhne Root CA"),
        "{shown}"
    );
}

#[test]
fn the_ledger_is_told_before_and_after() {
    let authority = authority(KeyType::P256);
    let key = ProvenKey::from(&SoftwareKey::generate(KeyType::P256).unwrap());
    let ledger = MemoryLedger::default();
    let prepare = || {
        authority
            .prepare(&profile(), &alice(), &key, now())
            .unwrap()
    };
    ready(authority.issue(prepare(), &ledger)).unwrap();
    assert_eq!(ledger.all(), ["about to sign alice", "signed"]);
}

#[test]
fn nothing_is_handed_out_that_the_ledger_refused() {
    let authority = authority(KeyType::P256);
    let key = ProvenKey::from(&SoftwareKey::generate(KeyType::P256).unwrap());
    let prepare = || {
        authority
            .prepare(&profile(), &alice(), &key, now())
            .unwrap()
    };
    let first = MemoryLedger {
        refuse_first: true,
        ..MemoryLedger::default()
    };
    let refused = ready(authority.issue(prepare(), &first));
    assert!(matches!(refused, Err(IssueError::Ledger("refused"))));
    assert_eq!(first.all(), ["about to sign alice"]);
    let second = MemoryLedger {
        refuse_second: true,
        ..MemoryLedger::default()
    };
    assert!(ready(authority.issue(prepare(), &second)).is_err());
}

#[test]
fn the_auth_server_never_gets_a_member_s_name() {
    let authority = authority(KeyType::P256);
    let key = ProvenKey::from(&SoftwareKey::generate(KeyType::P256).unwrap());
    let prepare = |hosts: &[&str]| authority.prepare(&profile(), &server(hosts), &key, now());
    assert!(matches!(
        prepare(&["localhost", "alice.peer.acme-s-hne.internal"]),
        Err(PrepareError::PeerDomain { .. })
    ));
    assert!(matches!(prepare(&[]), Err(PrepareError::NoHost)));
}

#[test]
fn an_https_certificate_is_no_member_s() {
    let authority = authority(KeyType::P256);
    let key = SoftwareKey::generate(KeyType::P256).unwrap();
    let issued = issue(&authority, &server(&["localhost"]), &key);
    assert!(PeerCertificate::from_der(issued.der(), authority.root().label()).is_err());
}

#[test]
fn nothing_outlives_the_root() {
    let authority = authority(KeyType::P256);
    let key = ProvenKey::from(&SoftwareKey::generate(KeyType::P256).unwrap());
    let late = authority.not_after() - Duration::hours(23);
    assert!(matches!(
        authority.prepare(&profile(), &alice(), &key, late),
        Err(PrepareError::RootEnds { .. })
    ));
}

#[test]
fn a_root_certificate_opens_only_with_its_own_key() {
    let key = SoftwareKey::generate(KeyType::P256).unwrap();
    let copy = SoftwareKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
    let root = Authority::create("Acme", Box::new(key), now()).unwrap();
    let root = root.root().certificate().clone();
    assert!(Authority::open(root.clone(), Box::new(copy)).is_ok());
    let other = SoftwareKey::generate(KeyType::P256).unwrap();
    assert!(matches!(
        Authority::open(root, Box::new(other)),
        Err(AuthorityError::KeyDiffers)
    ));
}

#[test]
fn an_organisation_s_name_must_fit_its_certificate() {
    let create = |name: &str| {
        let key = SoftwareKey::generate(KeyType::P256).unwrap();
        Authority::create(name, Box::new(key), now())
    };
    assert!(matches!(create(""), Err(AuthorityError::DisplayName)));
    assert!(matches!(create("a\nb"), Err(AuthorityError::DisplayName)));
    assert!(matches!(
        create(&"a".repeat(57)),
        Err(AuthorityError::DisplayName)
    ));
    assert!(matches!(create("42"), Err(AuthorityError::Label(_))));
    assert!(create(&"a".repeat(56)).is_ok());
}
