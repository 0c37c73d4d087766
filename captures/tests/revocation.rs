//! A person who was disabled is refused by everybody who reaches the auth server.

use std::thread;
use std::time::{Duration, Instant};

use captures::device::Device;
use captures::error::Result;
use captures::organisation::PASSWORD;
use captures::process::{Finished, PATIENCE};
use captures::stage::Stage;

const REVOKED: i32 = 7;

/// Repeats an attempt until it is refused: the running server looks for new revocations every half
/// second, and signs its list then.
fn refused_in_time(mut attempt: impl FnMut() -> Result<Finished>) -> Result<Finished> {
    let end = Instant::now() + PATIENCE;
    loop {
        let finished = attempt()?;
        if finished.code == Some(REVOKED) || Instant::now() > end {
            return finished.refused(REVOKED, &["revoked"]);
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Alice, bob, and the file `a` that he offers; an order of the administrator, carried out.
fn after(order: &[&str]) -> Result<Stage> {
    let stage = Stage::set()?;
    stage.offer("a", b"do not print this")?;
    stage.get_identical("a")?;
    stage.organisation.run(order)?.success()?;
    Ok(stage)
}

#[test]
fn a_disabled_provider_is_refused_at_the_next_get_and_nothing_is_kept() -> Result<()> {
    let stage = after(&["user", "disable", "bob"])?;
    stage.offer("b", b"contents")?;
    let mut tries = 0;
    let last = refused_in_time(|| {
        tries += 1;
        let to = stage.inbox(&format!("b{tries}"));
        stage.alice.get(&stage.source("b"), &to)
    })?;
    assert!(
        !stage.inbox(&format!("b{tries}")).exists(),
        "{}",
        last.said()
    );
    Ok(())
}

#[test]
fn nothing_of_a_disabled_provider_s_file_is_printed() -> Result<()> {
    let stage = after(&["user", "disable", "bob"])?;
    let source = stage.source("a");
    let last = refused_in_time(|| stage.alice.run(&["get", &source, "-"]))?;
    assert!(!last.said().contains("do not print this"));
    Ok(())
}

#[test]
fn a_disabled_requester_is_refused_by_a_listener_that_starts_afterwards() -> Result<()> {
    let stage = after(&["user", "disable", "alice"])?;
    let mut tries = 0;
    refused_in_time(|| {
        tries += 1;
        let to = stage.inbox(&format!("a{tries}"));
        let listener = stage.bob.serve("files", stage.shared())?;
        stage.alice.get(&listener.source("files/a"), &to)
    })?;
    Ok(())
}

#[test]
fn a_revoked_device_says_so_and_neither_renews_nor_is_shown_as_good() -> Result<()> {
    let stage = after(&["user", "revoke", "alice", "--reason", "keyCompromise"])?;
    // The list that tells it comes with the next attempt to get something.
    let mut tries = 0;
    refused_in_time(|| {
        tries += 1;
        let to = stage.inbox(&format!("a{tries}"));
        stage.alice.get(&stage.source("a"), &to)?;
        stage.alice.run(&["whoami"])
    })?;
    let why = "alice's certificate was revoked (keyCompromise) on 20";
    stage
        .alice
        .run(&["whoami"])?
        .refused(REVOKED, &[why, "peer login"])?;
    stage
        .alice
        .get(&stage.source("a"), &stage.inbox("last"))?
        .refused(REVOKED, &[why, "peer login"])?;
    stage
        .alice
        .run(&["renew"])?
        .refused(REVOKED, &["was revoked", "peer login"])
        .map(drop)
}

/// None of the four ways in is open to bob, whom alice and carol know.
fn bob_is_out(restart: bool) -> Result<()> {
    let mut stage = Stage::set()?;
    stage.offer("a", b"contents")?;
    let carol = stage.organisation.person("carol")?;
    let of_carol = carol.serve("files", stage.shared())?;
    let source = of_carol.source("files/a");
    stage.bob.get(&source, &stage.inbox("before"))?.success()?;
    let order = ["user", "revoke", "bob"];
    stage.organisation.run(&order)?.success()?;
    if restart {
        stage.organisation.stop();
        stage.organisation.resume()?;
    }
    stage.bob.log_in_with("bob", PASSWORD)?.refused(4, &[])?;
    stage.bob.run(&["renew"])?.refused(REVOKED, &[])?;
    // Who asks nobody whether he may is refused by whom he dials.
    stage.bob.deafen()?;
    let mut tries = 0;
    let mut to = || {
        tries += 1;
        stage.inbox(&format!("a{tries}"))
    };
    refused_in_time(|| stage.bob.get(&source, &to()))?;
    refused_in_time(|| stage.alice.get(&stage.source("a"), &to()))?;
    // Who was not revoked goes on.
    carol_still_gets(&stage, &carol)
}

/// Carol logs in, renews, dials and is dialled.
fn carol_still_gets(stage: &Stage, carol: &Device) -> Result<()> {
    carol.log_in("carol")?;
    carol.run(&["renew"])?.success()?;
    let of_alice = stage.alice.serve("files", stage.shared())?;
    let source = of_alice.source("files/a");
    carol.get(&source, &stage.inbox("a"))?.success()?;
    stage.check_identical("a")
}

#[test]
fn a_revoked_person_neither_logs_in_nor_renews_nor_dials_nor_is_dialled() -> Result<()> {
    bob_is_out(false)
}

#[test]
fn a_person_revoked_before_the_server_is_killed_is_out_when_it_comes_back() -> Result<()> {
    bob_is_out(true)
}
