//! Secrets stay where they belong: files of the owner only, nothing in logs, nothing in argv.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use captures::error::Result;
use captures::organisation::{Organisation, PASSWORD};
use captures::process;
use captures::scratch::files_below;
use captures::stage::Stage;

/// Every file and folder below a folder that others than the owner may touch.
fn open_to_others(folder: &Path) -> Vec<String> {
    let mut paths = files_below(folder);
    let folders: Vec<_> = paths
        .iter()
        .filter_map(|path| path.parent())
        .map(Path::to_path_buf)
        .collect();
    paths.extend(folders);
    paths
        .iter()
        .map(|path| {
            (
                path,
                fs::metadata(path).unwrap().permissions().mode() & 0o777,
            )
        })
        .filter(|(path, mode)| mode & 0o077 != 0 && holds_secret(path))
        .map(|(path, mode)| format!("{} {mode:o}", path.display()))
        .collect()
}

/// Folders, keys and databases are for the owner only; certificates are for everybody.
fn holds_secret(path: &Path) -> bool {
    let contents = fs::read(path).unwrap_or_default();
    let public = contents.starts_with(b"-----BEGIN CERTIFICATE-----")
        || contents.starts_with(b"-----BEGIN X509 CRL-----")
        || path
            .extension()
            .is_some_and(|extension| extension == "crl" || extension == "crt");
    path.is_dir() || !public
}

/// Runs a command under an umask that forbids nothing.
fn under_open_umask(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 000; exec \"$@\"", "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    shell
        .env_clear()
        .current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        shell.env(name, value.unwrap());
    }
    shell
}

#[test]
fn secrets_are_for_their_owner_only_under_any_umask() -> Result<()> {
    let organisation = Organisation::init("Example")?;
    let fresh = captures::scratch::folder()?;
    let folder = fresh.path().join("authority");
    let mut init = organisation.command(&["init", "--org", "Other"]);
    init.arg("--passphrase-file")
        .arg(organisation.passphrase_file());
    let mut init = under_open_umask(&init);
    init = replaced(&init, &organisation.folder(), &folder);
    process::run(&mut init)?.success()?;
    assert!(!files_below(&folder).is_empty());
    assert_eq!(open_to_others(&folder), Vec::<String>::new());
    let stage = Stage::set()?;
    let device = captures::device::Device::new()?;
    let (url, fingerprint) = (stage.organisation.url(), stage.organisation.fingerprint());
    let trust = device.command(&["trust", &url, "--fingerprint", fingerprint]);
    process::run(&mut under_open_umask(&trust))?.success()?;
    let password = stage.alice.home().join("password");
    let mut login = device.command(&["login", "alice", "--password-file"]);
    login.arg(password);
    process::run(&mut under_open_umask(&login))?.success()?;
    assert_eq!(open_to_others(&device.folder()), Vec::<String>::new());
    Ok(())
}

fn replaced(command: &Command, old: &Path, new: &Path) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args().map(|argument| {
        if argument == old {
            new.as_os_str()
        } else {
            argument
        }
    }));
    copy.env_clear()
        .current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        copy.env(name, value.unwrap());
    }
    copy
}

#[test]
fn a_received_file_is_private_until_it_is_complete() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer_generated("file", 1_000_000)?;
    let get = stage
        .alice
        .get_command(&stage.source("file"), &stage.inbox("file"));
    process::run(&mut under_open_umask(&get))?.success()?;
    stage.check_identical("file")
}

#[test]
fn a_key_that_others_can_read_stops_the_peer() -> Result<()> {
    let stage = Stage::set()?;
    for path in files_below(&stage.alice.folder()) {
        if fs::read_to_string(&path)
            .unwrap_or_default()
            .contains("PRIVATE KEY")
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        }
    }
    stage.offer("file", b"x")?;
    let got = stage.get("file")?;
    assert!(!matches!(got.code, Some(0)), "{}", got.said());
    assert!(
        got.stderr.contains("644")
            || got.stderr.contains("permission")
            || got.stderr.contains("others"),
        "{}",
        got.stderr
    );
    stage.check_absent("file")
}

#[test]
fn a_root_key_that_others_can_read_stops_the_auth_server() -> Result<()> {
    let mut organisation = Organisation::start("Example")?;
    organisation.stop();
    for path in files_below(&organisation.folder()) {
        if fs::read_to_string(&path)
            .unwrap_or_default()
            .contains("PRIVATE KEY")
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        }
    }
    let error = organisation.restart().unwrap_err().to_string();
    assert!(error.contains("ended before"), "{error}");
    Ok(())
}

#[test]
fn no_log_names_a_password_and_no_argument_list_either() -> Result<()> {
    let stage = Stage::set()?;
    stage
        .alice
        .log_in_with("alice", "a-mistyped-but-still-secret-word")?
        .refused(4, &[])?;
    let server = stage.organisation.server().unwrap();
    server.wait_for_text("401")?;
    for running in [server, stage.listener.running()] {
        let argv = fs::read(format!("/proc/{}/cmdline", running.id())).unwrap();
        let environment = fs::read(format!("/proc/{}/environ", running.id())).unwrap();
        let places = [running.said().into_bytes(), argv, environment];
        for secret in [
            PASSWORD,
            "a-mistyped-but-still-secret-word",
            "seven-lanterns",
        ] {
            for place in &places {
                assert!(
                    !String::from_utf8_lossy(place).contains(secret),
                    "{secret} is to be seen"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn the_database_holds_no_password() -> Result<()> {
    let stage = Stage::set()?;
    for path in files_below(&stage.organisation.folder()) {
        let contents = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&contents);
        assert!(
            !text.contains(PASSWORD),
            "{} holds a password",
            path.display()
        );
        assert!(
            !text.contains("BEGIN RSA PRIVATE KEY"),
            "{}",
            path.display()
        );
    }
    Ok(())
}

#[test]
fn processes_that_hold_secrets_leave_no_core() -> Result<()> {
    let stage = Stage::set()?;
    let server = stage.organisation.server().unwrap();
    for running in [server, stage.listener.running()] {
        let limits = fs::read_to_string(format!("/proc/{}/limits", running.id())).unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"))
            .unwrap();
        let columns: Vec<&str> = core.split_whitespace().collect();
        assert_eq!(columns[4..6], ["0", "0"], "{core}");
    }
    Ok(())
}
