//! A device with several auth servers goes on with the next one when one is gone.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use captures::device::Device;
use captures::error::Result;
use captures::organisation::{Organisation, PASSWORD};
use captures::process::{PATIENCE, Running, free_port};
use captures::proxy::{Damage, Direction, Fault, Proxy};
use captures::stage::Stage;

const REVOKED: i32 = 7;
const UNREACHABLE: i32 = 5;

/// From the end of the order to the last byte that anybody takes.
const PROMISED: Duration = Duration::from_secs(2);

/// A minute until somebody looks whether a server is back, as much until the next look, and a quarter
/// of one until a stream notices; twice, since other tests run too.
const GONE_BACK: Duration = Duration::from_secs(300);

/// At the speed below, a minute and more.
const FILE_BYTES: u64 = 1 << 30;

const SLOWLY: Damage = Damage::Slow {
    bytes_a_second: 12 << 20,
};

/// A stage with room for a second server.
struct Two {
    stage: Stage,
    first: String,
    second: String,
}

impl Two {
    fn set() -> Result<Self> {
        let mut stage = Stage::set()?;
        let first = stage.organisation.url().replace("https://", "");
        let second = format!("127.0.0.1:{}", free_port()?);
        let servers = [&first, &second].map(|address| format!("https://{address}"));
        stage.alice.log_in_at("alice", &servers)?.success()?;
        stage.bob.log_in_at("bob", &servers)?.success()?;
        stage.listener = stage.bob.serve("files", stage.shared())?;
        stage.offer("a", b"contents")?;
        Ok(Self {
            stage,
            first,
            second,
        })
    }

    fn servers(&self) -> [String; 2] {
        [&self.first, &self.second].map(|address| format!("https://{address}"))
    }

    /// The second server runs, from a backup of the first, and the first is gone.
    fn fall_over(&mut self) -> Result<Organisation> {
        let mut second = self.stage.organisation.restored()?;
        second.listen_at(&self.second)?;
        self.stage.organisation.stop();
        Ok(second)
    }

    /// All that takes a server: a list of who is online, a certificate, somebody found by name.
    fn everything_goes_on(&self, file: &str) -> Result<()> {
        let alice = &self.stage.alice;
        until_listed(alice, "bob", PATIENCE)?;
        alice.run(&["renew"])?.success()?;
        alice.run(&["profile", "show"])?.success()?;
        let to = self.stage.inbox(file);
        alice.get("bob:files/a", &to)?.success()?;
        assert_eq!(fs::read(to).unwrap(), b"contents");
        Ok(())
    }
}

/// Waits until somebody is online at the server that the device asks.
fn until_listed(device: &Device, alias: &str, within: Duration) -> Result<()> {
    let end = Instant::now() + within;
    let wanted = format!("\"alias\":\"{alias}\"");
    loop {
        let told = device.run(&["peers", "--json"])?.success()?;
        if String::from_utf8_lossy(&told.stdout).contains(&wanted) {
            return Ok(());
        }
        assert!(Instant::now() < end, "{}", told.said());
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_listener_and_a_transfer_go_on_when_a_server_is_gone_and_when_it_is_back() -> Result<()> {
    let mut two = Two::set()?;
    let large = File::create(two.stage.shared().join("large")).unwrap();
    large.set_len(FILE_BYTES).unwrap();
    let carol = two.stage.organisation.person("carol")?;
    carol.log_in_at("carol", &two.servers())?.success()?;
    let relay = Proxy::start(two.stage.listener.port(), Fault::to_requester(SLOWLY))?;
    let (source, to) = (relay.source("files/large"), two.stage.inbox("large"));
    let getting = Running::start(&mut carol.get_command(&source, &to))?;
    let end = Instant::now() + PATIENCE;
    while relay.bytes(Direction::ToRequester) < 16 << 20 {
        assert!(Instant::now() < end, "{}", getting.said());
        thread::sleep(Duration::from_millis(5));
    }

    let second = two.fall_over()?;
    two.everything_goes_on("a1")?;
    let order = ["user", "revoke", "carol", "--reason", "keyCompromise"];
    second.run(&order)?.success()?;
    let ordered = Instant::now();
    let ended = getting.finish(PATIENCE)?;
    let took = ordered.elapsed();
    assert!(took <= PROMISED, "it took {took:?}");
    ended.refused(
        REVOKED,
        &["carol's certificate was revoked (keyCompromise) on 20"],
    )?;
    two.stage.check_absent("large")?;

    let mut third = second.restored()?;
    drop(second);
    third.listen_at(&two.first)?;
    two.everything_goes_on("a2")?;
    two.stage.listener.check_alive()
}

#[test]
fn who_moved_to_the_next_server_goes_back_to_the_first_by_himself() -> Result<()> {
    let mut two = Two::set()?;
    let second = two.fall_over()?;
    two.everything_goes_on("a1")?;
    let mut third = second.restored()?;
    third.listen_at(&two.first)?;
    // She asks no other server.
    let watching = third.device()?;
    watching.log_in("alice")?;
    until_listed(&watching, "bob", GONE_BACK)?;
    drop(second);
    two.everything_goes_on("a2")?;
    two.stage.listener.check_alive()
}

/// A server that takes connections and says nothing.
struct Silent(TcpListener);

impl Silent {
    fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    /// Connections since the last look.
    fn connections(&self) -> usize {
        std::iter::from_fn(|| self.0.accept().ok()).count()
    }
}

#[test]
fn a_server_that_swallows_everything_is_not_asked_by_each_command_again() -> Result<()> {
    let mut two = Two::set()?;
    let _second = two.fall_over()?;
    let silent = Silent::at(&two.first);
    let alice = &two.stage.alice;
    alice.run(&["profile", "show"])?.success()?;
    assert!(silent.connections() > 0, "the first server was not asked");
    alice.run(&["profile", "show"])?.success()?;
    alice.run(&["renew"])?.success()?;
    // Unless this took a minute, in which it was worth a look.
    let asked = silent.connections();
    assert!(asked <= 1, "it was asked {asked} times");
    Ok(())
}

#[test]
fn a_server_of_another_organisation_is_passed_over_aloud_and_never_believed() -> Result<()> {
    let mut two = Two::set()?;
    let second = two.fall_over()?;
    let impostor = Organisation::init("Example")?;
    impostor.add_user("alice")?;
    let _impostor = impostor.serve_at(&two.first)?;
    let alice = &two.stage.alice;
    let told = alice.run(&["renew"])?.success()?.said();
    for word in [
        "warning",
        two.first.as_str(),
        "does not belong to this device's organisation",
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }
    alice.log_in("alice")?;
    two.everything_goes_on("a")?;
    drop(second);
    // Nobody is left but the stranger.
    alice
        .run(&["renew"])?
        .refused(UNREACHABLE, &["does not belong", &two.second])?;
    alice
        .log_in_with("alice", PASSWORD)?
        .refused(UNREACHABLE, &["does not belong", &two.second])
        .map(drop)
}

#[test]
fn when_no_server_can_be_reached_each_is_named_with_its_reason() -> Result<()> {
    let mut two = Two::set()?;
    two.stage.organisation.stop();
    let _silent = Silent::at(&two.second);
    let first = format!("{}: connection refused", two.first);
    let second = format!("{}: no answer in time", two.second);
    two.stage
        .alice
        .run(&["renew"])?
        .refused(UNREACHABLE, &["no auth server", &first, &second])?;
    // What is held still serves.
    two.stage.get_identical("a")
}

/// Passes on a handshake of TLS 1.3 without client certificate, and breaks off instead of the request.
fn break_off_after_the_handshake(relay: TcpListener, server: String) {
    thread::spawn(move || {
        for client in relay.incoming() {
            let mut client = client.unwrap();
            let mut server = TcpStream::connect(&server).unwrap();
            let (mut back, mut answers) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut answers, &mut back));
            let mut sealed = 0;
            while let Some(record) = record(&mut client) {
                sealed += usize::from(record[0] == 0x17);
                // The first sealed record is the client's Finished.
                if sealed > 1 || server.write_all(&record).is_err() {
                    break;
                }
            }
            for socket in [client, server] {
                let _ = socket.shutdown(Shutdown::Both);
            }
        }
    });
}

fn record(from: &mut TcpStream) -> Option<Vec<u8>> {
    let mut record = vec![0; 5];
    from.read_exact(&mut record).ok()?;
    let length = u16::from_be_bytes([record[3], record[4]]);
    record.resize(5 + usize::from(length), 0);
    from.read_exact(&mut record[5..]).ok()?;
    Some(record)
}

#[test]
fn what_may_have_been_done_at_one_server_is_not_asked_of_another() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    organisation.add_user("alice")?;
    let device = organisation.device()?;
    let relay = TcpListener::bind("127.0.0.1:0").unwrap();
    let broken = format!("https://{}", relay.local_addr().unwrap());
    break_off_after_the_handshake(relay, organisation.url().replace("https://", ""));
    let good = organisation.url();
    device
        .log_in_at("alice", &[broken.clone(), good.clone()])?
        .refused(UNREACHABLE, &[&broken])?;
    assert!(!organisation.server().unwrap().said().contains("/verify"));
    // With a connection that never was it is another matter.
    let nobody = format!("https://127.0.0.1:{}", free_port()?);
    device
        .log_in_at("alice", &[nobody, good])?
        .success()
        .map(drop)
}

#[test]
fn servers_are_kept_and_shown_in_their_order_and_an_old_account_is_read() -> Result<()> {
    let two = Two::set()?;
    let alice = &two.stage.alice;
    let shown = |said: &str| {
        let lines = said
            .lines()
            .filter_map(|line| line.strip_prefix("auth server "));
        lines.map(|url| url.trim().to_owned()).collect::<Vec<_>>()
    };
    let said = alice.run(&["whoami"])?.success()?.said();
    assert_eq!(shown(&said), two.servers());
    // A login that names none keeps them.
    alice.log_in("alice")?;
    let said = alice.run(&["whoami"])?.success()?.said();
    assert_eq!(shown(&said), two.servers());
    let account = alice.folder().join("account.toml");
    let old = format!("server = \"https://{}\"\nalias = \"alice\"\n", two.first);
    fs::write(account, old).unwrap();
    alice.run(&["renew"])?.success()?;
    let said = alice.run(&["whoami"])?.success()?.said();
    assert_eq!(shown(&said), two.servers()[..1]);
    Ok(())
}
