//! Devices get their next certificate by themselves, as long as the authority lets them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod aged;

use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use captures::device::Device;
use captures::error::Result;
use captures::foreign::leaf_of;
use captures::organisation::Organisation;
use captures::scratch;
use captures::stage::Stage;
use time::Duration as Span;

const NOT_LOGGED_IN: i32 = 3;
const REVOKED: i32 = 7;
const TWO_THIRDS_OVER: Span = Span::hours(20);
const ENDED: Span = Span::days(4);

/// Without a reason a listener does not look again before.
const BETWEEN_LOOKS: Duration = Duration::from_secs(60);

/// A listener looks once a minute; with a busy machine's delays.
const TWO_LOOKS: Duration = Duration::from_secs(150);

/// The person of a device as `peer whoami` tells it.
fn whoami(device: &Device) -> Result<String> {
    Ok(device.run(&["whoami"])?.success()?.said())
}

/// A member who logged in once, so that root, list and server are known, and whose certificate is
/// as old as that.
fn aged(organisation: &Organisation, alias: &str, ago: Span) -> Result<Device> {
    let device = organisation.person(alias)?;
    aged::certify(organisation, &device, alias, ago);
    Ok(device)
}

#[test]
fn a_listener_renews_when_it_starts_late_in_its_certificate_s_life() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let alice = organisation.person("alice")?;
    let bob = aged(&organisation, "bob", TWO_THIRDS_OVER)?;
    let old = leaf_of(&bob)?;
    let folder = scratch::folder()?;
    std::fs::write(folder.path().join("a"), b"contents").unwrap();
    let listener = bob.serve("files", folder.path())?;
    assert_ne!(leaf_of(&bob)?, old);
    let to = folder.path().join("received");
    alice.get(&listener.source("files/a"), &to)?.success()?;
    assert!(whoami(&bob)?.contains("renews at"));
    Ok(())
}

#[test]
fn who_wakes_up_after_a_long_weekend_gets_files_at_once() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer("a", b"contents")?;
    for (name, ago) in [("a", TWO_THIRDS_OVER), ("b", ENDED)] {
        stage.offer(name, b"contents")?;
        aged::certify(&stage.organisation, &stage.alice, "alice", ago);
        let old = leaf_of(&stage.alice)?;
        stage.get_identical(name)?;
        assert_ne!(leaf_of(&stage.alice)?, old, "{name}");
    }
    Ok(())
}

#[test]
fn without_the_auth_server_what_is_valid_serves_and_what_has_ended_says_what_to_do() -> Result<()> {
    let mut stage = Stage::set()?;
    stage.offer("a", b"contents")?;
    aged::certify(&stage.organisation, &stage.alice, "alice", TWO_THIRDS_OVER);
    stage.organisation.stop();
    let quiet = stage.get("a")?.success()?;
    assert!(!quiet.said().contains("renew"), "{}", quiet.said());
    aged::certify(&stage.organisation, &stage.alice, "alice", ENDED);
    stage.offer("b", b"contents")?;
    stage.get("b")?.refused(
        NOT_LOGGED_IN,
        &[
            "has expired",
            "cannot be reached",
            "log in again with peer login",
        ],
    )?;
    Ok(())
}

#[test]
fn a_listener_without_the_auth_server_warns_once_and_serves_on() -> Result<()> {
    let mut organisation = Organisation::start("Example")?;
    let alice = organisation.person("alice")?;
    let bob = aged(&organisation, "bob", TWO_THIRDS_OVER)?;
    let folder = scratch::folder()?;
    std::fs::write(folder.path().join("a"), b"contents").unwrap();
    organisation.stop();
    let listener = bob.serve("files", folder.path())?;
    let warning = "could not be renewed and it serves until";
    listener.running().wait_for_text(warning)?;
    let to = folder.path().join("received");
    alice.get(&listener.source("files/a"), &to)?.success()?;
    assert_eq!(listener.running().said().matches(warning).count(), 1);
    Ok(())
}

#[test]
fn long_after_the_end_only_a_login_helps() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let alice = aged(&organisation, "alice", Span::days(32))?;
    alice
        .run(&["renew"])?
        .refused(NOT_LOGGED_IN, &["log in again with peer login"])?;
    alice.log_in("alice")?;
    alice.run(&["renew"])?.success()?;
    Ok(())
}

#[test]
fn a_blocked_member_is_told_and_keeps_what_is_on_the_device() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let alice = organisation.person("alice")?;
    let old = leaf_of(&alice)?;
    organisation.run(&["user", "disable", "alice"])?.success()?;
    alice
        .run(&["renew"])?
        .refused(REVOKED, &["does not renew", "blocked"])?;
    assert_eq!(leaf_of(&alice)?, old);
    Ok(())
}

#[test]
fn many_renewals_at_once_leave_one_whole_identity() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let alice = aged(&organisation, "alice", TWO_THIRDS_OVER)?;
    let outcomes = thread::scope(|scope| {
        let commands: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| alice.run(&["renew"])))
            .collect();
        commands
            .into_iter()
            .map(|command| command.join().unwrap())
            .collect::<Result<Vec<_>>>()
    })?;
    for outcome in outcomes {
        outcome.success()?;
    }
    assert!(whoami(&alice)?.contains("alice"));
    Ok(())
}

#[test]
fn a_requester_whose_role_changed_learns_it_from_the_refusal() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer("a", b"contents")?;
    let role = ["user", "role", "alice", "reader"];
    stage.organisation.run(&role)?.success()?;
    // A listener that starts afterwards has the new list; alice has an old one.
    let end = Instant::now() + TWO_LOOKS;
    while !whoami(&stage.alice)?.contains("reader") {
        assert!(Instant::now() < end, "alice was never refused");
        let listener = stage.bob.serve("files", stage.shared())?;
        let to = stage.inbox(&format!("a{}", listener.port()));
        let got = stage.alice.get(&listener.source("files/a"), &to)?;
        // The listener may have got the new list between greeting and request.
        assert!(matches!(got.code, Some(0 | REVOKED)), "{}", got.said());
    }
    stage.get_identical("a")?;
    Ok(())
}

#[test]
#[allow(
    clippy::zombie_processes,
    reason = "a failed test ends this process, and its child by the closed pipe"
)]
fn a_listener_whose_role_changed_presents_it_soon_and_drops_no_connection() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer("small", b"contents")?;
    stage.offer_generated("large", 64 << 20)?;
    // Nobody reads what alice gets: it stays under way.
    let mut under_way = stage
        .alice
        .get_command(&stage.source("large"), Path::new("-"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut first = [0; 1];
    let mut output = under_way.stdout.take().unwrap();
    output.read_exact(&mut first).unwrap();
    let role = ["user", "role", "bob", "reader"];
    stage.organisation.run(&role)?.success()?;
    let end = Instant::now() + TWO_LOOKS;
    for turn in 0.. {
        let to = stage.inbox(&format!("small{turn}"));
        let got = stage.alice.get(&stage.source("small"), &to)?;
        if got.code == Some(0) && got.said().contains("bob (reader)") {
            break;
        }
        assert!(Instant::now() < end, "{}", got.said());
        thread::sleep(Duration::from_secs(1));
    }
    let mut rest = Vec::new();
    output.read_to_end(&mut rest).unwrap();
    assert_eq!(rest.len() + 1, 64 << 20);
    assert!(under_way.wait().unwrap().success());
    Ok(())
}

#[test]
fn a_listener_whose_role_changed_hears_of_it_and_renews_before_anybody_asks() -> Result<()> {
    let stage = Stage::set()?;
    let listening = Instant::now();
    let role = ["user", "role", "bob", "reader"];
    stage.organisation.run(&role)?.success()?;
    let left = BETWEEN_LOOKS.saturating_sub(listening.elapsed());
    let renewed = |line: &str| line.contains("Certificate renewed").then_some(());
    stage
        .listener
        .running()
        .wait_for("the next certificate", left, renewed)?;
    stage.offer("a", b"contents")?;
    let got = stage.get("a")?.success()?;
    assert!(got.said().contains("bob (reader)"), "{}", got.said());
    Ok(())
}

#[test]
fn a_listener_that_hears_of_its_role_from_a_refusal_does_not_wait_for_its_next_look() -> Result<()>
{
    let stage = Stage::set()?;
    let listening = Instant::now();
    stage.offer("a", b"contents")?;
    stage.get_identical("a")?;
    let role = ["user", "role", "bob", "reader"];
    stage.organisation.run(&role)?.success()?;
    for turn in 0.. {
        let to = stage.inbox(&format!("a{turn}"));
        let got = stage.alice.get(&stage.source("a"), &to)?;
        if got.code == Some(0) && got.said().contains("bob (reader)") {
            break;
        }
        assert!(listening.elapsed() < BETWEEN_LOOKS, "{}", got.said());
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

#[test]
fn no_member_passes_for_the_auth_server() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let (alice, mallory) = (
        organisation.person("alice")?,
        organisation.person("mallory")?,
    );
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let stolen = captures::foreign::stolen_from(&mallory)?;
    let config = rustls::ServerConfig::builder_with_provider(
        rustls::crypto::aws_lc_rs::default_provider().into(),
    )
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(stolen.chain, stolen.key)
    .unwrap();
    let heard = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut tls = rustls::ServerConnection::new(config.into()).unwrap();
        let mut said = Vec::new();
        let _ = rustls::Stream::new(&mut tls, &mut socket).read_to_end(&mut said);
        said
    });
    let password = alice.home().join("password");
    alice
        .run(&[
            "login",
            "alice",
            "--server",
            &url,
            "--password-file",
            &password.to_string_lossy(),
        ])?
        .refused(7, &["certificate is not for this address"])?;
    assert_eq!(heard.join().unwrap(), b"");
    Ok(())
}
