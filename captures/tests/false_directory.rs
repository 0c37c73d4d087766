//! A directory that lies: who is asked for by name is reached or nobody is, soon, and no terminal obeys it.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use captures::device::Listener;
use captures::error::Result;
use captures::false_server::{FalseServer, Reply};
use captures::process::{self, Finished};
use captures::stage::Stage;
use rustix::net::{AddressFamily, SocketAddrAny, SocketType};
use serde_json::{Value, json};

const OTHER: i32 = 1;
const UNREACHABLE: i32 = 5;
const NOT_TRUSTED: i32 = 7;

/// Beyond all timeouts that are asked for below, on a busy machine; one after the other would take longer.
const SOON: Duration = Duration::from_secs(45);

struct Scene {
    stage: Stage,
    of_carol: Listener,
    server: FalseServer,
}

impl Scene {
    fn set() -> Result<Self> {
        let mut stage = Stage::set()?;
        stage.offer("a", b"contents")?;
        stage.offer("before", b"the list is held")?;
        stage.get_identical("before")?;
        let carol = stage.organisation.person("carol")?;
        let of_carol = carol.serve("files", stage.shared())?;
        let server = FalseServer::instead_of(&mut stage.organisation)?;
        Ok(Self {
            of_carol,
            stage,
            server,
        })
    }

    fn lists(&self, peers: &[Value]) {
        let listing = json!({ "peers": peers }).to_string();
        self.server.answers("/peers", [Reply::json(&listing)]);
    }

    /// `peer get bob:files/a` when the directory says that bob is there.
    fn get_at(&self, addresses: &[String], name: &str) -> Result<Finished> {
        self.lists(&[json!({
            "alias": "bob", "device": "0a0b0c0d", "name": null, "role": "member",
            "addresses": addresses, "shares": ["files"], "suites": ["aes-256-gcm"],
            "since": "2026-11-21T05:15:00Z",
        })]);
        let mut get = self
            .stage
            .alice
            .get_command("bob:files/a", &self.stage.inbox(name));
        process::run(get.args(["--timeout", "3"]))
    }

    fn honest(&self) -> String {
        format!("127.0.0.1:{}", self.stage.listener.port())
    }
}

fn entry(number: usize) -> Value {
    json!({
        "alias": format!("a{number}"), "device": format!("{number:032x}"), "name": null,
        "role": "member", "addresses": ["192.0.2.1:1990"], "shares": [], "suites": [],
        "since": "2026-11-21T05:15:00Z",
    })
}

/// A program that gets no more memory than that.
fn confined(command: &Command) -> Command {
    const KIB: u32 = 512 << 10;
    let mut confined = Command::new("sh");
    confined.args(["-c", &format!("ulimit -v {KIB} && exec \"$0\" \"$@\"")]);
    confined.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => confined.env(name, value),
            None => confined.env_remove(name),
        };
    }
    confined.current_dir(command.get_current_dir().unwrap());
    confined
}

#[test]
fn a_hundred_thousand_entries_are_shown_in_little_memory() -> Result<()> {
    const COUNT: usize = 80_000;
    let scene = Scene::set()?;
    let peers: Vec<Value> = (0..COUNT).map(entry).collect();
    scene.lists(&peers);
    for (arguments, lines) in [(&["peers"][..], COUNT + 1), (&["peers", "--json"], COUNT)] {
        let shown =
            process::run(&mut confined(&scene.stage.alice.command(arguments)))?.success()?;
        assert_eq!(
            shown.stdout.iter().filter(|byte| **byte == b'\n').count(),
            lines
        );
    }
    // More than any auth server lists is no listing, nor is one without end.
    let crowd: Vec<Value> = (0..2 * COUNT).map(entry).collect();
    scene.lists(&crowd);
    let mut peers = confined(&scene.stage.alice.command(&["peers"]));
    process::run(&mut peers)?.refused(OTHER, &["more than", "administrator"])?;
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"peers\":[";
    let endless = Reply::Endless(head.to_vec(), b"{},".to_vec());
    scene.server.answers("/peers", [endless]);
    process::run(&mut peers)?.refused(OTHER, &["more than"])?;
    // Who asks for one person takes no more than one person may have.
    scene.lists(&crowd[..2000]);
    let to = scene.stage.inbox("b");
    scene
        .stage
        .alice
        .get("bob:files/a", &to)?
        .refused(OTHER, &["more than 65536 bytes"])?;
    Ok(())
}

#[test]
fn hostile_names_are_left_out_and_no_terminal_obeys_one() -> Result<()> {
    let scene = Scene::set()?;
    let escape = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}";
    let mut peers = vec![entry(1), json!({}), json!([]), json!("bob"), json!(null)];
    for field in ["alias", "device", "name", "role", "since"] {
        for text in [
            escape.to_owned(),
            "x".repeat(1 << 16),
            "a\nb".into(),
            "\0".into(),
        ] {
            let mut hostile = entry(2);
            hostile[field] = text.into();
            peers.push(hostile);
        }
    }
    for field in ["addresses", "shares", "suites"] {
        for list in [
            json!([escape]),
            json!(vec!["a"; 1000]),
            json!(["a".repeat(1 << 16)]),
            json!("a"),
        ] {
            let mut hostile = entry(3);
            hostile[field] = list;
            peers.push(hostile);
        }
    }
    peers.push(entry(4));
    scene.lists(&peers);
    for arguments in [&["peers"][..], &["peers", "--json"]] {
        let shown = scene.stage.alice.run(arguments)?.success()?;
        let table = String::from_utf8(shown.stdout.clone()).unwrap();
        assert!(table.contains("a1") && table.contains("a4"), "{table}");
        assert!(!table.contains("a2") && !table.contains("a3"), "{table}");
        assert!(table.len() < 2000, "{}", table.len());
        assert!(
            shown
                .stderr
                .contains(&format!("{} entries", peers.len() - 2)),
            "{}",
            shown.stderr
        );
        let is_obeyed = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!shown.said().contains(is_obeyed), "{:?}", shown.said());
    }
    for (answer, code) in [
        (Reply::json("{\"peers\":"), OTHER),
        (Reply::json("[]"), OTHER),
        (Reply::of("200 OK", "text/html", b"<h1>\x1b[2J</h1>"), OTHER),
        (Reply::of("500 Oops", "text/html", b"\x1b[2J"), OTHER),
        (Reply::of("403 No", "application/problem+json", b"{\"type\":\"x\",\"detail\":\"\\u001b[2J\\u009b\"}"), 3),
        (Reply::of("404 Not Found", "text/plain", b""), OTHER),
        (Reply::Whole(b"HTTP/1.1 302 \x1b[2J\r\nlocation: https://127.0.0.1:1/\x1b[2J\r\ncontent-length: 0\r\n\r\n".to_vec()), UNREACHABLE),
    ] {
        scene.server.answers("/peers", [answer.clone()]);
        let told = scene.stage.alice.run(&["peers"])?;
        let refused = told.refused(code, &[]).unwrap_or_else(|error| panic!("{answer:?}: {error}"));
        assert!(!refused.said().contains(['\u{1b}', '\u{9b}']), "{:?}", refused.said());
    }
    Ok(())
}

#[test]
fn at_another_member_s_address_nothing_is_asked_for() -> Result<()> {
    let scene = Scene::set()?;
    let address = format!("127.0.0.1:{}", scene.of_carol.port());
    scene
        .get_at(std::slice::from_ref(&address), "a1")?
        .refused(NOT_TRUSTED, &["bob", "carol"])?;
    scene.stage.check_absent("a1")?;
    assert!(!scene.of_carol.running().said().contains("File request"));
    // Nor at alice's own.
    let share = format!("files={}", scene.stage.shared().display());
    let own = Listener::start(&mut scene.stage.alice.serve_command(&share))?;
    let own = format!("127.0.0.1:{}", own.port());
    scene
        .get_at(std::slice::from_ref(&own), "a2")?
        .refused(NOT_TRUSTED, &["bob"])?;
    scene.stage.check_absent("a2")?;
    // Where bob is among them he is found all the same.
    let among = [own, address, scene.honest()];
    scene.get_at(&among, "a")?.success()?;
    scene.stage.check_identical("a")
}

#[test]
fn at_a_stranger_s_address_nothing_is_asked_for() -> Result<()> {
    let scene = Scene::set()?;
    let elsewhere = Stage::set()?;
    elsewhere.offer("a", b"not bob's")?;
    let stranger = format!("127.0.0.1:{}", elsewhere.listener.port());
    scene
        .get_at(&[stranger], "b")?
        .refused(NOT_TRUSTED, &["bob"])?;
    scene.stage.check_absent("b")?;
    for (name, address) in [
        ("nobody", format!("127.0.0.1:{}", process::free_port()?)),
        ("no port", "127.0.0.1:0".to_owned()),
        ("no name", "nobody.invalid:1990".to_owned()),
        ("no address", "bob".to_owned()),
        (
            "the auth server",
            scene.stage.organisation.url().replace("https://", ""),
        ),
    ] {
        let tried = scene
            .get_at(&[address], name)?
            .refused(UNREACHABLE, &["bob"]);
        tried.unwrap_or_else(|error| panic!("{name}: {error}"));
        scene.stage.check_absent(name)?;
    }
    Ok(())
}

/// A port of this machine where connections are neither taken nor refused.
struct Blackhole {
    address: SocketAddr,
    _kept: (std::os::fd::OwnedFd, Vec<TcpStream>),
}

impl Blackhole {
    fn new() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::net::bind(&socket, &any).unwrap();
        rustix::net::listen(&socket, 0).unwrap();
        let bound: SocketAddrAny = rustix::net::getsockname(&socket).unwrap();
        let address = SocketAddr::try_from(bound).unwrap();
        // As many as wait to be accepted; the system answers no more then.
        let patience = Duration::from_millis(300);
        let waiting = std::iter::from_fn(|| TcpStream::connect_timeout(&address, patience).ok());
        let waiting = waiting.take(16).collect();
        Self {
            address,
            _kept: (socket, waiting),
        }
    }
}

#[test]
fn sixteen_addresses_where_nobody_answers_are_given_up_soon() -> Result<()> {
    let scene = Scene::set()?;
    let holes: Vec<Blackhole> = (0..16).map(|_| Blackhole::new()).collect();
    let mut addresses: Vec<String> = holes.iter().map(|hole| hole.address.to_string()).collect();
    let begun = Instant::now();
    scene
        .get_at(&addresses, "b")?
        .refused(UNREACHABLE, &["bob"])?;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    // They hold up nobody who is there too.
    addresses[15] = scene.honest();
    let begun = Instant::now();
    scene.get_at(&addresses, "a")?.success()?;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    scene.stage.check_identical("a")
}

#[test]
fn sixteen_addresses_where_somebody_answers_and_says_nothing_are_given_up_soon() -> Result<()> {
    let scene = Scene::set()?;
    let silent: Vec<TcpListener> = (0..16)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let addresses = silent
        .iter()
        .map(|one| one.local_addr().unwrap().to_string());
    let addresses: Vec<String> = addresses.collect();
    let begun = Instant::now();
    scene
        .get_at(&addresses, "b")?
        .refused(UNREACHABLE, &["bob"])?;
    // Each has ten seconds for its handshake, and one after the other would take three minutes.
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    scene.stage.check_absent("b")
}
