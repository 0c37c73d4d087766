//! An interrupted transfer ends at once with 130, leaves nothing under the final name, and can be
//! done again.

use std::time::Duration;

use captures::counts::{Choices, count};
use captures::error::Result;
use captures::process::{PATIENCE, Running, run};
use captures::proxy::{Damage, Direction, Fault, Proxy};
use captures::stage::Stage;
use rustix::process::Signal;

const FILE_BYTES: u64 = 64 << 20;

/// Starts a `get` through a slow relay and waits until so many bytes have come from the listener.
fn under_way(stage: &Stage, after: u64) -> Result<(Running, Proxy)> {
    let proxy = Proxy::start(stage.listener.port(), Fault::to_requester(Damage::Trickle))?;
    let source = proxy.source("files/file");
    let getting = Running::start(&mut stage.alice.get_command(&source, &stage.inbox("file")))?;
    while proxy.bytes(Direction::ToRequester) < after {
        std::thread::yield_now();
    }
    Ok((getting, proxy))
}

/// A `get` that gets a signal when so many bytes have come.
fn interrupted(stage: &Stage, after: u64, signal: Signal) -> Result<captures::process::Finished> {
    let (getting, _proxy) = under_way(stage, after)?;
    getting.signal(signal)?;
    getting.finish(PATIENCE)
}

#[test]
fn an_interrupt_in_any_phase_of_a_transfer_exits_130_and_leaves_no_file() -> Result<()> {
    let mut stage = Stage::set()?;
    stage.offer_generated("file", FILE_BYTES)?;
    let mut choices = Choices::of("interrupts");
    for _ in 0..count("interrupts") {
        // One frame of the handshake, or somewhere in the first chunks.
        let got = interrupted(&stage, 1 + choices.below(1 << 20), Signal::INT)?;
        got.refused(130, &[])?;
        stage.check_absent("file")?;
    }
    stage.get_identical("file")?;
    stage.check_still_serving()
}

#[test]
fn an_interrupted_transfer_says_how_to_go_on() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer_generated("file", FILE_BYTES)?;
    interrupted(&stage, 600_000, Signal::INT)?
        .refused(130, &["arrived stays as", "/file.orgshare.part"])
        .map(drop)
}

#[test]
fn a_request_to_terminate_exits_143() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer_generated("file", FILE_BYTES)?;
    interrupted(&stage, 600_000, Signal::TERM)?.refused(143, &[])?;
    stage.check_absent("file")
}

#[test]
fn a_listener_stops_when_interrupted_and_whoever_was_served_is_told() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer_generated("file", FILE_BYTES)?;
    let (getting, _proxy) = under_way(&stage, 600_000)?;
    stage.listener.running().signal(Signal::INT)?;
    getting.finish(PATIENCE)?.refused(8, &[])?;
    stage.check_absent("file")?;
    let Stage { listener, .. } = stage;
    assert_eq!(listener.finish(PATIENCE)?.code, Some(130));
    Ok(())
}

#[test]
fn a_killed_listener_is_noticed_at_once() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer_generated("file", FILE_BYTES)?;
    let (getting, _proxy) = under_way(&stage, 600_000)?;
    stage.listener.running().signal(Signal::KILL)?;
    getting.finish(Duration::from_secs(60))?.refused(8, &[])?;
    stage.check_absent("file")
}

#[test]
fn a_password_prompt_without_a_terminal_is_refused_and_does_not_wait() -> Result<()> {
    let stage = Stage::set()?;
    run(&mut stage.alice.command(&["login", "alice"]))?
        .refused(2, &["password"])
        .map(drop)
}
