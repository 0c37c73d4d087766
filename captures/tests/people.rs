//! Passwords and profiles from a person's own device.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use auth_server::throttle::{Attempt, Source};
use captures::bare_peer::Person;
use captures::device::Device;
use captures::error::Result;
use captures::foreign::{Flaw, Forger, leaf_of};
use captures::organisation::{Organisation, PASSWORD, write_secret};
use captures::process::{self, Finished, PATIENCE};
use captures::programs::clean_command;
use captures::records::in_store;
use captures::rogue::Credentials;
use captures::terminal::Terminal;
use time::OffsetDateTime;
use x509_cert::der::pem::{LineEnding, encode_string};

const NOT_LOGGED_IN: i32 = 3;
const NOT_TRUSTED: i32 = 7;

const CHOSEN: &str = "plum glacier window ostrich seven";

/// Long enough, and on the server's list of passwords that are guessed first.
const COMMON: &str = "correct horse battery staple";

/// `peer` with these arguments in a terminal.
fn on_a_terminal(device: &Device, arguments: &[&str]) -> Result<Terminal> {
    let folder = device.folder();
    let arguments = [&["--dir", folder.to_str().unwrap()], arguments].concat();
    Terminal::start(device.program(), &arguments, device.home())
}

/// Adds a person with a one-time password, and tells it.
fn add_for_once(organisation: &Organisation, alias: &str) -> Result<String> {
    let added = organisation.run(&["user", "add", alias, "--one-time"])?;
    let printed = added.success()?.stdout;
    Ok(String::from_utf8_lossy(&printed).trim().to_owned())
}

fn log_in_with_new(device: &Device, alias: &str, old: &str, new: &str) -> Result<Finished> {
    let (one, two) = (device.home().join("old"), device.home().join("new"));
    write_secret(&one, old)?;
    write_secret(&two, new)?;
    let mut command = device.command(&["login", alias]);
    command.arg("--password-file").arg(one);
    process::run(command.arg("--new-password-file").arg(two))
}

fn change(device: &Device, old: &str, new: &str) -> Result<Finished> {
    let (one, two) = (device.home().join("old"), device.home().join("new"));
    write_secret(&one, old)?;
    write_secret(&two, new)?;
    let mut command = device.command(&["passwd"]);
    command.arg("--old-password-file").arg(one);
    process::run(command.arg("--new-password-file").arg(two))
}

#[test]
fn a_password_given_for_once_is_replaced_at_the_first_login() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let once = add_for_once(&organisation, "alice")?;
    let device = organisation.device()?;
    device
        .log_in_with("alice", &once)?
        .refused(4, &["given for once", "--new-password-file"])?;
    assert!(leaf_of(&device).is_err(), "a certificate was stored");
    log_in_with_new(&device, "alice", &once, "alice alice alice")?
        .refused(9, &["the new password is not accepted"])?;
    assert!(leaf_of(&device).is_err(), "a certificate was stored");
    log_in_with_new(&device, "alice", &once, CHOSEN)?.success()?;
    assert!(leaf_of(&device).is_ok());
    device.log_in_with("alice", &once)?.refused(4, &[])?;
    // A chosen one stays as it is, whatever stands in the other file.
    log_in_with_new(&device, "alice", CHOSEN, PASSWORD)?.success()?;
    device.log_in_with("alice", CHOSEN)?.success().map(drop)
}

#[test]
fn on_a_terminal_the_new_password_is_asked_for_until_it_is_good() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let once = add_for_once(&organisation, "alice")?;
    let device = organisation.device()?;
    let mut terminal = on_a_terminal(&device, &["login", "alice"])?;
    terminal.answer_hidden("password: ", &once)?;
    terminal.expect("given for once")?;
    terminal.answer_hidden("new password: ", CHOSEN)?;
    terminal.answer_hidden("new password again: ", "plum glacier window ostrich nine")?;
    terminal.expect("The two do not match.")?;
    // What can be seen here is said before anything is typed again.
    for (bad, told) in [
        ("short", "it has 5 characters"),
        (once.as_str(), "it is the old one"),
    ] {
        terminal.answer_hidden("new password: ", bad)?;
        terminal.expect(told)?;
    }
    // The rest only the server knows.
    for again in ["new password: ", "new password again: "] {
        terminal.answer_hidden(again, COMMON)?;
    }
    terminal.expect("the new password is not accepted")?;
    for again in ["new password: ", "new password again: "] {
        terminal.answer_hidden(again, CHOSEN)?;
    }
    terminal.expect("logged in as alice")?;
    assert_eq!(terminal.finish(PATIENCE)?, Some(0));
    for secret in [once.as_str(), CHOSEN] {
        assert!(!terminal.transcript().contains(secret));
    }
    Ok(())
}

#[test]
fn the_dialogue_asks_for_another_password_when_one_is_needed() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let once = add_for_once(&organisation, "user1")?;
    let mut person = Person::start(&organisation)?;
    person.log_in("user1", &once)?;
    for question in [
        "Please enter a new password: ",
        "Please enter the new password again: ",
    ] {
        person.terminal.answer_hidden(question, CHOSEN)?;
    }
    person.listen()?;
    assert!(!person.terminal.transcript().contains(CHOSEN));
    Ok(())
}

#[test]
fn who_mistypes_a_password_is_asked_again_a_few_times() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    organisation.add_user("alice")?;
    let device = organisation.device()?;
    let mut terminal = on_a_terminal(&device, &["login", "alice"])?;
    for _ in 0..2 {
        terminal.answer_hidden("password: ", "not the password of alice")?;
        terminal.expect("unauthorized: wrong alias or password")?;
    }
    terminal.answer_hidden("password: ", PASSWORD)?;
    terminal.expect("logged in as alice")?;
    assert_eq!(terminal.finish(PATIENCE)?, Some(0));
    // The alias too, if it was asked for.
    let mut terminal = on_a_terminal(&device, &["login"])?;
    for alias in ["alcie", "alica", "aliec"] {
        terminal.answer("alias: ", alias)?;
        terminal.answer_hidden("password: ", PASSWORD)?;
        terminal.expect("unauthorized: wrong alias or password")?;
    }
    assert_eq!(terminal.finish(PATIENCE)?, Some(4));
    assert_eq!(terminal.transcript().matches("alias: ").count(), 3);
    Ok(())
}

#[test]
fn who_must_wait_is_told_how_long_and_not_asked_again() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    organisation.add_user("alice")?;
    let device = organisation.device()?;
    for _ in 0..5 {
        device
            .log_in_with("alice", "not the password of alice")?
            .refused(4, &["unauthorized"])?;
    }
    let mut terminal = on_a_terminal(&device, &["login", "alice"])?;
    terminal.answer_hidden("password: ", PASSWORD)?;
    terminal.expect("too many failed logins")?;
    terminal.expect("try again in ")?;
    assert_eq!(terminal.finish(PATIENCE)?, Some(4));
    assert_eq!(terminal.transcript().matches("password: ").count(), 1);
    Ok(())
}

#[test]
fn a_wrong_password_from_a_file_is_tried_once_even_on_a_terminal() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    organisation.add_user("alice")?;
    let device = organisation.device()?;
    let file = device.home().join("wrong");
    write_secret(&file, "not the password of alice")?;
    let arguments = ["login", "alice", "--password-file", file.to_str().unwrap()];
    let mut terminal = on_a_terminal(&device, &arguments)?;
    terminal.expect("unauthorized")?;
    assert_eq!(terminal.finish(PATIENCE)?, Some(4));
    assert_eq!(terminal.transcript().matches("unauthorized").count(), 1);
    Ok(())
}

#[test]
fn who_mistypes_the_old_password_types_the_new_one_no_more() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let alice = organisation.person("alice")?;
    let mut terminal = on_a_terminal(&alice, &["passwd"])?;
    terminal.answer_hidden("old password: ", "not the password of alice")?;
    terminal.answer_hidden("new password: ", "fourteen chars")?;
    terminal.expect("it has 14 characters")?;
    for again in ["new password: ", "new password again: "] {
        terminal.answer_hidden(again, CHOSEN)?;
    }
    terminal.expect("unauthorized")?;
    terminal.answer_hidden("old password: ", PASSWORD)?;
    terminal.expect("changed the password of alice")?;
    assert_eq!(terminal.finish(PATIENCE)?, Some(0));
    // What the server refuses is asked for again, the old one is not.
    let mut terminal = on_a_terminal(&alice, &["passwd"])?;
    terminal.answer_hidden("old password: ", CHOSEN)?;
    for chosen in [COMMON, PASSWORD] {
        for again in ["new password: ", "new password again: "] {
            terminal.answer_hidden(again, chosen)?;
        }
    }
    terminal.expect("changed the password of alice")?;
    assert_eq!(terminal.finish(PATIENCE)?, Some(0));
    let screen = terminal.transcript();
    assert!(
        screen.contains("one of the passwords that are guessed first"),
        "{screen}"
    );
    assert_eq!(screen.matches("old password: ").count(), 1, "{screen}");
    for secret in [CHOSEN, COMMON, PASSWORD] {
        assert!(!screen.contains(secret), "{screen}");
    }
    alice.log_in("alice")
}

#[test]
fn a_password_is_changed_by_who_knows_the_old_one() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let alice = organisation.person("alice")?;
    change(&alice, "not the password of alice", CHOSEN)?.refused(4, &["unauthorized"])?;
    change(&alice, PASSWORD, PASSWORD)?.refused(9, &["it is the old one"])?;
    change(&alice, PASSWORD, CHOSEN)?.success()?;
    alice.run(&["whoami"])?.success()?;
    alice.log_in_with("alice", PASSWORD)?.refused(4, &[])?;
    alice.log_in_with("alice", CHOSEN)?.success()?;
    // Without a terminal nothing is asked for.
    alice
        .run(&["passwd"])?
        .refused(2, &["--old-password-file"])?;
    let nobody = organisation.device()?;
    change(&nobody, PASSWORD, CHOSEN)?.refused(2, &["ALIAS"])?;
    Ok(())
}

#[test]
fn a_profile_is_shown_and_changed_in_part() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let alice = organisation.person("alice")?;
    let show = |arguments: &[&str]| -> Result<String> {
        let shown = alice.run(arguments)?.success()?;
        Ok(String::from_utf8_lossy(&shown.stdout).into_owned())
    };
    let set = ["profile", "set", "--name", "Alice Lee"];
    alice.run(&set)?.success()?;
    alice
        .run(&["profile", "set", "--email", "alice@example.org"])?
        .success()?;
    let shown = show(&["profile", "show"])?;
    assert!(
        shown.contains("Alice Lee") && shown.contains("alice@example.org"),
        "{shown}"
    );
    let json: serde_json::Value = serde_json::from_str(&show(&["profile", "show", "--json"])?)
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        json,
        serde_json::json!({
            "alias": "alice", "role": "member",
            "display_name": "Alice Lee", "email": "alice@example.org",
        })
    );
    alice
        .run(&["profile", "set", "--email", "nowhere"])?
        .refused(9, &["local@domain"])?;
    alice
        .run(&["profile", "set", "--name", "a\u{202e}b"])?
        .refused(9, &[])?;
    alice.run(&["profile", "set"])?.refused(2, &["--name"])?;
    alice.run(&["profile", "set", "--name", ""])?.success()?;
    assert!(!show(&["profile", "show"])?.contains("Lee"));
    organisation.run(&["user", "disable", "alice"])?.success()?;
    alice
        .run(&["profile", "show"])?
        .refused(7, &["was revoked"])?;
    let nobody = organisation.device()?;
    nobody.run(&["profile", "show"])?.refused(3, &[]).map(drop)
}

#[test]
fn who_has_another_role_is_told_to_renew_and_that_is_enough() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let alice = organisation.person("alice")?;
    let role = ["user", "role", "alice", "reader"];
    organisation.run(&role)?.success()?;
    let told = ["renew the certificate with peer renew"];
    let shown = alice.run(&["profile", "show"])?;
    shown.refused(NOT_TRUSTED, &told)?;
    // This one looks for a list, and renews by itself once it is signed.
    let listed = alice.run(&["peers"])?;
    if listed.code != Some(0) {
        listed.refused(NOT_TRUSTED, &told)?;
    }
    alice.run(&["renew"])?.success()?;
    alice.run(&["profile", "show"])?.success()?;
    alice.run(&["peers"])?.success().map(drop)
}

#[test]
fn commands_that_a_message_names_come_with_the_folder_that_was_named() -> Result<()> {
    let device = Device::new()?;
    let named = format!("peer trust --dir {} https", device.folder().display());
    device.run(&["whoami"])?.refused(NOT_LOGGED_IN, &[&named])?;
    let mut command = clean_command(device.program(), device.home());
    command.arg("whoami").env("ORGSHARE_DIR", device.folder());
    process::run(&mut command)?
        .refused(NOT_LOGGED_IN, &["peer trust https"])
        .map(drop)
}

#[test]
fn who_guesses_at_the_same_address_does_not_hold_up_one_s_own_device() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let alice = organisation.person("alice")?;
    let stranger = organisation.device()?;
    for _ in 0..5 {
        stranger
            .log_in_with("alice", "not the password of alice")?
            .refused(4, &["unauthorized"])?;
    }
    stranger
        .log_in_with("alice", PASSWORD)?
        .refused(4, &["too many failed logins"])?;
    // Hers shows the certificate that it has.
    alice.log_in("alice")?;
    change(&alice, PASSWORD, CHOSEN)?.success().map(drop)
}

#[test]
fn who_did_something_as_often_as_one_person_may_is_told_so_and_when_to_come_back() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let alice = organisation.person("alice")?;
    let name = "alice".parse().unwrap();
    let elsewhere = Source::of(std::net::Ipv4Addr::new(198, 51, 100, 1).into());
    in_store(&organisation, async |store| {
        for _ in 1..120 {
            let now = OffsetDateTime::now_utc();
            Attempt::new(Some(&name), elsewhere)
                .succeeded(store, &name, now)
                .await?;
        }
        Ok(())
    })?;
    let told = "you did this as often as one person may in an hour";
    alice
        .log_in_with("alice", PASSWORD)?
        .refused(75, &[told, "try again in", "min"])?;
    change(&alice, PASSWORD, CHOSEN)?.refused(75, &[told])?;
    // The device goes on renewing, up to a bound of its own.
    for _ in 0..30 {
        alice.run(&["renew"])?.success()?;
    }
    alice
        .run(&["renew"])?
        .refused(75, &["this device renewed its certificate too often"])
        .map(drop)
}

/// Puts another key and certificate where the peer keeps its own.
fn replace_credentials(device: &Device, credentials: &Credentials) {
    let pem = |label, der: &[u8]| encode_string(label, LineEnding::LF, der).unwrap();
    let both = pem("PRIVATE KEY", credentials.key.secret_der())
        + &pem("CERTIFICATE", &credentials.chain[0]);
    write_secret(&device.folder().join("device.pem"), &both).unwrap();
}

#[test]
fn a_certificate_that_the_server_does_not_take_does_not_hinder_a_login() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    organisation.add_user("bob")?;
    let alice = organisation.person("alice")?;
    let genuine = leaf_of(&alice)?;
    let foreign = Forger::with_the_same_names(&organisation)?;
    let root = Forger::with_the_root_key(&organisation)?;
    for credentials in [
        foreign.forge(&genuine, &Flaw::None)?,
        foreign.forge(&genuine, &Flaw::Expired)?,
        root.forge(&genuine, &Flaw::None)?,
        root.forge(&genuine, &Flaw::Expired)?,
    ] {
        replace_credentials(&alice, &credentials);
        assert_eq!(leaf_of(&alice)?, credentials.chain[0]);
        alice.log_in("alice")?;
    }
    // One that was revoked is worth as little.
    organisation.run(&["user", "disable", "alice"])?.success()?;
    organisation.run(&["user", "enable", "alice"])?.success()?;
    alice.log_in("alice")?;
    alice.log_in("bob")?;
    assert!(alice.run(&["whoami"])?.success()?.said().contains("bob"));
    Ok(())
}

#[test]
fn a_password_file_that_others_can_read_is_taken_with_one_warning() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let alice = organisation.person("alice")?;
    let file = alice.home().join("open");
    for (mode, told) in [(0o600, 0), (0o622, 0), (0o640, 1), (0o604, 1)] {
        write_secret(&file, PASSWORD)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let mut command = alice.command(&["login", "alice", "--password-file"]);
        let said = process::run(command.arg(&file))?.success()?.said();
        assert_eq!(
            said.matches("warning: others can read").count(),
            told,
            "{mode:o}: {said}"
        );
        assert_eq!(said.contains("chmod 600"), told > 0, "{said}");
    }
    // What is no file of one's own is nobody's to close.
    let piped = format!(
        "cat {0} | exec {1} --dir {2} login alice --password-file /dev/stdin",
        file.display(),
        alice.program().display(),
        alice.folder().display()
    );
    let mut command = clean_command(Path::new("/bin/sh"), alice.home());
    let said = process::run(command.args(["-c", &piped]))?
        .success()?
        .said();
    assert!(!said.contains("warning"), "{said}");
    Ok(())
}
