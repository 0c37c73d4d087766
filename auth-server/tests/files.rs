//! What lies on disk, and what happens when it is not as it should be.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use support::*;

fn run(org: &Org) -> Output {
    org.command(&["run", "--listen", "127.0.0.1:0"])
}

#[test]
fn files_are_for_their_owner_alone_under_any_umask() {
    for umask in ["000", "077"] {
        let dir = tempfile::tempdir().unwrap();
        let passphrase = dir.path().join("passphrase");
        write_secret(&passphrase, PASSPHRASE);
        let home = dir.path().join("deep/home");
        let made = Command::new("sh")
            .args(["-c", "umask $1; shift; exec \"$@\"", "sh", umask])
            .arg(env!("CARGO_BIN_EXE_auth-server"))
            .args(INIT)
            .arg("--dir")
            .arg(&home)
            .arg("--passphrase-file")
            .arg(&passphrase)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        succeeded(&made);
        assert_eq!(mode(&home), 0o700);
        for entry in std::fs::read_dir(&home).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

#[test]
fn a_wrong_passphrase_is_said_so() {
    let org = Org::new();
    write_secret(&org.passphrase_file(), "not the passphrase");
    failed(&run(&org), 10, "the passphrase does not open");
}

#[test]
fn a_key_file_or_folder_that_others_can_read_stops_the_start() {
    let org = Org::new();
    let key = org.home().join("root.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let output = run(&org);
    failed(&output, 10, "can be read by others (mode 644)");
    assert!(said(&output).contains("chmod 600"));
    assert_eq!(mode(&key), 0o644);
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::set_permissions(org.home(), PermissionsExt::from_mode(0o755)).unwrap();
    failed(&run(&org), 10, "chmod 700");
}

#[test]
fn a_damaged_missing_or_foreign_store_stops_the_start_and_is_never_replaced() {
    let org = Org::with_user("alice");
    let store = org.home().join("store.sqlite");
    let good = std::fs::read(&store).unwrap();
    let mut broken = good.clone();
    for byte in &mut broken[4096..12_288] {
        *byte = 0xa5;
    }
    for (content, text) in [
        (
            &b"not a database at all, but long enough to look at"[..],
            "damaged",
        ),
        (&broken, "damaged"),
        (&good[..good.len() / 2], "damaged"),
        (b"", "damaged"),
    ] {
        std::fs::write(&store, content).unwrap();
        let output = run(&org);
        failed(&output, 10, text);
        assert!(said(&output).contains("restore store.sqlite from a backup"));
        assert_eq!(std::fs::read(&store).unwrap(), content);
    }
    std::fs::remove_file(&store).unwrap();
    failed(&run(&org), 10, "the store is missing");
    assert!(!store.exists());
    std::fs::copy(Org::new().home().join("store.sqlite"), &store).unwrap();
    failed(&run(&org), 10, "belongs to another root certificate");
}

#[test]
fn root_and_key_of_two_authorities_do_not_start() {
    let (org, other) = (Org::new(), Org::new());
    let key = org.home().join("root.key");
    std::fs::write(&key, std::fs::read(other.home().join("root.key")).unwrap()).unwrap();
    failed(&run(&org), 10, "does not belong to the root key");
}

#[test]
fn a_second_init_changes_nothing() {
    let org = Org::new();
    let before = org.root();
    let output = org.command(&["init", "--org", "Other"]);
    failed(&output, 10, "there is a certificate authority in");
    assert_eq!(org.root(), before);
}

#[test]
fn an_interrupted_init_is_noticed() {
    let org = Org::new();
    std::fs::remove_file(org.home().join("root.crt")).unwrap();
    failed(&run(&org), 10, "there is no certificate authority in");
    let output = org.command(&["init", "--org", "Acme"]);
    failed(&output, 10, "root.key exists already");
    assert!(said(&output).contains("interrupted"));
}

#[test]
fn wrong_settings_stop_the_start() {
    let org = Org::new();
    std::fs::write(org.home().join("config.toml"), "cert_lifetime = \"1y\"").unwrap();
    failed(&run(&org), 10, "cert_lifetime");
}

#[test]
fn the_root_key_is_nowhere_in_clear() {
    let org = Org::new();
    for entry in std::fs::read_dir(org.home()).unwrap() {
        let content = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&content);
        assert!(!text.contains("BEGIN PRIVATE KEY") && !text.contains(PASSPHRASE));
    }
}

/// How often it is said in `text` that others can read a file.
fn warnings(text: &str) -> usize {
    text.matches("others can read").count()
}

#[test]
fn a_file_of_secrets_that_others_can_read_is_taken_with_one_warning() {
    let org = Org::new();
    let file = org.home().with_file_name("password");
    write_secret(&file, PASSWORD);
    for (alias, mode, told) in [
        ("alice", 0o600, 0),
        ("bob", 0o400, 0),
        ("carol", 0o640, 1),
        ("dave", 0o604, 1),
        // Who may only write there reads nothing.
        ("eve", 0o622, 0),
    ] {
        std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        let file = file.to_str().unwrap();
        let added = org.command(&["user", "add", alias, "--password-file", file]);
        succeeded(&added);
        let told_of = String::from_utf8_lossy(&added.stderr);
        assert_eq!(warnings(&told_of), told, "{mode:o}: {told_of}");
        if told > 0 {
            let line = format!("auth-server: warning: others can read {file}");
            assert!(
                told_of.contains(&line) && told_of.contains("chmod 600"),
                "{told_of}"
            );
        }
    }
    // A pipe has permissions too, and nobody can close them.
    let piped = ["user", "add", "frank", "--password-file", "/dev/stdin"];
    let added = org.with_input(&piped, PASSWORD);
    succeeded(&added);
    assert_eq!(warnings(&said(&added)), 0, "{}", said(&added));
}

#[test]
fn what_a_service_manager_keeps_is_taken_without_a_word() {
    if !rustix::process::geteuid().is_root() {
        // Only root can make a file that is somebody else's.
        return;
    }
    let org = Org::new();
    let file = org.home().with_file_name("password");
    write_secret(&file, PASSWORD);
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o440)).unwrap();
    std::os::unix::fs::chown(&file, Some(65_534), None).unwrap();
    let add = ["user", "add", "alice", "--password-file"];
    let added = org.command(&[&add[..], &[file.to_str().unwrap()]].concat());
    succeeded(&added);
    assert_eq!(warnings(&said(&added)), 0, "{}", said(&added));
}

#[test]
fn the_warning_of_an_open_passphrase_file_is_a_line_of_the_log_in_its_form() {
    let org = Org::new();
    let open = PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(org.passphrase_file(), open).unwrap();
    let server = Server::start(&org, &["--log-format", "json"]);
    let log = server.log();
    for line in log.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        let warns = object["message"]
            .as_str()
            .is_some_and(|text| warnings(text) == 1);
        assert_eq!(warns, object["level"] == "warn", "{line}");
    }
    assert_eq!(warnings(&log), 1, "{log}");
    let closed = Org::new();
    let server = Server::start(&closed, &["--log-format", "json"]);
    assert_eq!(warnings(&server.log()), 0);
}
