//! The systemd unit, as systemd itself judges it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::*;

/// Of 100 (wide open): what `systemd-analyze security` may find at most. What remains is the
/// network, which a server has to have.
const MAX_EXPOSURE: &str = "15";

fn unit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/orgshare-auth.service")
}

/// The unit in a folder of its own, with the built program in place of the installed one.
fn staged(change: impl FnOnce(String) -> String) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(unit()).unwrap();
    let here = text.replace(
        "/usr/local/bin/auth-server",
        env!("CARGO_BIN_EXE_auth-server"),
    );
    assert_ne!(text, here);
    let path = dir.path().join("orgshare-auth.service");
    std::fs::write(&path, change(here)).unwrap();
    (dir, path)
}

fn analyze(arguments: &[&str], unit: &Path) -> Output {
    Command::new("systemd-analyze")
        .args(arguments)
        .arg(unit)
        .output()
        .expect("systemd-analyze; install the Debian package systemd")
}

#[test]
fn the_unit_is_one_that_systemd_takes_without_a_word() {
    let verify = ["verify", "--man=no", "--recursive-errors=no"];
    let (_dir, path) = staged(|text| text);
    let output = analyze(&verify, &path);
    succeeded(&output);
    assert_eq!(said(&output), "");
    let (_dir, path) = staged(|text| text.replace("NoNewPrivileges=yes", "NoNewPriviledges=yes"));
    assert!(said(&analyze(&verify, &path)).contains("NoNewPriviledges"));
}

#[test]
fn the_unit_is_confined_as_far_as_a_server_can_be() {
    let threshold = format!("--threshold={MAX_EXPOSURE}");
    let judge = ["security", "--offline=true", "--no-pager", &threshold];
    let (_dir, path) = staged(|text| text);
    let output = analyze(&judge, &path);
    assert!(output.status.success(), "{}", said(&output));
    let (_dir, path) = staged(|text| text.replace("CapabilityBoundingSet=\n", ""));
    assert!(!analyze(&judge, &path).status.success());
}

#[test]
fn the_passphrase_comes_as_the_credential_that_the_unit_names() {
    let text = std::fs::read_to_string(unit()).unwrap();
    assert!(text.contains("LoadCredentialEncrypted=orgshare-auth-passphrase:"));
    let org = Org::new();
    let credentials = tempfile::tempdir().unwrap();
    let passphrase = credentials.path().join("orgshare-auth-passphrase");
    std::fs::rename(org.passphrase_file(), passphrase).unwrap();
    let mut command = org.program(&["doctor", "--listen", "127.0.0.1:0"]);
    command
        .env_remove("ORGSHARE_AUTH_PASSPHRASE_FILE")
        .env("CREDENTIALS_DIRECTORY", credentials.path());
    let output = command.output().unwrap();
    assert!(
        said(&output).contains("it opens and belongs to"),
        "{}",
        said(&output)
    );
}
