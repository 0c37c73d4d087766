//! A second implementation, written in Python from docs/PROTOCOL.md alone, and the real programs
//! understand each other: the document says all there is.

use std::path::PathBuf;
use std::process::Command;

use captures::device::Device;
use captures::error::{Error, Result};
use captures::process::{self, Finished, PATIENCE, Running};
use captures::programs::{clean_command, workspace_folder};
use captures::stage::Stage;

/// Nothing, the least, more than the real peer's chunk.
const SIZES: [u64; 3] = [0, 1, 300_000];

const CHUNK: u64 = 262_144;

/// More chunks than the 1024 frames after which the keys change.
const CHUNKS_BEYOND_AN_EPOCH: u64 = 1_100;

/// A program of the second implementation.
fn python(program: &str) -> Result<Command> {
    let interpreter = workspace_folder().join(".venv/bin/python");
    if !interpreter.exists() {
        return Err(Error::Unexpected(format!(
            "{} is missing; ./test makes it",
            interpreter.display()
        )));
    }
    let mut command = clean_command(&interpreter, &workspace_folder());
    command.arg("-B").arg(second_implementation().join(program));
    Ok(command)
}

fn second_implementation() -> PathBuf {
    workspace_folder().join("captures/second_implementation")
}

/// A command of the second implementation's peer with what a real device holds.
fn peer(command: &str, device: &Device) -> Result<Command> {
    let held = device.folder();
    let mut peer = python("peer.py")?;
    peer.arg(command);
    for (option, file) in [
        ("--root", "root.crt"),
        ("--crl", "root.crl"),
        ("--device", "device.pem"),
    ] {
        peer.arg(option).arg(held.join(file));
    }
    Ok(peer)
}

/// Alice gets a file of bob's real peer with the second implementation.
fn get(stage: &Stage, name: &str, expect: &str) -> Result<Finished> {
    let mut command = peer("get", &stage.alice)?;
    command.args(["--expect", expect, "localhost"]);
    command.arg(stage.listener.port().to_string());
    command.arg(format!("files/{name}")).arg(stage.inbox(name));
    process::run(&mut command)
}

/// Bob offers the stage's folder with the second implementation; the port it listens on.
fn serve(stage: &Stage, chunk: u64) -> Result<(Running, u16)> {
    let mut command = peer("serve", &stage.bob)?;
    command.arg("--chunk").arg(chunk.to_string());
    let running = Running::start(command.arg(stage.shared()))?;
    let port = running.wait_for("the port of peer.py", PATIENCE, |line| {
        line.strip_prefix("listening on ")?.parse().ok()
    })?;
    Ok((running, port))
}

#[test]
fn a_requester_written_from_the_document_gets_files_of_the_real_listener() -> Result<()> {
    let stage = Stage::set()?;
    for size in SIZES {
        let name = format!("{size}-bytes");
        stage.offer_generated(&name, size)?;
        let said = get(&stage, &name, "bob")?.success()?.said();
        let expected = format!("bob (member) sent {size} bytes");
        assert!(said.starts_with(&expected), "{said}");
        stage.check_identical(&name)?;
        stage
            .listener
            .running()
            .wait_for_text(&format!("Sent files/{name} to alice"))?;
    }
    let delivered = "Delivered: alice has verified it";
    stage.listener.running().wait_for_text(delivered).map(drop)
}

#[test]
fn the_real_requester_gets_files_of_a_listener_written_from_the_document() -> Result<()> {
    let stage = Stage::set()?;
    let (listener, port) = serve(&stage, CHUNK)?;
    for size in SIZES {
        let name = format!("{size}-bytes");
        stage.offer_generated(&name, size)?;
        let source = format!("{port}:{name}");
        stage.alice.get(&source, &stage.inbox(&name))?.success()?;
        stage.check_identical(&name)?;
    }
    listener.wait_for_text("alice (member) is here").map(drop)
}

#[test]
fn keys_change_alike_when_the_real_listener_sends_more_than_an_epoch() -> Result<()> {
    let stage = Stage::set_in_memory()?;
    stage.offer_generated("long", CHUNKS_BEYOND_AN_EPOCH * CHUNK)?;
    let said = get(&stage, "long", "bob")?.success()?.said();
    let chunks = format!("in {CHUNKS_BEYOND_AN_EPOCH} chunks");
    assert!(said.contains(&chunks), "{said}");
    stage.check_identical("long")
}

#[test]
fn keys_change_alike_when_the_second_implementation_sends_more_than_an_epoch() -> Result<()> {
    let stage = Stage::set()?;
    let (_listener, port) = serve(&stage, 1_000)?;
    stage.offer_generated("long", CHUNKS_BEYOND_AN_EPOCH * 1_000)?;
    let source = format!("{port}:long");
    stage.alice.get(&source, &stage.inbox("long"))?.success()?;
    stage.check_identical("long")
}

#[test]
fn a_requester_written_from_the_document_refuses_another_person() -> Result<()> {
    let mut stage = Stage::set()?;
    stage.offer("letter", b"for carol's friends")?;
    get(&stage, "letter", "carol")?.refused(1, &["bob answered instead of carol"])?;
    stage.check_absent("letter")?;
    stage.listener.running().wait_for_text("Rejected")?;
    stage.check_still_serving()
}

#[test]
fn the_real_requester_refuses_another_person_written_from_the_document() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer("letter", b"for carol's friends")?;
    let (listener, port) = serve(&stage, CHUNK)?;
    let source = format!("{port}:letter");
    let mut command = stage.alice.get_command(&source, &stage.inbox("letter"));
    process::run(command.args(["--expect", "carol"]))?.refused(7, &["bob"])?;
    stage.check_absent("letter")?;
    listener.wait_for_text("alert access denied")?;
    let mut command = stage.alice.get_command(&source, &stage.inbox("letter"));
    process::run(command.args(["--expect", "bob"]))?.success()?;
    stage.check_identical("letter")
}

#[test]
fn the_second_implementation_agrees_with_every_frozen_vector_it_knows() -> Result<()> {
    let mut command = python("vectors.py")?;
    command.arg(workspace_folder().join("common/tests/vectors"));
    process::run(&mut command)?.success().map(drop)
}
