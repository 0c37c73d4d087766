//! An administrator works from his own device, with the certificate that the peer got for him.

use std::path::Path;
use std::process::Command;

use captures::device::Device;
use captures::error::Result;
use captures::organisation::{Organisation, PASSWORD, write_secret};
use captures::process::{self, Finished, PATIENCE};
use captures::programs::{Programs, clean_command};
use captures::terminal::Terminal;

const CHOSEN: &str = "plum glacier window ostrich seven";

/// The administrator's side: an organisation, and a device on which `root` is logged in.
struct Desk {
    device: Device,
    organisation: Organisation,
}

impl Desk {
    fn set() -> Result<Self> {
        let organisation = Organisation::start("Example")?;
        organisation.add_user("root")?;
        organisation
            .run(&["user", "role", "root", "admin"])?
            .success()?;
        let device = organisation.device()?;
        device.log_in("root")?;
        Ok(Self {
            device,
            organisation,
        })
    }

    fn run(&self, arguments: &[&str]) -> Result<Finished> {
        process::run(&mut command(&self.organisation, &self.device, arguments)?)
    }

    fn ok(&self, arguments: &[&str]) -> Result<String> {
        Ok(self.run(arguments)?.success()?.said())
    }
}

fn command(at: &Organisation, device: &Device, arguments: &[&str]) -> Result<Command> {
    let mut command = clean_command(&Programs::get()?.auth_server, device.home());
    command
        .args(["--server", &at.url(), "--device"])
        .arg(device.folder())
        .args(arguments);
    Ok(command)
}

fn password_file(folder: &Path) -> Result<String> {
    let path = folder.join("chosen");
    write_secret(&path, CHOSEN)?;
    Ok(path.to_string_lossy().into_owned())
}

#[test]
fn an_administrator_does_everything_from_the_device_that_the_peer_logged_in_on() -> Result<()> {
    let desk = Desk::set()?;
    let file = password_file(desk.device.home())?;
    desk.ok(&["user", "add", "alice", "--password-file", &file])?;
    assert!(desk.ok(&["user", "list"])?.contains("alice"));
    let alice = desk.organisation.device()?;
    alice.log_in_with("alice", CHOSEN)?.success()?;
    let shown = desk.ok(&["user", "show", "alice"])?;
    assert!(
        shown.contains("Last login") && !shown.contains("never"),
        "{shown}"
    );
    let listed = desk.ok(&["cert", "list", "--alias", "alice"])?;
    let serial = listed
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().next())
        .unwrap_or_default();
    assert!(alice.run(&["whoami"])?.said().contains(serial), "{listed}");
    assert!(desk.ok(&["cert", "show", serial])?.contains("valid"));
    desk.ok(&["cert", "revoke", serial, "--reason", "keyCompromise"])?;
    assert!(
        desk.ok(&["cert", "show", serial])?
            .contains("keyCompromise")
    );

    desk.ok(&["user", "passwd", "alice", "--one-time"])?;
    alice.log_in_with("alice", CHOSEN)?.refused(4, &[])?;
    desk.ok(&["user", "unlock", "alice"])?;
    desk.ok(&["user", "passwd", "alice", "--password-file", &file])?;
    desk.ok(&["user", "role", "alice", "reader"])?;
    alice.log_in_with("alice", CHOSEN)?.success()?;
    assert!(alice.run(&["whoami"])?.said().contains("reader"));
    desk.ok(&["user", "disable", "alice"])?;
    alice.log_in_with("alice", CHOSEN)?.refused(4, &[])?;
    desk.ok(&["user", "enable", "alice"])?;
    alice.log_in_with("alice", CHOSEN)?.success()?;
    desk.ok(&["user", "revoke", "alice", "--reason", "keyCompromise"])?;
    alice.log_in_with("alice", CHOSEN)?.refused(4, &[])?;
    desk.ok(&["user", "rm", "alice", "--yes"])?;
    desk.run(&["user", "show", "zoe"])?
        .refused(1, &["there is no user zoe"])?;

    let log = desk.ok(&["audit", "tail", "-n", "100"])?;
    for action in [
        "user.add",
        "cert.revoke",
        "user.role",
        "user.disable",
        "user.rm",
    ] {
        let told = log.lines().any(|line| {
            // Date, time, number; then who, from where, what.
            let words: Vec<&str> = line.split_whitespace().skip(3).take(3).collect();
            words == ["root", "127.0.0.1", action]
        });
        assert!(told, "{action}: {log}");
    }
    assert!(
        desk.ok(&["audit", "verify"])?
            .contains("as they were written")
    );
    Ok(())
}

#[test]
fn a_password_is_asked_for_as_on_the_machine() -> Result<()> {
    let desk = Desk::set()?;
    let url = desk.organisation.url();
    let folder = desk.device.folder().to_string_lossy().into_owned();
    let arguments = [
        "--server", &url, "--device", &folder, "user", "add", "carol",
    ];
    let program = Programs::get()?.auth_server;
    let mut terminal = Terminal::start(&program, &arguments, desk.device.home())?;
    // The organisation's name comes out of the device's own root certificate.
    terminal.answer_hidden("Enter Password:", "example carol 1")?;
    terminal.expect("too close to the alias or the organisation's name")?;
    terminal.answer_hidden("Enter Password:", CHOSEN)?;
    terminal.answer_hidden("again:", CHOSEN)?;
    terminal.expect("Added carol as member.")?;
    assert_eq!(terminal.finish(PATIENCE)?, Some(0));
    let carol = desk.organisation.device()?;
    carol.log_in_with("carol", CHOSEN)?.success().map(drop)
}

#[test]
fn who_removes_somebody_for_good_types_the_name_again() -> Result<()> {
    let desk = Desk::set()?;
    desk.organisation.add_user("alice")?;
    let url = desk.organisation.url();
    let folder = desk.device.folder().to_string_lossy().into_owned();
    let arguments = ["--server", &url, "--device", &folder, "user", "rm", "alice"];
    let program = Programs::get()?.auth_server;
    let remove = |typed: &str, said: &str| {
        let mut terminal = Terminal::start(&program, &arguments, desk.device.home())?;
        terminal.expect("This removes alice for good")?;
        terminal.answer("Type the alias to go on: ", typed)?;
        terminal.expect(said)?;
        terminal.finish(PATIENCE)
    };
    for other in ["", "y", "yes", "Alice", "alic"] {
        assert_eq!(remove(other, "alice was not removed")?, Some(1), "{other}");
    }
    assert!(desk.ok(&["user", "list"])?.contains("alice"));
    assert_eq!(remove("alice", "Removed alice for good")?, Some(0));
    assert!(!desk.ok(&["user", "list"])?.contains("alice"));
    // Nobody is asked about nobody.
    let mut terminal = Terminal::start(&program, &arguments, desk.device.home())?;
    terminal.expect("there is no user alice")?;
    assert_eq!(terminal.finish(PATIENCE)?, Some(1));
    assert!(!terminal.transcript().contains("Type the alias"));
    Ok(())
}

#[test]
fn a_plain_member_s_device_administers_nothing() -> Result<()> {
    let desk = Desk::set()?;
    let member = desk.organisation.person("alice")?;
    let file = password_file(member.home())?;
    for arguments in [
        &["user", "list"][..],
        &["user", "add", "mallory", "--password-file", &file],
        &["user", "role", "alice", "admin"],
        &["user", "disable", "root"],
        &["cert", "list"],
        &["audit", "tail"],
    ] {
        process::run(&mut command(&desk.organisation, &member, arguments)?)?
            .refused(9, &["administrators"])?;
    }
    let people = desk.ok(&["user", "list"])?;
    assert!(
        !people.contains("mallory") && !people.contains("disabled"),
        "{people}"
    );
    let log = desk.ok(&["audit", "tail", "-n", "100"])?;
    assert!(log.contains("not an administrator"), "{log}");
    Ok(())
}

#[test]
fn a_device_that_logged_out_or_lost_its_role_administers_nothing() -> Result<()> {
    let desk = Desk::set()?;
    desk.ok(&["user", "list"])?;
    desk.organisation
        .run(&["user", "role", "root", "member"])?
        .success()?;
    desk.run(&["user", "list"])?.refused(7, &["revoked"])?;
    desk.device.log_in_with("root", PASSWORD)?.success()?;
    desk.run(&["user", "list"])?
        .refused(9, &["administrators"])?;
    desk.device.run(&["logout"])?.success()?;
    desk.run(&["user", "list"])?
        .refused(3, &["nobody is logged in"])
        .map(drop)
}
