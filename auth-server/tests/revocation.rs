//! Disabling and removing people while the server runs, and CRLs that only ever grow newer.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use rustix::process::Signal;
use rustls::pki_types::CertificateDer;
use support::*;
use x509_cert::Certificate;
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::ext::pkix::CrlNumber;

fn crl(server: &Server) -> CertificateList {
    let answer = server.get("/root.crl", "");
    assert_eq!(answer.header("content-type"), Some("application/pkix-crl"));
    CertificateList::from_der(&answer.body).unwrap()
}

fn number(crl: &CertificateList) -> u64 {
    let extensions = crl.tbs_cert_list.crl_extensions.as_ref().unwrap();
    let found = extensions
        .iter()
        .find(|e| e.extn_id == CrlNumber::OID)
        .unwrap();
    let number = CrlNumber::from_der(found.extn_value.as_bytes()).unwrap();
    number
        .0
        .as_bytes()
        .iter()
        .fold(0, |n, byte| n * 256 + u64::from(*byte))
}

fn lists(crl: &CertificateList, leaf: &CertificateDer<'_>) -> bool {
    let leaf = Certificate::from_der(leaf).unwrap();
    let serial = leaf.tbs_certificate().serial_number();
    crl.tbs_cert_list
        .revoked_certificates
        .iter()
        .flatten()
        .any(|revoked| revoked.serial_number == *serial)
}

#[test]
fn disabling_on_the_command_line_reaches_the_running_server() {
    let org = Org::with_user("alice");
    let server = org.start();
    let leaf = server.login("alice", PASSWORD).certificate();
    let before = crl(&server);
    assert!(!lists(&before, &leaf));
    let disabled = org.command(&["user", "disable", "alice"]);
    assert!(said(&disabled).contains("Disabled alice and revoked 1 certificate."));
    assert_eq!(server.login("alice", PASSWORD).status, 401);
    eventually("the CRL", PATIENCE, || lists(&crl(&server), &leaf));
    assert!(number(&crl(&server)) > number(&before));
    // Enabled again, but what was revoked stays revoked.
    succeeded(&org.command(&["user", "enable", "alice"]));
    let next = server.login("alice", PASSWORD).certificate();
    assert!(lists(&crl(&server), &leaf));
    assert!(!lists(&crl(&server), &next));
}

#[test]
fn a_removed_person_is_gone_and_the_alias_is_never_given_again() {
    let org = Org::with_user("alice");
    let server = org.start();
    let first = server.login("alice", PASSWORD).certificate();
    let second = server.login("alice", PASSWORD).certificate();
    succeeded(&org.command(&["user", "rm", "alice", "--yes"]));
    eventually("the CRL", PATIENCE, || {
        let crl = crl(&server);
        lists(&crl, &first) && lists(&crl, &second)
    });
    assert_eq!(server.login("alice", PASSWORD).status, 401);
    let again = org.with_input(&["user", "add", "alice", "--password-file", "-"], PASSWORD);
    failed(&again, 1, "an alias is never given out twice");
    failed(
        &org.command(&["user", "enable", "alice"]),
        1,
        "there is no user alice",
    );
    assert!(!said(&org.command(&["user", "list"])).contains("alice "));
}

#[test]
fn a_password_changes_while_the_server_runs() {
    let org = Org::with_user("alice");
    let server = org.start();
    let new = "nine green harbour cranes";
    succeeded(&org.with_input(&["user", "passwd", "alice", "--password-file", "-"], new));
    assert_eq!(server.login("alice", PASSWORD).status, 401);
    assert_eq!(server.login("alice", new).status, 200);
}

#[test]
fn nothing_revoked_is_lost_and_no_number_is_used_twice_when_the_server_is_killed() {
    let org = Org::with_user("alice");
    let mut last = 0;
    let mut revoked = Vec::new();
    for _ in 0..3 {
        let server = org.start();
        let leaf = server.login("alice", PASSWORD).certificate();
        succeeded(&org.command(&["user", "disable", "alice"]));
        succeeded(&org.command(&["user", "enable", "alice"]));
        revoked.push(leaf);
        server.stop(Signal::KILL);
        let server = org.start();
        let crl = crl(&server);
        assert!(revoked.iter().all(|leaf| lists(&crl, leaf)));
        assert!(number(&crl) > last);
        last = number(&crl);
        server.stop(Signal::KILL);
    }
}

#[test]
fn a_client_that_has_the_crl_is_told_so() {
    let org = Org::new();
    let server = org.start();
    let first = server.get("/root.crl", "");
    let etag = first.header("etag").unwrap().to_owned();
    let again = server.get("/root.crl", &format!("if-none-match: {etag}\r\n"));
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), Some(etag.as_str()));
    let other = server.get("/root.crl", "if-none-match: \"0\"\r\n");
    assert_eq!((other.status, other.body), (200, first.body));
}
