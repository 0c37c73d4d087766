//! Logging in, and every way it is refused.

use std::fs;

use captures::device::Device;
use captures::error::Result;
use captures::foreign::leaf_of;
use captures::organisation::{Organisation, PASSWORD, write_secret};
use captures::process::{self, free_port};
use captures::scratch::files_below;

#[test]
fn a_wrong_password_and_an_unknown_alias_get_the_same_answer() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    organisation.add_user("alice")?;
    let device = organisation.device()?;
    let wrong = device
        .log_in_with("alice", "not-the-password-of-alice")?
        .refused(4, &[])?;
    let unknown = device
        .log_in_with("zoe", "not-the-password-of-alice")?
        .refused(4, &[])?;
    assert_eq!(wrong.stderr, unknown.stderr.replace("zoe", "alice"));
    assert!(leaf_of(&device).is_err(), "a certificate was stored");
    device.log_in("alice")
}

#[test]
fn a_disabled_or_removed_person_cannot_log_in() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    for (alias, order) in [("alice", &["disable"][..]), ("bob", &["rm", "--yes"])] {
        organisation.add_user(alias)?;
        let order = [&["user"], order, &[alias]].concat();
        organisation.run(&order)?.success()?;
        organisation
            .device()?
            .log_in_with(alias, PASSWORD)?
            .refused(4, &[])?;
    }
    Ok(())
}

#[test]
fn weak_passwords_are_refused_with_the_reason() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let folder = captures::scratch::folder()?;
    let file = folder.path().join("password");
    for weak in ["short", "passwordpassword", "", "carolcarolcarolcarol"] {
        write_secret(&file, weak)?;
        let mut command = organisation.command(&["user", "add", "carol"]);
        let refused = process::run(command.arg("--password-file").arg(&file))?;
        assert_ne!(refused.code, Some(0), "{weak:?} was accepted");
        assert!(
            refused.said().to_lowercase().contains("password"),
            "{}",
            refused.said()
        );
    }
    organisation
        .device()?
        .log_in_with("carol", "passwordpassword")?
        .refused(4, &[])
        .map(drop)
}

#[test]
fn aliases_that_are_none_are_refused() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let folder = captures::scratch::folder()?;
    let file = folder.path().join("password");
    write_secret(&file, PASSWORD)?;
    for alias in [
        "1990",
        "../x",
        "Al ice",
        "a.b",
        "-a",
        "ümlaut",
        "alice\n",
        &"a".repeat(33),
    ] {
        let mut command = organisation.command(&["user", "add"]);
        command
            .arg("--password-file")
            .arg(&file)
            .arg("--")
            .arg(alias);
        let refused = process::run(&mut command)?;
        assert!(
            matches!(refused.code, Some(1 | 2)),
            "{alias:?}: {}",
            refused.said()
        );
    }
    Ok(())
}

#[test]
fn without_an_auth_server_a_login_says_so() -> Result<()> {
    let mut organisation = Organisation::start("Example")?;
    let device = organisation.device()?;
    organisation.add_user("alice")?;
    organisation.stop();
    device
        .log_in_with("alice", PASSWORD)?
        .refused(5, &[])
        .map(drop)
}

#[test]
fn without_an_auth_server_no_device_can_trust() -> Result<()> {
    let nobody = free_port()?;
    let device = Device::new()?;
    let fingerprint = format!("SHA256:{}", "0".repeat(64));
    device
        .trust(&format!("https://127.0.0.1:{nobody}"), &fingerprint)?
        .refused(5, &[])
        .map(drop)
}

#[test]
fn a_wrong_fingerprint_is_refused_and_nothing_is_stored() -> Result<()> {
    let (organisation, other) = (
        Organisation::start("Example")?,
        Organisation::init("Example")?,
    );
    let device = Device::new()?;
    device
        .trust(&organisation.url(), other.fingerprint())?
        .refused(7, &["fingerprint"])?;
    assert!(
        files_below(&device.folder()).is_empty(),
        "{:?}",
        files_below(&device.folder())
    );
    device
        .trust(&organisation.url(), "SHA256:zz")?
        .refused(2, &[])
        .map(drop)
}

#[test]
fn a_device_does_not_log_in_at_another_organisation_of_the_same_name() -> Result<()> {
    // The address is taken over by somebody with a root of his own and the same names.
    let mut organisation = Organisation::start("Example")?;
    organisation.add_user("alice")?;
    let device = organisation.device()?;
    let address = organisation.url().trim_start_matches("https://").to_owned();
    organisation.stop();
    let impostor = Organisation::init("Example")?;
    impostor.add_user("alice")?;
    let _serving = impostor.serve_at(&address)?;
    device.log_in_with("alice", PASSWORD)?.refused(7, &[])?;
    assert!(leaf_of(&device).is_err(), "a certificate was stored");
    Ok(())
}

#[test]
fn people_of_two_organisations_of_the_same_name_do_not_meet() -> Result<()> {
    let (ours, theirs) = (
        Organisation::start("Example")?,
        Organisation::start("Example")?,
    );
    let (alice, bob) = (ours.person("alice")?, theirs.person("bob")?);
    let folder = captures::scratch::folder()?;
    fs::write(folder.path().join("file"), "x").unwrap();
    let listener = bob.serve("files", folder.path())?;
    let target = alice.home().join("file");
    alice
        .get(&listener.source("files/file"), &target)?
        .refused(7, &[])?;
    assert!(!target.exists());
    Ok(())
}

#[test]
fn whoever_is_not_logged_in_can_neither_ask_nor_serve() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let device = organisation.device()?;
    device.run(&["whoami"])?.refused(3, &["log"])?;
    device
        .run(&["get", "1990:files/x", "x"])?
        .refused(3, &["log"])?;
    process::run(&mut device.serve_command("f=/usr/share"))?.refused(3, &["log"])?;
    let stranger = Device::new()?;
    stranger
        .run(&["login", "alice", "--no-input"])?
        .refused(3, &["trust"])
        .map(drop)
}

#[test]
fn whoami_tells_the_person_and_logout_forgets_the_key() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let alice = organisation.person("alice")?;
    assert!(alice.run(&["whoami"])?.success()?.said().contains("alice"));
    alice.run(&["logout"])?.success()?;
    assert!(leaf_of(&alice).is_err());
    assert!(captures::foreign::stolen_from(&alice).is_err());
    alice.run(&["whoami"])?.refused(3, &[]).map(drop)
}

#[test]
fn a_changed_password_is_the_only_one_that_works() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    organisation.add_user("alice")?;
    let changed = "four-heavy-lanterns-at-noon";
    let folder = captures::scratch::folder()?;
    let file = folder.path().join("password");
    write_secret(&file, changed)?;
    let mut command = organisation.command(&["user", "passwd", "alice"]);
    process::run(command.arg("--password-file").arg(&file))?.success()?;
    let device = organisation.device()?;
    device.log_in_with("alice", PASSWORD)?.refused(4, &[])?;
    device.log_in_with("alice", changed)?.success().map(drop)
}

#[test]
fn people_are_listed_without_their_secrets() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    organisation.add_user("alice")?;
    organisation.add_user("bob")?;
    let listed = organisation.run(&["user", "list"])?.success()?;
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(text.contains("alice") && text.contains("bob"), "{text}");
    assert!(!text.contains("argon2"), "{text}");
    Ok(())
}
