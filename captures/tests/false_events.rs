//! Whatever an auth server tells as events: a listener stays up, takes no order from it, and costs little.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use captures::device::Listener;
use captures::error::Result;
use captures::false_server::{FalseServer, Reply};
use captures::foreign::Forger;
use captures::forged_list::{List, number_of, serial_of};
use captures::process::{CpuTimes, PATIENCE};
use captures::stage::Stage;
use rustix::process::Signal;

const REVOKED: i32 = 7;

/// Memory of a listener that hears the worst: what it has at rest, and some.
const MAX_MEMORY_BYTES: u64 = 64 << 20;

/// How long is measured.
const WHILE: Duration = Duration::from_secs(10);

struct Scene {
    stage: Stage,
    server: FalseServer,
    forger: Forger,
    held: u64,
}

impl Scene {
    /// Bob's listener is not running yet, so that what is heard first can be chosen.
    fn set() -> Result<Self> {
        let mut stage = Stage::set()?;
        stage.offer("a", b"contents")?;
        stage.get_identical("a")?;
        let held = number_of(&fs::read(stage.bob.folder().join("root.crl")).unwrap())?;
        stage.listener.running().signal(Signal::KILL)?;
        let forger = Forger::with_the_root_key(&stage.organisation)?;
        let server = FalseServer::instead_of(&mut stage.organisation)?;
        server.answers("/root.crl", [not_newer()]);
        Ok(Self {
            stage,
            server,
            forger,
            held,
        })
    }

    /// A listener of bob's that hears that from its beginning.
    fn hears(&self, replies: impl IntoIterator<Item = Reply>) -> Result<Listener> {
        self.server.answers("/events", replies);
        self.stage.bob.serve("files", self.stage.shared())
    }

    /// Waits until the list of that number is the one that bob's listener goes by.
    fn wait_for_list(&self, number: u64) {
        let end = Instant::now() + PATIENCE;
        let path = self.stage.bob.folder().join("root.crl");
        while fs::read(&path).map_or(0, |list| number_of(&list).unwrap()) < number {
            assert!(Instant::now() < end, "list {number} was not taken");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn event(kind: &str, data: &str) -> Vec<u8> {
    format!("id: 2\nevent: {kind}\ndata: {data}\n\n").into_bytes()
}

fn threads(listener: &Listener) -> usize {
    let path = format!("/proc/{}/task", listener.running().id());
    fs::read_dir(path).unwrap().count()
}

#[test]
fn a_list_that_the_server_only_talks_of_is_not_asked_for_in_a_loop() -> Result<()> {
    let scene = Scene::set()?;
    let lie = event("crl", &format!("{{\"number\":{}}}", u64::MAX));
    let lies = Reply::Endless(Reply::stream_head(), lie);
    let mut listener = scene.hears([lies])?;
    // Those that follow each other are over.
    scene.server.wait_until_asked("/root.crl", 7)?;
    let before = scene.server.asked("/root.crl");
    thread::sleep(WHILE);
    let asked = scene.server.asked("/root.crl") - before;
    // One look at most every five seconds.
    assert!((1..=4).contains(&asked), "{asked} in {WHILE:?}");
    listener.check_alive()
}

#[test]
fn a_flood_of_events_costs_a_listener_little() -> Result<()> {
    let scene = Scene::set()?;
    let hello = event("hello", "{\"crl\":1}");
    let mut listener = scene.hears([Reply::Endless(Reply::stream_head(), hello)])?;
    scene.server.wait_until_asked("/presence", 3)?;
    let (used, announced) = (cpu(&listener), scene.server.asked("/presence"));
    thread::sleep(WHILE);
    let used = cpu(&listener).since(&used);
    let announced = scene.server.asked("/presence") - announced;
    let memory = listener.running().peak_memory().unwrap();
    let threads = threads(&listener);
    assert!(used < WHILE / 2, "{used:?} in {WHILE:?}");
    assert!((1..=11).contains(&announced), "{announced} announcements");
    assert!(memory < MAX_MEMORY_BYTES, "{memory} bytes");
    assert!(threads < 20, "{threads} threads");
    // The user hears once that nobody sees this device, and files go on.
    let told = listener
        .running()
        .said()
        .matches("do not see this device")
        .count();
    assert_eq!(told, 1, "{}", listener.running().said());
    let to = scene.stage.inbox("b");
    scene
        .stage
        .alice
        .get(&listener.source("files/a"), &to)?
        .success()?;
    listener.check_alive()
}

fn cpu(listener: &Listener) -> CpuTimes {
    CpuTimes::of(listener.running().id()).unwrap()
}

#[test]
fn lines_messages_and_comments_without_end_are_given_up_or_cost_little() -> Result<()> {
    let scene = Scene::set()?;
    for (what, piece) in [
        ("a line", &b"data"[..]),
        ("a message", b"data: abc\n"),
        ("comments", b":\n"),
        ("empty lines", b"\n"),
        ("returns", b"\r"),
        ("a comment", b":::::"),
    ] {
        let asked = scene.server.asked("/events");
        let mut listener = scene.hears([Reply::Endless(Reply::stream_head(), piece.to_vec())])?;
        scene.server.wait_until_asked("/events", asked + 1)?;
        let used = cpu(&listener);
        thread::sleep(WHILE / 2);
        // Eight MiB at once, and then one a second.
        let used = cpu(&listener).since(&used);
        assert!(used < WHILE / 4, "{what}: {used:?}");
        let memory = listener.running().peak_memory().unwrap();
        assert!(memory < MAX_MEMORY_BYTES, "{what}: {memory} bytes");
        listener.check_alive()?;
    }
    Ok(())
}

#[test]
fn after_any_forged_event_a_listener_hears_the_next_true_one() -> Result<()> {
    let scene = Scene::set()?;
    let mut number = scene.held;
    let online = |field: &str, value: serde_json::Value| {
        let mut told = serde_json::json!({
            "alias": "carol", "device": "0a0b", "name": null, "role": "member",
            "addresses": ["192.0.2.1:1990"], "shares": [], "suites": [],
            "since": "2026-11-21T05:15:00Z",
        });
        told[field] = value;
        event("online", &told.to_string())
    };
    let hello = event("hello", "{\"crl\":1}");
    let gzip = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0";
    let told = |bytes: &[u8]| Reply::Whole([&Reply::stream_head()[..], bytes].concat());
    for (what, forged) in [
        ("no hello", told(&event("person", "{\"alias\":\"bob\",\"change\":\"role\"}"))),
        ("no JSON", told(&event("crl", "{\"number\":"))),
        ("another form", told(&event("crl", "[[[[[[[["))),
        ("a number below nothing", told(&event("crl", "{\"number\":-1}"))),
        ("too large a number", told(&event("crl", "{\"number\":18446744073709551616}"))),
        ("NUL", told(b"id: 1\0\nevent: crl\0\ndata: \0\n\n")),
        ("returns", told(b"event: crl\rdata: {\"number\":\r\r\r\n\r\n")),
        ("no UTF-8", told(b"event: crl\ndata: \xff\xfe{}\n\n")),
        ("half a character", told(b"event: person\ndata: {\"alias\":\"\xc3")),
        ("gzip", Reply::Whole(gzip.to_vec())),
        ("ids that go back", told(b"id: 99\nevent: reset\ndata: {}\n\nid: 1\nevent: reset\ndata: {}\n\n")),
        ("an alias that is none", told(&online("alias", "\u{1b}[2J\u{9b}31m".into()))),
        ("somebody's alias", told(&online("alias", "bob".into()))),
        ("no port", told(&online("addresses", serde_json::json!(["192.0.2.1:0"])))),
        ("this machine", told(&online("addresses", serde_json::json!(["127.0.0.1:22", "169.254.169.254:80"])))),
        ("a crowd of addresses", told(&online("addresses", serde_json::json!(vec!["192.0.2.1:1"; 100_000])))),
        ("somebody who leaves", told(&event("offline", "{\"alias\":\"bob\",\"device\":\"\\u001b]0;x\\u0007\"}"))),
        ("another content type", Reply::of("200 OK", "text/html", b"<h1>\x1b[2J</h1>")),
        ("a stranger", Reply::of("403 No", "application/problem+json",
            b"{\"type\":\"about:blank\",\"detail\":\"\\u001b[2J\\u009b31m\"}")),
        ("a redirect", Reply::Whole(b"HTTP/1.1 307 There\r\nlocation: https://127.0.0.1:1/events\r\ncontent-length: 0\r\n\r\n".to_vec())),
        ("no HTTP", Reply::Whole(b"\x1b[2J\r\n\r\n".to_vec())),
    ] {
        number += 1;
        let list = scene.forger.list(&List::numbered(number))?;
        let truth = event("crl", &format!("{{\"number\":{number}}}"));
        let truth = Reply::stream(&[&hello[..], &truth].concat());
        scene.server.answers("/root.crl", [not_newer()]);
        let asked = scene.server.asked("/events");
        let mut listener = scene.hears([forged, truth])?;
        let heard = scene.server.wait_until_asked("/events", asked + 2);
        heard.unwrap_or_else(|error| panic!("{what}: {error}"));
        scene.server.answers("/root.crl", [Reply::list(&list)]);
        scene.wait_for_list(number);
        let said = listener.running().said();
        assert!(!said.contains(['\u{1b}', '\u{9b}', '\u{7}', '\0']), "{what}: {said:?}");
        listener.check_alive()?;
    }
    // What is true is done.
    let revoked = vec![serial_of(&scene.stage.alice)?];
    let list = List {
        revoked,
        ..List::numbered(number + 1)
    };
    scene
        .server
        .answers("/root.crl", [Reply::list(&scene.forger.list(&list)?)]);
    let truth = event("crl", &format!("{{\"number\":{}}}", number + 1));
    let listener = scene.hears([Reply::stream(&truth)])?;
    scene.wait_for_list(number + 1);
    scene.stage.alice.deafen()?;
    let to = scene.stage.inbox("b");
    let refused = scene.stage.alice.get(&listener.source("files/a"), &to)?;
    refused.refused(REVOKED, &["revoked"]).map(drop)
}

fn not_newer() -> Reply {
    Reply::of("304 Not Modified", "text/plain", b"")
}
