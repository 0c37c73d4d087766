//! Whatever an auth server serves as its revocation list: the last good one stays in force, and the user is
//! told.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;
use std::thread;

use captures::device::{Device, Listener};
use captures::error::Result;
use captures::false_server::{FalseServer, Reply};
use captures::foreign::Forger;
use captures::forged_list::{List, number_of, serial_of};
use captures::organisation::Organisation;
use captures::process::PATIENCE;
use captures::stage::Stage;
use time::Duration;

const UNREACHABLE: i32 = 5;
const NOT_TRUSTED: i32 = 7;
const MAX_LIST_BYTES: usize = 16 << 20;

/// Of 39 bytes each: nearly as many as a list may have.
const ENTRIES: u32 = 430_000;

/// An extension that nobody knows.
const PRIVATE: &str = "1.3.6.1.4.1.99999.1";

/// Bob listens, alice gets files, and mallory was revoked by the auth server, in whose place there is now
/// a false one.
struct Scene {
    stage: Stage,
    mallory: Device,
    forger: Forger,
    server: FalseServer,
    /// The number of the last good list, which names mallory.
    held: u64,
    gets: usize,
}

impl Scene {
    fn set() -> Result<Self> {
        let mut stage = Stage::set()?;
        stage.offer("a", b"contents")?;
        let mallory = stage.organisation.person("mallory")?;
        stage
            .organisation
            .run(&["user", "revoke", "mallory"])?
            .success()?;
        // Bob's listener knows once it refuses; alice's device knows with her next get.
        let source = stage.source("a");
        mallory.deafen()?;
        let end = std::time::Instant::now() + PATIENCE;
        while mallory.get(&source, &stage.inbox("m"))?.code == Some(0) {
            assert!(std::time::Instant::now() < end, "mallory is not refused");
            fs::remove_file(stage.inbox("m")).unwrap();
        }
        stage.get_identical("a")?;
        let held = number_of(&fs::read(stage.alice.folder().join("root.crl")).unwrap())?;
        let forger = Forger::with_the_root_key(&stage.organisation)?;
        let server = FalseServer::instead_of(&mut stage.organisation)?;
        Ok(Self {
            stage,
            mallory,
            forger,
            server,
            held,
            gets: 0,
        })
    }

    fn next(&self) -> List {
        List::numbered(self.held + 1)
    }

    /// Alice gets the file from bob again.
    fn get(&mut self) -> Result<captures::process::Finished> {
        self.gets += 1;
        let to = self.stage.inbox(&format!("a{}", self.gets));
        self.stage.alice.get(&self.stage.source("a"), &to)
    }

    /// Nothing of it was kept.
    fn nothing_came(&self) {
        assert!(!self.stage.inbox(&format!("a{}", self.gets)).exists());
    }

    fn mallory_is_refused(&self) -> Result<()> {
        let to = self.stage.inbox("m");
        let tried = self.mallory.get(&self.stage.source("a"), &to)?;
        tried.refused(NOT_TRUSTED, &["revoked"]).map(drop)
    }

    /// Every list that must not be taken, and a word of why.
    fn bad_lists(&self) -> Result<Vec<(&'static str, Vec<u8>, &'static str)>> {
        let next = self.next();
        let good = self.forger.list(&next)?;
        let stranger = Forger::with_the_same_names(&self.stage.organisation)?;
        let elsewhere = Organisation::init("Elsewhere")?;
        let elsewhere = Forger::with_the_root_key(&elsewhere)?;
        let future = List {
            from: Duration::hours(1),
            ..next.clone()
        };
        let past = List {
            from: Duration::days(-2),
            until: Duration::seconds(-1),
            ..next.clone()
        };
        let older = List::numbered(self.held - 1);
        let with = |oid, critical, value| self.forger.with_extension(&good, oid, critical, value);
        let one = || vec![2, 1, 1];
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        Ok(vec![
            ("empty", Vec::new(), "cannot be read"),
            (
                "a page",
                b"<!doctype html><h1>It works!</h1>".to_vec(),
                "cannot be read",
            ),
            (
                "cut at its first byte",
                good[..1].to_vec(),
                "cannot be read",
            ),
            (
                "cut in the middle",
                good[..good.len() / 2].to_vec(),
                "cannot be read",
            ),
            (
                "cut at its last byte",
                good[..good.len() - 1].to_vec(),
                "cannot be read",
            ),
            (
                "followed by something",
                [&good[..], b"\n"].concat(),
                "cannot be read",
            ),
            ("a flipped bit", flipped, "not signed by the org root"),
            (
                "of another key",
                stranger.list(&next)?,
                "not signed by the org root",
            ),
            (
                "of another organisation",
                elsewhere.list(&next)?,
                "not this organisation's",
            ),
            ("run out", self.forger.list(&past)?, "out of date"),
            (
                "of the future",
                self.forger.list(&future)?,
                "dated in the future",
            ),
            (
                "an older one",
                self.forger.list(&older)?,
                "was seen already",
            ),
            (
                "an unknown critical extension",
                with(PRIVATE, true, one())?,
                "unknown critical",
            ),
            ("a delta", with("2.5.29.27", true, one())?, "only a part"),
            (
                "a delta that hides it",
                with("2.5.29.27", false, one())?,
                "only a part",
            ),
            (
                "of a distribution point",
                with("2.5.29.28", true, one())?,
                "only a part",
            ),
            (
                "17 MiB",
                with(PRIVATE, false, vec![0; 17 << 20])?,
                "more than",
            ),
            ("17 MiB of nothing", vec![0x30; 17 << 20], "more than"),
        ])
    }
}

#[test]
fn no_bad_list_is_taken_by_who_gets_files_and_he_is_told_why() -> Result<()> {
    let mut scene = Scene::set()?;
    for (what, list, why) in scene.bad_lists()? {
        scene.server.answers("/root.crl", [Reply::list(&list)]);
        let refused = scene.get()?.refused(NOT_TRUSTED, &[]);
        let refused = refused.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(refused.stderr.contains(why), "{what}: {}", refused.stderr);
        scene.nothing_came();
    }
    scene.mallory_is_refused()?;
    // What is good is taken, though, so that the others were refused for what was wrong with them.
    let revoked = vec![serial_of(&scene.stage.bob)?];
    let good = scene.forger.list(&List {
        revoked,
        ..scene.next()
    })?;
    scene.server.answers("/root.crl", [Reply::list(&good)]);
    scene.get()?.refused(NOT_TRUSTED, &["bob", "revoked"])?;
    scene.nothing_came();
    Ok(())
}

#[test]
fn a_harmless_extension_and_the_longest_list_are_no_reason_to_refuse() -> Result<()> {
    let mut scene = Scene::set()?;
    let next = scene.next();
    let padded = |list: &[u8], bytes| {
        let zeros = vec![0; bytes];
        scene.forger.with_extension(list, PRIVATE, false, zeros)
    };
    let short = padded(&scene.forger.list(&next)?, 1000)?;
    let serial = |n: u32| [&[0x40; 16][..], &n.to_be_bytes()].concat();
    let revoked = (0..ENTRIES).map(serial).collect();
    let long = scene.forger.list(&List {
        revoked,
        ..next.clone()
    })?;
    // The length of a signature differs by a byte or two, so that it takes some tries to hit it.
    let around = padded(&long, 1000)?.len() - 1000;
    let longest = std::iter::repeat_with(|| padded(&long, MAX_LIST_BYTES - around))
        .take(64)
        .find(|list| list.as_ref().is_ok_and(|list| list.len() == MAX_LIST_BYTES));
    for list in [short, longest.unwrap()?] {
        scene.server.answers("/root.crl", [Reply::list(&list)]);
        scene.get()?.success()?;
    }
    Ok(())
}

#[test]
fn no_answer_that_is_none_keeps_anybody_from_going_on_with_the_list_held() -> Result<()> {
    let mut scene = Scene::set()?;
    let good = scene.forger.list(&scene.next())?;
    let endless = b"HTTP/1.1 200 OK\r\n".to_vec();
    let large = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20));
    let elsewhere = "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    scene.server.answers("/elsewhere", [Reply::list(&good)]);
    for (what, reply) in [
        (
            "absent",
            Reply::of("404 Not Found", "text/html", b"<h1>no</h1>"),
        ),
        (
            "broken",
            Reply::of("500 Oops", "text/html", b"\x1b[2J<h1>oh</h1>"),
        ),
        ("busy", Reply::of("503 Busy", "text/plain", b"")),
        ("elsewhere", Reply::Whole(elsewhere.into())),
        ("no answer", Reply::Whole(Vec::new())),
        ("no HTTP", Reply::Whole(b"SSH-2.0-OpenSSH_9.7\r\n".to_vec())),
        ("a large header", Reply::Whole(large.into_bytes())),
        (
            "headers without end",
            Reply::Endless(endless, b"x: y\r\n".to_vec()),
        ),
        (
            "not newer, it says",
            Reply::of("304 Not Modified", "text/plain", b""),
        ),
    ] {
        scene.server.answers("/root.crl", [reply]);
        let before = scene.server.asked("/root.crl");
        let got = scene
            .get()?
            .success()
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(!got.said().contains('\u{1b}'), "{what}");
        scene.server.wait_until_asked("/root.crl", before + 1)?;
    }
    assert_eq!(scene.server.asked("/elsewhere"), 0);
    // A body without end is a list that is too long.
    let head = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    scene
        .server
        .answers("/root.crl", [Reply::Endless(head, vec![0x30; 1024])]);
    scene.get()?.refused(NOT_TRUSTED, &["more than"])?;
    scene.mallory_is_refused()
}

#[test]
fn a_server_that_answers_slowly_or_never_is_waited_for_half_a_minute() -> Result<()> {
    let mut scene = Scene::set()?;
    let revoked = vec![serial_of(&scene.stage.bob)?];
    let good = scene.forger.list(&List {
        revoked,
        ..scene.next()
    })?;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", good.len());
    scene.server.answers(
        "/root.crl",
        [
            Reply::Slow(head.into_bytes(), good),
            Reply::Held(Vec::new()),
        ],
    );
    // Both at once: each takes that long.
    let source = scene.stage.source("a");
    let get = |name: &str| {
        scene
            .stage
            .alice
            .get(&source, &scene.stage.inbox(name))?
            .success()
    };
    thread::scope(|scope| {
        let both = ["slow", "never"].map(|name| scope.spawn(move || get(name)));
        both.into_iter()
            .try_for_each(|one| one.join().unwrap().map(drop))
    })?;
    let listener_held_up = scene.server.asked("/root.crl");
    assert!(listener_held_up >= 2, "{listener_held_up}");
    scene.mallory_is_refused()?;
    scene.stage.listener.check_alive()
}

#[test]
fn a_listener_takes_no_bad_list_tells_it_once_and_goes_on_with_the_one_it_holds() -> Result<()> {
    let mut scene = Scene::set()?;
    let lie = format!("id: 1\nevent: hello\ndata: {{\"crl\":{}}}\n\n", u64::MAX);
    let lies = Reply::Endless(Reply::stream_head(), lie.into_bytes());
    scene.server.answers("/events", [lies]);
    let bad = scene.bad_lists()?;
    let replies = bad.iter().map(|(_, list, _)| Reply::list(list));
    scene.server.answers("/root.crl", replies);
    // The first few looks follow each other, the others come every five seconds.
    scene.server.wait_until_asked("/root.crl", 7)?;
    scene.stage.listener.check_alive()?;
    let said = scene
        .stage
        .listener
        .running()
        .wait_for_text("was refused")?;
    assert!(
        said.contains(&format!("list {} stays in force", scene.held)),
        "{said}"
    );
    let times = scene
        .stage
        .listener
        .running()
        .said()
        .matches("was refused")
        .count();
    assert_eq!(times, 1, "{}", scene.stage.listener.running().said());
    scene.mallory_is_refused()?;
    // It keeps nobody else out.
    scene
        .server
        .answers("/root.crl", [Reply::of("404 Not Found", "text/plain", b"")]);
    scene.get()?.success()?;
    // And the next good list is taken.
    let revoked = vec![serial_of(&scene.stage.alice)?];
    let good = scene.forger.list(&List {
        revoked,
        ..scene.next()
    })?;
    scene.stage.alice.deafen()?;
    scene.server.answers("/root.crl", [Reply::list(&good)]);
    let asked = scene.server.asked("/root.crl");
    scene.server.wait_until_asked("/root.crl", asked + 2)?;
    scene.get()?.refused(NOT_TRUSTED, &["revoked"]).map(drop)
}

#[test]
fn a_device_without_a_list_trusts_nobody_whatever_it_is_served() -> Result<()> {
    let mut scene = Scene::set()?;
    let stale = List {
        from: Duration::days(-2),
        until: Duration::seconds(-1),
        ..scene.next()
    };
    let lists = [Vec::new(), scene.forger.list(&stale)?];
    let held = scene.stage.alice.folder().join("root.crl");
    fs::remove_file(&held).unwrap();
    for list in lists {
        scene.server.answers("/root.crl", [Reply::list(&list)]);
        scene.get()?.refused(NOT_TRUSTED, &["revocation list"])?;
        let share = format!("files={}", scene.stage.shared().display());
        let mut serve = scene.stage.alice.serve_command(&share);
        captures::process::run(&mut serve)?.refused(NOT_TRUSTED, &["revocation list"])?;
    }
    scene
        .server
        .answers("/root.crl", [Reply::Whole(Vec::new())]);
    scene.get()?.refused(
        UNREACHABLE,
        &["revocation list", "connect to the auth server"],
    )?;
    assert!(!held.exists());
    // With a good one it goes on.
    let good = scene.forger.list(&scene.next())?;
    scene.server.answers("/root.crl", [Reply::list(&good)]);
    scene.get()?.success()?;
    let share = format!("files={}", scene.stage.shared().display());
    Listener::start(&mut scene.stage.alice.serve_command(&share)).map(drop)
}
