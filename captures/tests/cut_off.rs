//! What is under way ends within two seconds when one of both sides is revoked, whoever of them hears
//! of it, and nobody else's does.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs::{self, File};
use std::thread;
use std::time::{Duration, Instant};

use captures::device::Device;
use captures::error::Result;
use captures::organisation::PASSWORD;
use captures::process::{Finished, PATIENCE, Running};
use captures::proxy::{Damage, Direction, Fault, Proxy};
use captures::stage::Stage;

const REVOKED: i32 = 7;

/// From the end of the order to the last byte that anybody takes.
const PROMISED: Duration = Duration::from_secs(2);

/// At the speed below, half a minute and more.
const FILE_BYTES: u64 = 1 << 30;

const SLOWLY: Damage = Damage::Slow {
    bytes_a_second: 24 << 20,
};

/// What a colleague gets meanwhile: some four seconds.
const OTHER_FILE_BYTES: u64 = 96 << 20;

/// So much has come when the order is given: long enough for both sides to follow the server.
const UNDER_WAY_BYTES: u64 = 48 << 20;

/// A transfer through a slow relay.
struct Transfer {
    getting: Running,
    relay: Proxy,
}

impl Transfer {
    /// A device gets that file of bob's, and some of it has come.
    fn begin(stage: &Stage, device: &Device, name: &str, bytes: u64) -> Result<Self> {
        let relay = Proxy::start(stage.listener.port(), Fault::to_requester(SLOWLY))?;
        let source = relay.source(&format!("files/{name}"));
        let getting = Running::start(&mut device.get_command(&source, &stage.inbox(name)))?;
        let end = Instant::now() + PATIENCE;
        while relay.bytes(Direction::ToRequester) < bytes {
            assert!(Instant::now() < end, "{}", getting.said());
            thread::sleep(Duration::from_millis(5));
        }
        Ok(Self { getting, relay })
    }

    /// Waits for the end: what the requester said, and how long it took since `order`.
    fn end(self, order: Instant) -> Result<(Finished, Duration)> {
        let ended = self.getting.finish(PATIENCE)?;
        let took = order.elapsed();
        let passed = self.relay.bytes(Direction::ToRequester);
        assert!(passed < FILE_BYTES, "it was not cut: {passed}");
        Ok((ended, took))
    }
}

/// Alice, who gets a large file of bob's.
fn stage() -> Result<Stage> {
    let stage = Stage::set()?;
    let large = File::create(stage.shared().join("large")).unwrap();
    large.set_len(FILE_BYTES).unwrap();
    Ok(stage)
}

fn begin(stage: &Stage) -> Result<Transfer> {
    Transfer::begin(stage, &stage.alice, "large", UNDER_WAY_BYTES)
}

/// Revokes somebody: when that was done.
fn revoke(stage: &Stage, alias: &str) -> Result<Instant> {
    stage
        .organisation
        .run(&["user", "revoke", alias, "--reason", "keyCompromise"])?
        .success()?;
    Ok(Instant::now())
}

/// What both sides are told, up to the day.
fn why(alias: &str) -> String {
    format!("{alias}'s certificate was revoked (keyCompromise) on 20")
}

fn nothing_is_left(stage: &Stage) -> Result<()> {
    stage.check_absent("large")?;
    stage.check_absent("large.orgshare.part")
}

fn in_time(took: Duration) {
    assert!(took <= PROMISED, "it took {took:?}");
}

#[test]
fn a_transfer_is_cut_within_two_seconds_when_its_provider_is_revoked() -> Result<()> {
    let stage = stage()?;
    let transfer = begin(&stage)?;
    let order = revoke(&stage, "bob")?;
    let (ended, took) = transfer.end(order)?;
    ended.refused(REVOKED, &[&why("bob"), "bob must log in again"])?;
    in_time(took);
    nothing_is_left(&stage)?;
    let told = format!("this device was cut off: {}", why("bob"));
    let told = stage.listener.running().wait_for_text(&told)?;
    assert!(told.contains("log in again with peer login"), "{told}");
    Ok(())
}

#[test]
fn a_transfer_is_cut_within_two_seconds_when_its_requester_is_revoked_and_nobody_else_s_is()
-> Result<()> {
    let mut stage = stage()?;
    let carol = stage.organisation.person("carol")?;
    stage.offer_generated("other", OTHER_FILE_BYTES)?;
    let transfer = begin(&stage)?;
    let of_carol = Transfer::begin(&stage, &carol, "other", 1 << 20)?;
    let order = revoke(&stage, "alice")?;
    let (ended, took) = transfer.end(order)?;
    ended.refused(REVOKED, &[&why("alice"), "log in again with peer login"])?;
    in_time(took);
    nothing_is_left(&stage)?;
    stage.listener.running().wait_for_text(&why("alice"))?;
    of_carol.getting.finish(PATIENCE)?.success()?;
    stage.check_identical("other")?;
    stage.listener.check_alive()
}

#[test]
fn a_revoked_requester_who_hears_of_nothing_is_cut_by_the_listener() -> Result<()> {
    let stage = stage()?;
    stage.alice.deafen()?;
    let transfer = begin(&stage)?;
    let order = revoke(&stage, "alice")?;
    let (ended, took) = transfer.end(order)?;
    in_time(took);
    assert_ne!(ended.code, Some(0), "{}", ended.said());
    stage.check_absent("large")?;
    let told = stage.listener.running().wait_for_text(&why("alice"))?;
    assert!(told.contains("the connection was cut"), "{told}");
    Ok(())
}

#[test]
fn a_revoked_provider_who_hears_of_nothing_is_cut_by_the_requester() -> Result<()> {
    let mut stage = stage()?;
    stage.bob.deafen()?;
    stage.listener = stage.bob.serve("files", stage.shared())?;
    let transfer = begin(&stage)?;
    let order = revoke(&stage, "bob")?;
    let (ended, took) = transfer.end(order)?;
    ended.refused(REVOKED, &[&why("bob")])?;
    in_time(took);
    nothing_is_left(&stage)
}

/// The order is given while the server is away.
fn cut_after_a_restart(alias: &str) -> Result<()> {
    let mut stage = stage()?;
    let transfer = begin(&stage)?;
    stage.organisation.stop();
    let order = revoke(&stage, alias)?;
    stage.organisation.resume()?;
    let (ended, _) = transfer.end(order)?;
    ended.refused(REVOKED, &[&why(alias)])?;
    nothing_is_left(&stage)
}

#[test]
fn a_transfer_is_cut_when_its_provider_is_revoked_while_the_server_restarts() -> Result<()> {
    cut_after_a_restart("bob")
}

#[test]
fn a_transfer_is_cut_when_its_requester_is_revoked_while_the_server_restarts() -> Result<()> {
    cut_after_a_restart("alice")
}

#[test]
fn a_provider_revoked_while_all_come_back_to_a_server_that_was_killed_is_cut_in_time() -> Result<()>
{
    let mut stage = stage()?;
    let transfer = begin(&stage)?;
    stage.organisation.stop();
    stage.organisation.resume()?;
    let order = revoke(&stage, "bob")?;
    let (ended, took) = transfer.end(order)?;
    ended.refused(REVOKED, &["bob", "revoked"])?;
    in_time(took);
    nothing_is_left(&stage)?;
    // Whoever hears of it first cuts; the other one is told why soon after.
    let told = stage.listener.running().wait_for_text("was revoked");
    told.map(drop)
}

#[test]
fn a_requester_revoked_while_all_come_back_to_a_server_that_was_killed_is_cut_in_time_and_alone()
-> Result<()> {
    let mut stage = stage()?;
    let carol = stage.organisation.person("carol")?;
    stage.offer_generated("other", OTHER_FILE_BYTES)?;
    let transfer = begin(&stage)?;
    let of_carol = Transfer::begin(&stage, &carol, "other", 1 << 20)?;
    stage.organisation.stop();
    stage.organisation.resume()?;
    let order = revoke(&stage, "alice")?;
    let (ended, took) = transfer.end(order)?;
    ended.refused(REVOKED, &["alice", "revoked"])?;
    in_time(took);
    nothing_is_left(&stage)?;
    of_carol.getting.finish(PATIENCE)?.success()?;
    stage.check_identical("other")?;
    stage.listener.check_alive()
}

#[test]
fn a_requester_who_hears_of_nothing_is_cut_in_time_by_a_listener_that_comes_back() -> Result<()> {
    let mut stage = stage()?;
    stage.alice.deafen()?;
    let transfer = begin(&stage)?;
    stage.organisation.stop();
    // Long enough away for pauses between tries to grow beyond what is promised.
    let more = transfer.relay.bytes(Direction::ToRequester) + 4 * UNDER_WAY_BYTES;
    while transfer.relay.bytes(Direction::ToRequester) < more {
        thread::sleep(Duration::from_millis(5));
    }
    stage.organisation.resume()?;
    let order = revoke(&stage, "alice")?;
    let (ended, took) = transfer.end(order)?;
    in_time(took);
    assert_ne!(ended.code, Some(0), "{}", ended.said());
    stage.check_absent("large")
}

#[test]
fn who_follows_again_after_a_restart_is_cut_as_fast_as_before() -> Result<()> {
    let mut stage = stage()?;
    let transfer = begin(&stage)?;
    stage.organisation.stop();
    stage.organisation.resume()?;
    // The pauses between tries add up to less while so much comes.
    let more = transfer.relay.bytes(Direction::ToRequester) + 8 * UNDER_WAY_BYTES;
    while transfer.relay.bytes(Direction::ToRequester) < more {
        thread::sleep(Duration::from_millis(5));
    }
    let order = revoke(&stage, "alice")?;
    let (ended, took) = transfer.end(order)?;
    ended.refused(REVOKED, &["alice", "revoked"])?;
    in_time(took);
    nothing_is_left(&stage)
}

/// Tries until it is refused as revoked: the list may be under way.
fn refused_soon(why: &str, mut attempt: impl FnMut() -> Result<Finished>) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        let tried = attempt()?;
        if tried.code == Some(REVOKED) || Instant::now() > end {
            return tried.refused(REVOKED, &[why]).map(drop);
        }
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_revoked_person_is_told_why_by_own_commands_and_by_whoever_is_dialled() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer("a", b"contents")?;
    let carol = stage.organisation.person("carol")?;
    let of_carol = carol.serve("files", stage.shared())?;
    let source = of_carol.source("files/a");
    stage.bob.get(&source, &stage.inbox("before"))?.success()?;
    let list = stage.bob.folder().join("root.crl");
    let old_list = fs::read(&list).unwrap();
    revoke(&stage, "bob")?;
    stage.bob.log_in_with("bob", PASSWORD)?.refused(4, &[])?;
    stage.bob.run(&["renew"])?.refused(REVOKED, &[])?;
    // His listener has heard of it, and every command of his knows.
    stage.listener.running().wait_for_text(&why("bob"))?;
    stage
        .bob
        .get(&source, &stage.inbox("known"))?
        .refused(REVOKED, &[&why("bob"), "log in again with peer login"])?;
    // Who asks nobody whether he may is refused by whom he dials.
    stage.bob.deafen()?;
    fs::write(list, old_list).unwrap();
    let mut tries = (0..).map(|number| stage.inbox(&format!("a{number}")));
    let mut to = || tries.next().unwrap();
    let says = "the other side says that this device's certificate was revoked";
    refused_soon(says, || stage.bob.get(&source, &to()))?;
    of_carol.running().wait_for_text(&why("bob"))?;
    refused_soon(&why("bob"), || stage.alice.get(&stage.source("a"), &to()))
}
