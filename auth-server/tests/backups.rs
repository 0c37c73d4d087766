//! Backup and restore: whole while the server runs, nothing half, and no CRL number twice.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use auth_server::archive::{self, Manifest};
use common::crl::RevocationList;
use common::identity::OrgRoot;
use rustix::process::Signal;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use support::*;
use time::OffsetDateTime;
use x509_cert::der::Decode;

fn beside(org: &Org, name: &str) -> PathBuf {
    org.home().with_file_name(name)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn back_up(org: &Org, name: &str) -> PathBuf {
    let file = beside(org, name);
    succeeded(&org.command(&["backup", text(&file)]));
    file
}

fn restore(org: &Org, file: &Path, to: &Path) -> std::process::Output {
    org.command(&["restore", text(file), "--dir", text(to)])
}

fn list(org: &Org, server: &Server, held: Option<u64>) -> RevocationList {
    let root = OrgRoot::from_der(org.root()).unwrap();
    let der = CertificateRevocationListDer::from(server.get("/root.crl", "").body);
    RevocationList::accept(der, &root, UnixTime::now(), held).unwrap()
}

fn serial(certificate: &CertificateDer<'_>) -> Vec<u8> {
    let certificate = x509_cert::Certificate::from_der(certificate).unwrap();
    certificate
        .tbs_certificate()
        .serial_number()
        .as_bytes()
        .to_vec()
}

#[test]
fn a_backup_made_while_people_log_in_restores_to_a_server_that_goes_on() {
    let org = Org::with_user("alice");
    for alias in ["bob", "carol"] {
        org.add(alias, PASSWORD);
    }
    let server = org.start();
    let bob = server.login("bob", PASSWORD).certificate();
    succeeded(&org.command(&["user", "disable", "bob"]));
    let (stop, logins) = (AtomicBool::new(false), AtomicUsize::new(0));
    let file = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                assert_eq!(server.login("alice", PASSWORD).status, 200);
                logins.fetch_add(1, Ordering::SeqCst);
            }
        });
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                succeeded(&org.command(&["user", "role", "carol", "reader"]));
                succeeded(&org.command(&["user", "role", "carol", "member"]));
            }
        });
        let file = back_up(&org, "one");
        back_up(&org, "two");
        stop.store(true, Ordering::SeqCst);
        file
    });
    assert!(logins.load(Ordering::SeqCst) > 0);
    assert_eq!(mode(&file), 0o600);
    // Revoked after the backup: the old server signs a list that the backup knows nothing of.
    let lost = server.login("carol", PASSWORD).certificate();
    succeeded(&org.command(&["user", "disable", "carol"]));
    eventually("the list", std::time::Duration::from_secs(20), || {
        list(&org, &server, None).is_revoked(&serial(&lost))
    });
    let seen = list(&org, &server, None).number();
    assert_eq!(server.stop(Signal::TERM), Some(143));

    let home = beside(&org, "restored");
    let restored = restore(&org, &file, &home);
    succeeded(&restored);
    assert!(said(&restored).contains("What was done after that is lost"));
    for name in ["root.crt", "root.key", "config.toml", "store.sqlite"] {
        assert_eq!(mode(&home.join(name)), 0o600, "{name}");
    }
    assert_eq!(std::fs::read_dir(&home).unwrap().count(), 4);
    let server = Server::start(&org, &["--dir", text(&home)]);
    // A peer that holds the newer list takes this one: its number is higher.
    let now = list(&org, &server, Some(seen));
    assert!(now.number() > seen);
    assert!(now.is_revoked(&serial(&bob)));
    assert!(!now.is_revoked(&serial(&lost)), "the backup is older");
    assert_eq!(server.login("bob", PASSWORD).status, 401);
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    let doctor = org.command(&[
        "doctor",
        "--dir",
        text(&home),
        "--listen",
        &server.address.to_string(),
    ]);
    assert!(
        said(&doctor).contains("the chain holds"),
        "{}",
        said(&doctor)
    );
}

#[test]
fn a_restored_server_renews_for_devices_of_the_backup_and_for_no_later_ones() {
    let org = Org::with_user("alice");
    let once = org.add_for_once("bob");
    let server = org.start();
    let old = server.member("alice", PASSWORD);
    let stolen = server.member("alice", PASSWORD);
    let reason = ["--reason", "keyCompromise"];
    let revoke = ["cert", "revoke", &stolen.serial()].map(str::to_owned);
    let revoke: Vec<&str> = revoke.iter().map(String::as_str).chain(reason).collect();
    succeeded(&org.command(&revoke));
    let file = back_up(&org, "file");
    let later = server.renew(&old).ok().unwrap();
    assert_eq!(server.stop(Signal::TERM), Some(143));
    let home = beside(&org, "restored");
    succeeded(&restore(&org, &file, &home));
    // The list of the backup may be older than what peers have: it is nothing to hand out.
    let exported = org.command(&["crl", "export", "--pem", "--dir", text(&home)]);
    failed(&exported, 1, "no CRL was signed yet");
    let server = Server::start(&org, &["--dir", text(&home)]);
    succeeded(&org.command(&["crl", "export", "--pem", "--dir", text(&home)]));
    let next = server.renew(&old).ok().unwrap();
    assert!(server.renew(&next).is_ok());
    assert_eq!(server.refusal(&stolen).0, 403);
    // Younger than the backup: its device has to log in again.
    assert_eq!(server.refusal(&later).0, 401);
    assert_eq!(server.login("bob", &once).problem().0, 403);
    assert_eq!(server.change_password("bob", &once, PASSWORD).status, 204);
}

#[test]
fn numbers_rise_through_every_restore_of_any_backup() {
    let org = Org::new();
    let first = back_up(&org, "first");
    let mut seen = list(&org, &org.start(), None).number();
    for (round, from) in ["first", "second", "first"].iter().enumerate() {
        let home = beside(&org, &format!("restored-{round}"));
        let file = if *from == "first" {
            first.clone()
        } else {
            beside(&org, "second")
        };
        succeeded(&restore(&org, &file, &home));
        for _ in 0..2 {
            let server = Server::start(&org, &["--dir", text(&home)]);
            let number = list(&org, &server, Some(seen)).number();
            assert!(number > seen, "{number} after {seen}");
            seen = number;
        }
        if round == 0 {
            let second = beside(&org, "second");
            succeeded(&org.command(&["backup", text(&second), "--dir", text(&home)]));
        }
    }
}

#[test]
fn a_backup_never_replaces_a_file() {
    let org = Org::new();
    let file = beside(&org, "precious");
    std::fs::write(&file, "mine").unwrap();
    failed(&org.command(&["backup", text(&file)]), 10, "exists already");
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    let link = beside(&org, "link");
    std::os::unix::fs::symlink(beside(&org, "nowhere"), &link).unwrap();
    failed(&org.command(&["backup", text(&link)]), 10, "exists already");
    assert!(!beside(&org, "nowhere").exists());
    failed(
        &org.command(&["backup", "/no/such/folder/file"]),
        10,
        "there is no folder /no/such/folder; make it",
    );
    // What is noticed before anything is done is no backup that failed.
    assert_eq!(backups(&org), [""; 0]);
    let left = std::fs::read_dir(org.home()).unwrap();
    assert!(left.map(Result::unwrap).all(|entry| {
        !entry
            .file_name()
            .to_string_lossy()
            .starts_with("unfinished")
    }));
}

/// What the audit log has of backups.
fn backups(org: &Org) -> Vec<String> {
    let mut entries = org.audit();
    entries.retain(|entry| entry.starts_with("backup "));
    entries
}

#[test]
fn the_audit_log_tells_how_a_backup_ended() {
    let org = Org::new();
    let file = back_up(&org, "file");
    let named = |outcome| format!("backup {} {outcome}", file.display());
    assert_eq!(backups(&org), [named("begun"), named("ok")]);
    // The restored log ends before the backup had.
    let home = beside(&org, "restored");
    succeeded(&restore(&org, &file, &home));
    let log = org.command(&["audit", "tail", "--dir", text(&home)]);
    assert!(said(&log).contains("begun"), "{}", said(&log));

    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let (reader, gone) = std::io::pipe().unwrap();
    drop(reader);
    for (out, why) in [
        (std::process::Stdio::from(full.unwrap()), "No space left"),
        (gone.into(), "Broken pipe"),
    ] {
        let before = backups(&org).len();
        let mut backup = org.program(&["backup", "-"]);
        failed(
            &backup
                .stdout(out)
                .stderr(std::process::Stdio::piped())
                .output()
                .unwrap(),
            10,
            why,
        );
        assert_eq!(
            backups(&org)[before..],
            ["backup a pipe (-) begun", "backup a pipe (-) failed"]
        );
    }
}

#[test]
fn the_passphrase_is_not_in_a_backup_and_the_key_is_sealed() {
    let org = Org::with_user("alice");
    let content = std::fs::read(back_up(&org, "file")).unwrap();
    let content = String::from_utf8_lossy(&content);
    // The labels of PEM alone: no key stands here.
    assert!(content.contains("BEGIN ENCRYPTED PRIVATE KEY"));
    assert!(!content.contains("BEGIN PRIVATE KEY") && !content.contains(PASSPHRASE));
}

#[test]
fn an_authority_is_never_restored_over_another_one() {
    let org = Org::new();
    let file = back_up(&org, "file");
    let before = std::fs::read(org.home().join("store.sqlite")).unwrap();
    failed(&restore(&org, &file, &org.home()), 10, "exists already");
    assert_eq!(
        std::fs::read(org.home().join("store.sqlite")).unwrap(),
        before
    );
    // What an interrupted restore may have left is not taken for nothing either.
    let half = beside(&org, "half");
    std::fs::create_dir(&half).unwrap();
    std::fs::set_permissions(&half, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::write(half.join("root.key"), "x").unwrap();
    failed(&restore(&org, &file, &half), 10, "root.key exists already");
    std::fs::remove_file(half.join("root.key")).unwrap();
    succeeded(&restore(&org, &file, &half));
}

/// Nothing may be left of a restore that failed.
fn refused(org: &Org, file: &Path, text: &str) {
    let home = beside(org, "refused");
    let output = restore(org, file, &home);
    assert_eq!(output.status.code(), Some(10), "{}", said(&output));
    assert!(said(&output).contains(text), "{}", said(&output));
    assert!(!home.exists());
}

#[test]
fn a_damaged_backup_is_refused_and_leaves_nothing() {
    let org = Org::with_user("alice");
    let file = back_up(&org, "file");
    let good = std::fs::read(&file).unwrap();
    let bent = beside(&org, "bent");
    let places = [0, 600, 1100, good.len() / 2, good.len() - 1];
    for at in places {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&bent, bytes).unwrap();
        refused(&org, &bent, "");
    }
    for length in [0, 511, 4096, good.len() - 1024, good.len() - 1] {
        std::fs::write(&bent, &good[..length]).unwrap();
        refused(&org, &bent, "");
    }
    std::fs::write(&bent, "not an archive at all").unwrap();
    refused(&org, &bent, "not a backup");
    refused(&org, &org.home(), "is not a file");
    refused(&org, &beside(&org, "missing"), "missing");
}

/// An archive of the organisation's files, well made whatever they hold, for that root.
fn pack(root: &CertificateDer<'static>, org: &Org, made: OffsetDateTime) -> PathBuf {
    let root = OrgRoot::from_der(root.clone()).unwrap().fingerprint();
    let manifest = Manifest::of(&org.home(), "Acme Corp", root.to_string(), made).unwrap();
    let path = beside(org, "packed");
    let out = std::fs::File::create(&path).unwrap();
    archive::write(out, &org.home(), &manifest).unwrap();
    path
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let (org, other) = (Org::new(), Org::new());
    let (root, now) = (org.root(), OffsetDateTime::now_utc());
    for (name, text) in [
        ("root.key", "does not belong to the root key"),
        ("root.crt", "not the one that its manifest names"),
        ("store.sqlite", "belongs to another root certificate"),
    ] {
        let path = org.home().join(name);
        let own = std::fs::read(&path).unwrap();
        std::fs::write(&path, std::fs::read(other.home().join(name)).unwrap()).unwrap();
        let packed = pack(&root, &org, now);
        refused(&org, &packed, text);
        std::fs::write(&path, own).unwrap();
    }
    let key = org.home().join("root.key");
    // The first line of a key that is not sealed, and no key.
    std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\n").unwrap();
    refused(
        &org,
        &pack(&root, &org, now),
        "does not hold an encrypted private key",
    );
    let store = org.home().join("store.sqlite");
    std::fs::copy(other.home().join("root.key"), &key).unwrap();
    std::fs::write(&store, vec![0xa5; 20_000]).unwrap();
    refused(&org, &pack(&root, &org, now), "");
}

#[test]
fn a_clock_behind_the_backup_stops_the_restore() {
    let org = Org::new();
    let tomorrow = OffsetDateTime::now_utc() + time::Duration::days(1);
    let packed = pack(&org.root(), &org, tomorrow);
    let home = beside(&org, "early");
    failed(
        &restore(&org, &packed, &home),
        1,
        "clock is behind the backup",
    );
    assert!(!home.exists());
}
