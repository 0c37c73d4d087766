//! People are found by name while their peers run.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use captures::device::{Device, Listener};
use captures::error::Result;
use captures::forged_list::number_of;
use captures::organisation::PASSWORD;
use captures::process::PATIENCE;
use captures::stage::Stage;
use rustix::process::Signal;

const USAGE: i32 = 2;
const UNREACHABLE: i32 = 5;

/// An entry is gone that long after its device, and a busy machine's delays.
const GONE: Duration = Duration::from_secs(75);

/// Who is online, as JSON tells it, once it is as wanted.
fn online(
    device: &Device,
    within: Duration,
    wanted: impl Fn(&[String]) -> bool,
) -> Result<Vec<String>> {
    let end = Instant::now() + within;
    loop {
        let told = device.run(&["peers", "--json"])?.success()?;
        let lines: Vec<String> = String::from_utf8_lossy(&told.stdout)
            .lines()
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect();
        if wanted(&lines) {
            return Ok(lines);
        }
        assert!(Instant::now() < end, "{lines:?}");
        thread::sleep(Duration::from_millis(100));
    }
}

fn tells(lines: &[String], alias: &str) -> bool {
    let wanted = format!("\"alias\":\"{alias}\"");
    lines.iter().any(|line| line.contains(&wanted))
}

#[test]
fn who_listens_is_listed_and_found_by_alias() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer("a", b"contents")?;
    let lines = online(&stage.alice, PATIENCE, |lines| tells(lines, "bob"))?;
    let bob: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(bob["role"], "member");
    assert_eq!(bob["shares"], serde_json::json!(["files"]));
    let port = format!(":{}", stage.listener.port());
    let address = bob["addresses"][0].as_str().unwrap();
    assert!(address.ends_with(&port), "{address}");
    let table = stage.alice.run(&["peers"])?.success()?;
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(
        table.starts_with("ALIAS") && table.contains("\nbob "),
        "{table}"
    );
    let got = stage
        .alice
        .get("bob:files/a", &stage.inbox("a"))?
        .success()?;
    assert!(
        got.said().contains("bob (member) answers"),
        "{}",
        got.said()
    );
    stage.check_identical("a")
}

#[test]
fn who_is_not_online_or_unlisted_is_not_found_by_alias() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer("a", b"contents")?;
    let carol = stage.organisation.person("carol")?;
    let share = format!("files={}", stage.shared().display());
    let hidden = Listener::start(carol.serve_command(&share).arg("--unlisted"))?;
    online(&stage.alice, PATIENCE, |lines| tells(lines, "bob"))?;
    // What carol's peer did first was to follow the server; she is not seen all the same.
    for alias in ["carol", "nobody"] {
        let to = stage.inbox(alias);
        stage
            .alice
            .get(&format!("{alias}:files/a"), &to)?
            .refused(UNREACHABLE, &["is not online"])?;
    }
    let to = stage.inbox("a");
    let by_port = hidden.source("files/a");
    stage.alice.get(&by_port, &to)?.success().map(drop)
}

#[test]
fn who_has_two_devices_online_is_chosen_by_device() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer("a", b"contents")?;
    let second = stage.organisation.device()?;
    second.log_in_with("bob", PASSWORD)?.success()?;
    let _listener = second.serve("files", stage.shared())?;
    let lines = online(&stage.alice, PATIENCE, |lines| lines.len() == 2)?;
    let to = stage.inbox("a");
    stage
        .alice
        .get("bob:files/a", &to)?
        .refused(USAGE, &["2 devices online", "bob/"])?;
    let one: serde_json::Value = serde_json::from_str(&lines[1]).unwrap();
    let device = &one["device"].as_str().unwrap()[..8];
    let source = format!("bob/{device}:files/a");
    stage.alice.get(&source, &to)?.success()?;
    stage.check_identical("a")
}

#[test]
fn a_device_that_is_gone_is_not_listed_any_more() -> Result<()> {
    let stage = Stage::set()?;
    online(&stage.alice, PATIENCE, |lines| tells(lines, "bob"))?;
    stage.listener.running().signal(Signal::KILL)?;
    online(&stage.alice, GONE, |lines| !tells(lines, "bob"))?;
    Ok(())
}

/// A second is what the end may wait for a server; the rest is a busy machine's.
const PROMPT_END: Duration = Duration::from_secs(4);

#[test]
fn who_stops_listening_is_not_listed_any_more_at_once() -> Result<()> {
    let stage = Stage::set()?;
    online(&stage.alice, PATIENCE, |lines| tells(lines, "bob"))?;
    stage.listener.running().signal(Signal::TERM)?;
    let Stage {
        listener,
        alice,
        organisation,
        ..
    } = stage;
    assert_eq!(listener.finish(PATIENCE)?.code, Some(143));
    let told = alice.run(&["peers", "--json"])?.success()?;
    assert_eq!(String::from_utf8_lossy(&told.stdout).trim(), "");
    let server = organisation.server().unwrap();
    server
        .wait_for_text("\"DELETE /presence HTTP/1.1\" 204")
        .map(drop)
}

#[test]
fn a_server_that_says_nothing_does_not_hold_up_who_stops_listening() -> Result<()> {
    let stage = Stage::set()?;
    online(&stage.alice, PATIENCE, |lines| tells(lines, "bob"))?;
    let server = stage.organisation.server().unwrap();
    server.signal(Signal::STOP)?;
    let begun = Instant::now();
    stage.listener.running().signal(Signal::INT)?;
    let Stage { listener, .. } = stage;
    let ended = listener.finish(PATIENCE)?;
    let took = begun.elapsed();
    assert_eq!(ended.code, Some(130));
    assert!(took < PROMPT_END, "it took {took:?}");
    Ok(())
}

/// The number of the list that bob's listener goes by.
fn list_of_bob(stage: &Stage) -> Result<u64> {
    number_of(&fs::read(stage.bob.folder().join("root.crl")).unwrap())
}

#[test]
fn who_got_another_role_renews_before_finding_others_by_alias() -> Result<()> {
    for what in ["get", "peers"] {
        let stage = Stage::set()?;
        stage.offer("a", b"contents")?;
        online(&stage.bob, PATIENCE, |lines| tells(lines, "bob"))?;
        let before = list_of_bob(&stage)?;
        stage
            .organisation
            .run(&["user", "role", "alice", "clerk", "--new-role"])?
            .success()?;
        // The list that says so is there within a second. Nothing runs on alice's device that could have
        // renewed it.
        let end = Instant::now() + PATIENCE;
        while list_of_bob(&stage)? == before {
            assert!(Instant::now() < end, "no newer list");
            thread::sleep(Duration::from_millis(50));
        }
        match what {
            "get" => stage.alice.get("bob:files/a", &stage.inbox("a"))?,
            _ => stage.alice.run(&["peers"])?,
        }
        .success()?;
        let own = stage.alice.run(&["whoami"])?.success()?;
        assert!(own.said().contains("clerk"), "{}", own.said());
    }
    Ok(())
}

#[test]
fn who_runs_nothing_is_told_by_whoami_of_a_new_role_and_of_a_revocation() -> Result<()> {
    let stage = Stage::set()?;
    let told = |wanted: &str| -> Result<()> {
        let end = Instant::now() + PATIENCE;
        loop {
            let said = stage.alice.run(&["whoami"])?.said();
            if said.contains(wanted) {
                return Ok(());
            }
            assert!(Instant::now() < end, "{said}");
            thread::sleep(Duration::from_millis(100));
        }
    };
    stage
        .organisation
        .run(&["user", "role", "alice", "clerk", "--new-role"])?
        .success()?;
    told("has changed")?;
    stage
        .organisation
        .run(&["user", "revoke", "alice", "--reason", "keyCompromise"])?
        .success()?;
    told("revoked (keyCompromise)")
}

/// The port of the first address of whoever is listed.
fn port_of(line: &str) -> String {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let address = line["addresses"][0].as_str().unwrap();
    address.rsplit(':').next().unwrap().to_owned()
}

#[test]
fn of_two_programs_in_one_folder_the_second_is_listed_when_the_first_has_ended() -> Result<()> {
    for signal in [Signal::KILL, Signal::TERM] {
        let stage = Stage::set()?;
        online(&stage.alice, PATIENCE, |lines| tells(lines, "bob"))?;
        let second = stage.bob.serve("files", stage.shared())?;
        second
            .running()
            .wait_for_text("another program on this device is listed")?;
        let first = stage.listener.port().to_string();
        let listed = online(&stage.alice, PATIENCE, |lines| tells(lines, "bob"))?;
        assert_eq!((listed.len(), port_of(&listed[0])), (1, first));
        stage.listener.running().signal(signal)?;
        let port = second.port().to_string();
        online(&stage.alice, PATIENCE, |lines| {
            lines.len() == 1 && port_of(&lines[0]) == port
        })?;
    }
    Ok(())
}

#[test]
fn a_listener_is_listed_again_after_the_server_came_back() -> Result<()> {
    let mut stage = Stage::set()?;
    stage.offer("a", b"contents")?;
    online(&stage.alice, PATIENCE, |lines| tells(lines, "bob"))?;
    stage.organisation.stop();
    stage
        .alice
        .get("bob:files/a", &stage.inbox("a"))?
        .refused(UNREACHABLE, &["cannot be reached"])?;
    stage.get_identical("a")?;
    stage.organisation.resume()?;
    online(&stage.alice, PATIENCE, |lines| tells(lines, "bob")).map(drop)
}
