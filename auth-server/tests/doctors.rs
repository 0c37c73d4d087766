//! `doctor`: says what is wrong when it is, and nothing when it is not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use auth_server::config::Given;
use auth_server::doctor::{Finding, Verdict, examine};
use auth_server::home::Home;
use serde_json::Value;
use support::disk::SmallDisk;
use support::*;
use time::{Duration, OffsetDateTime};

const FREE: &str = "127.0.0.1:0";

fn doctor(org: &Org, listen: &str) -> Output {
    org.command(&["doctor", "--json", "--listen", listen])
}

fn verdicts(output: &Output) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    String::from_utf8(output.stdout.clone())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|line| {
            let says = format!("{} {}", text(&line["says"]), text(&line["cure"]));
            (text(&line["check"]), text(&line["verdict"]), says)
        })
        .collect()
}

/// Expects that this check fails, says that, and that the exit code tells.
fn finds(org: &Org, listen: &str, check: &str, part: &str) {
    let output = doctor(org, listen);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let found = verdicts(&output);
    assert!(
        found.iter().any(|(name, verdict, says)| {
            name == check && verdict == "fail" && says.contains(part)
        }),
        "{check}, {part}: {found:#?}"
    );
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn a_server_in_order_gets_no_complaint() {
    let org = Org::with_user("alice");
    let server = org.start();
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    let output = doctor(&org, &server.address.to_string());
    let found = verdicts(&output);
    assert_eq!(output.status.code(), Some(0), "{found:#?}");
    for check in [
        "permissions",
        "disk",
        "settings",
        "root",
        "root key",
        "store",
        "audit log",
        "clock",
        "port",
        "chain",
        "revocation list",
        "events",
    ] {
        let found = found.iter().find(|(name, ..)| name == check);
        let (_, verdict, says) = found.unwrap_or_else(|| panic!("{check}"));
        // The machine that runs the test may be short of room.
        assert!(verdict == "ok" || check == "disk", "{check}: {says}");
    }
    let text = org.command(&["doctor", "--listen", &server.address.to_string()]);
    assert!(
        said(&text).contains("ok    root key         it opens and belongs to"),
        "{}",
        said(&text)
    );
}

#[test]
fn without_a_server_it_warns_and_without_a_passphrase_it_says_what_it_did_not_check() {
    let org = Org::new();
    std::fs::remove_file(org.passphrase_file()).unwrap();
    let mut command = org.program(&["doctor", "--json", "--listen", FREE]);
    let output = command
        .env_remove("ORGSHARE_AUTH_PASSPHRASE_FILE")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let found = verdicts(&output);
    assert!(found.iter().any(|(check, verdict, says)| {
        check == "port" && verdict == "warn" && says.contains("auth-server run")
    }));
    assert!(found.iter().any(|(check, _, says)| {
        check == "root key" && says.contains("with --passphrase-file")
    }));
}

#[test]
fn it_changes_nothing() {
    let org = Org::with_user("alice");
    let before = std::fs::read(org.home().join("store.sqlite")).unwrap();
    doctor(&org, FREE);
    assert_eq!(
        std::fs::read(org.home().join("store.sqlite")).unwrap(),
        before
    );
}

#[test]
fn files_open_to_others_are_found() {
    let org = Org::new();
    for (name, wrong) in [
        ("root.key", 0o640),
        ("store.sqlite", 0o604),
        ("config.toml", 0o620),
    ] {
        let path = org.home().join(name);
        chmod(&path, wrong);
        finds(
            &org,
            FREE,
            "permissions",
            &format!("chmod 600 {}", path.display()),
        );
        chmod(&path, 0o600);
    }
    chmod(&org.home(), 0o750);
    finds(&org, FREE, "permissions", "chmod 700");
}

#[test]
fn what_a_crash_left_is_found() {
    let org = Org::new();
    std::fs::create_dir(org.home().join("unfinished-0011")).unwrap();
    let found = verdicts(&doctor(&org, FREE));
    assert!(found.iter().any(|(check, verdict, says)| {
        check == "permissions" && verdict == "warn" && says.contains("unfinished-0011")
    }));
}

#[test]
fn wrong_settings_are_found() {
    let org = Org::new();
    std::fs::write(org.home().join("config.toml"), "colour = 1\n").unwrap();
    finds(&org, FREE, "settings", "config.toml:1:1:");
}

#[test]
fn a_missing_or_foreign_authority_is_found() {
    let (org, other) = (Org::new(), Org::new());
    let (key, own) = (org.home().join("root.key"), other.home().join("root.key"));
    std::fs::copy(own, &key).unwrap();
    finds(&org, FREE, "root key", "does not belong to the root key");
    std::fs::write(&key, "no key").unwrap();
    finds(
        &org,
        FREE,
        "root key",
        "does not hold an encrypted private key",
    );
    std::fs::remove_file(org.home().join("root.crt")).unwrap();
    finds(&org, FREE, "root", "there is no certificate authority");
}

#[test]
fn a_damaged_foreign_or_missing_store_is_found() {
    let (org, other) = (Org::new(), Org::new());
    let store = org.home().join("store.sqlite");
    std::fs::copy(other.home().join("store.sqlite"), &store).unwrap();
    finds(&org, FREE, "store", "belongs to another root");
    std::fs::write(&store, vec![0xa5; 20_000]).unwrap();
    finds(&org, FREE, "store", "damaged");
    std::fs::remove_file(&store).unwrap();
    finds(&org, FREE, "store", "missing");
}

#[test]
fn an_edited_shortened_or_reordered_audit_log_is_found() {
    for (change, found) in [
        (
            "UPDATE audit SET actor = 'somebody else' WHERE seq = 2",
            "entry 2 was altered",
        ),
        (
            "DELETE FROM audit WHERE seq = 2",
            "entries are missing: 3 follows entry 1",
        ),
        (
            "DELETE FROM audit WHERE seq = 3",
            "entries 3 to 3 are missing at the end",
        ),
        (
            "UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;
             UPDATE audit SET seq = 3 WHERE seq = 99",
            "entry 2 was altered",
        ),
    ] {
        let org = Org::with_user("alice");
        org.add("bob", PASSWORD);
        org.add("carol", PASSWORD);
        sql(&org, change);
        finds(&org, FREE, "audit log", found);
    }
}

#[test]
fn a_log_that_was_cut_behind_what_the_root_key_signed_is_found() {
    let org = Org::with_user("alice");
    let server = org.start();
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    assert_eq!(server.stop(rustix::process::Signal::TERM), Some(143));
    let found = verdicts(&doctor(&org, FREE));
    let (.., says) = found.iter().find(|(name, ..)| name == "audit log").unwrap();
    assert!(
        says.contains("the root key vouches for those up to"),
        "{says}"
    );
    // In itself it is as whole as before.
    sql(
        &org,
        "DELETE FROM audit_checkpoints WHERE seq < (SELECT MAX(seq) FROM audit_checkpoints);
         DELETE FROM audit WHERE seq >= (SELECT MAX(seq) FROM audit_checkpoints);
         UPDATE counters SET value = (SELECT MAX(seq) FROM audit) WHERE name = 'audit'",
    );
    finds(&org, FREE, "audit log", "missing at the end");
}

#[test]
fn every_finding_has_one_cure_and_the_right_one() {
    let cure = |org: &Org, check: &str| {
        let output = doctor(org, FREE);
        let text = String::from_utf8(output.stdout).unwrap();
        let found = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .find(|line| line["check"] == check && line["verdict"] == "fail");
        let found = found.unwrap_or_else(|| panic!("{check}: {text}"));
        let says = found["says"].as_str().unwrap();
        assert!(!says.contains("; "), "{says}");
        found["cure"].as_str().unwrap().to_owned()
    };
    let org = Org::new();
    chmod(&org.home(), 0o750);
    for check in ["permissions", "root"] {
        let cure = cure(&org, check);
        assert!(
            cure.contains("chmod 700") && !cure.contains("init"),
            "{cure}"
        );
    }
    chmod(&org.home(), 0o700);
    write_secret(&org.passphrase_file(), "another passphrase than that");
    assert_eq!(cure(&org, "root key"), "try again with the right one");
    write_secret(&org.passphrase_file(), PASSPHRASE);
    std::fs::remove_file(org.home().join("store.sqlite")).unwrap();
    assert!(cure(&org, "store").starts_with("restore store.sqlite from a backup"));
    std::fs::remove_file(org.home().join("config.toml")).unwrap();
    assert!(cure(&org, "settings").contains("an empty one means the defaults"));
    std::fs::remove_file(org.home().join("root.crt")).unwrap();
    assert!(cure(&org, "root").starts_with("copy it from any device"));
    std::fs::remove_dir_all(org.home()).unwrap();
    assert!(cure(&org, "root").contains("auth-server init"));
}

#[test]
fn a_store_of_another_version_is_a_warning() {
    let org = Org::new();
    sql(&org, "PRAGMA user_version = 3");
    let found = verdicts(&doctor(&org, FREE));
    assert!(found.iter().any(|(check, verdict, says)| {
        check == "store" && verdict == "warn" && says.contains("another version")
    }));
}

#[test]
fn a_port_that_another_program_has_is_found() {
    let org = Org::new();
    let taken = TcpListener::bind(FREE).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    finds(&org, &address, "port", "cannot be taken");
    // A server runs, but somebody else answers there.
    let _server = org.start();
    let deaf = std::thread::spawn(move || drop(taken.accept()));
    finds(&org, &address, "port", "a server runs on this folder");
    deaf.join().unwrap();
}

#[test]
fn the_server_of_another_organisation_is_no_proof_that_ours_is_well() {
    let (org, other) = (Org::new(), Org::new());
    let (_server, foreign) = (org.start(), other.start());
    finds(&org, &foreign.address.to_string(), "port", "certificate");
}

#[test]
fn a_store_that_was_rolled_back_under_the_running_server_is_found() {
    let org = Org::new();
    drop(org.start());
    let server = org.start();
    sql(
        &org,
        "UPDATE counters SET value = 1 WHERE name = 'crl_number'",
    );
    finds(
        &org,
        &server.address.to_string(),
        "revocation list",
        "above the store's last",
    );
}

fn at(org: &Org, now: OffsetDateTime, listen: &str) -> Vec<Finding> {
    let home = Home::new(org.home());
    let given = Given::from([(
        "listen",
        auth_server::config::Value {
            texts: vec![listen.to_owned()],
            origin: auth_server::config::Origin::Flag,
        },
    )]);
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(examine(&home, &given, None, now))
}

fn verdict(found: &[Finding], check: &str) -> Verdict {
    found
        .iter()
        .find(|finding| finding.check == check)
        .unwrap()
        .verdict
}

#[test]
fn a_clock_that_is_behind_what_was_written_is_found() {
    let org = Org::with_user("alice");
    let now = OffsetDateTime::now_utc();
    assert_eq!(verdict(&at(&org, now, FREE), "clock"), Verdict::Ok);
    for behind in [Duration::hours(1), Duration::days(20_000)] {
        assert_eq!(
            verdict(&at(&org, now - behind, FREE), "clock"),
            Verdict::Fail
        );
    }
}

#[test]
fn the_end_of_the_root_certificate_and_of_a_list_is_told_in_time() {
    let org = Org::new();
    let server = org.start();
    let listen = server.address.to_string();
    let now = OffsetDateTime::now_utc();
    let years = |years: i64| now + Duration::days(365 * years + 2);
    assert_eq!(verdict(&at(&org, years(8), FREE), "root"), Verdict::Ok);
    assert_eq!(verdict(&at(&org, years(9), FREE), "root"), Verdict::Warn);
    assert_eq!(verdict(&at(&org, years(10), FREE), "root"), Verdict::Fail);
    let list = |later| verdict(&at(&org, now + later, &listen), "revocation list");
    assert_eq!(list(Duration::ZERO), Verdict::Ok);
    assert_eq!(list(Duration::hours(3)), Verdict::Warn);
    assert_eq!(list(Duration::hours(25)), Verdict::Fail);
}

#[test]
fn a_disk_that_is_nearly_full_is_found() {
    let org = Org::new();
    let moved = org.home().with_file_name("moved");
    std::fs::rename(org.home(), &moved).unwrap();
    let _disk = SmallDisk::mount(org.home(), 32);
    for entry in std::fs::read_dir(&moved).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), org.home().join(entry.file_name())).unwrap();
    }
    finds(&org, FREE, "disk", "make room");
}

#[test]
fn too_few_files_for_streams_of_events_are_found() {
    let org = Org::new();
    let server = Server::start_with_files(&org, 1024);
    let output = doctor(&org, &server.address.to_string());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let found = verdicts(&output);
    let (_, verdict, says) = found.iter().find(|(check, ..)| check == "events").unwrap();
    assert_eq!(verdict, "warn");
    for part in ["room for 448 devices", "1024 files", "LimitNOFILE=8192"] {
        assert!(says.contains(part), "{says}");
    }
    drop(server);
    // Nobody serves events.
    let found = verdicts(&doctor(&org, FREE));
    assert!(found.iter().all(|(check, ..)| check != "events"));
}
