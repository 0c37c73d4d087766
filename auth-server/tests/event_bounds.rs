//! How many may listen, what a listener costs, and that one who does not read costs the others nothing.

#![allow(
    clippy::print_stdout,
    reason = "what was measured, for who asks to see it"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use auth_server::audit::{Action, Actor, Event, OK};
use auth_server::store::AuditStore;
use rustls::StreamOwned;
use serde_json::json;
use support::listener::*;
use support::*;
use time::OffsetDateTime;

const STREAMS: &str = "orgshare_event_streams ";
const DROPPED: &str = "orgshare_event_streams_dropped_total ";
const CONNECTIONS: &str = "orgshare_connections ";
const TOO_MANY: &str = "urn:orgshare:problem:too-many-streams";

fn start(org: &Org) -> Server {
    Server::start(org, &["--metrics", "127.0.0.1:0"])
}

/// Entries of the audit log that are events, one after the other.
fn happen(org: &Org, times: u32) {
    org.in_store(async |store| {
        for n in 0..times {
            let event = Event {
                by: &Actor::console(),
                action: Action::AddUser,
                object: format!("somebody-{n} as member"),
                outcome: OK,
            };
            store
                .append(&event, OffsetDateTime::now_utc())
                .await
                .unwrap();
        }
    });
}

#[test]
fn a_device_has_four_streams_and_gets_another_one_for_one_that_ended() {
    let org = Org::with_user("alice");
    let server = start(&org);
    let alice = server.member("alice", PASSWORD);
    let mut streams: Vec<_> = (0..4).map(|_| server.listen(&alice)).collect();
    let refused = server.listens(&alice, None).err().unwrap();
    assert_eq!(refused.problem(), (429, TOO_MANY.into()));
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    // A renewed certificate is the same device; another device is another one.
    let renewed = server.renew(&alice).ok().unwrap();
    assert_eq!(server.listens(&renewed, None).err().unwrap().status, 429);
    let other = server.member("alice", PASSWORD);
    server.listen(&other);
    streams.pop();
    eventually("a seat", PATIENCE, || server.listens(&alice, None).is_ok());
}

#[test]
fn a_person_has_64_streams_and_nobody_else_is_kept_out() {
    let org = Org::new();
    let server = start(&org);
    let devices = org.crowd(2, 17);
    let _streams: Vec<_> = devices[..16]
        .iter()
        .flat_map(|device| (0..4).map(|_| server.listen(device)))
        .collect();
    assert_eq!(server.counted(STREAMS), 64);
    let refused = server.listens(&devices[16], None).err().unwrap();
    assert_eq!(refused.problem(), (429, TOO_MANY.into()));
    server.listen(&devices[17]);
}

#[test]
fn when_all_seats_are_taken_others_are_told_so_and_requests_go_on() {
    let org = Org::new();
    // 300 files less what the program needs: half of the rest each.
    let server = Server::start_with_files(&org, 300);
    let devices = org.crowd(2, 12);
    let streams: Vec<_> = devices
        .iter()
        .flat_map(|device| (0..4).map_while(|_| server.listens(device, None).ok()))
        .collect();
    // 48 of the first person, of whom the second one took 5 when all 86 were taken: 43 each.
    assert_eq!(streams.len(), 48 + 43);
    let refused = server.listens(devices.last().unwrap(), None).err().unwrap();
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some());
    // Seats are not places: the API serves on.
    for _ in 0..20 {
        assert!(server.peers(&devices[0]).is_empty());
    }
    drop(streams);
    eventually("a seat", PATIENCE, || {
        server.listens(&devices[0], None).is_ok()
    });
}

#[test]
fn who_does_not_read_is_dropped_and_slows_nobody() {
    let org = Org::with_user("alice");
    org.add("bob", PASSWORD);
    let server = start(&org);
    let [alice, bob] = ["alice", "bob"].map(|alias| server.member(alias, PASSWORD));
    let deaf = {
        let shown = server.listens_with_small_buffer(&alice);
        server.appears(&alice, "192.0.2.1:1990");
        shown
    };
    let mut reader = server.listen(&bob);
    let mut gone = None;
    eventually("the end of the deaf", PATIENCE, || {
        happen(&org, 250);
        for n in 0..250 {
            let mut told = reader.next().unwrap();
            if told.kind == "offline" {
                gone = Some(told);
                told = reader.next().unwrap();
            }
            assert_eq!(told.data["alias"], json!(format!("somebody-{n}")));
        }
        server.counted(DROPPED) == 1
    });
    // It goes with all that it held.
    let gone = gone.unwrap_or_else(|| reader.next_of("offline"));
    assert_eq!(gone.data["alias"], "alice");
    eventually("its connection's end", PATIENCE, || {
        server.counted(STREAMS) == 1
    });
    assert_eq!(server.counted(DROPPED), 1);
    drop(deaf);
}

#[test]
fn a_burst_of_changes_costs_no_reader_anything() {
    let org = Org::with_user("alice");
    let server = start(&org);
    let alice = server.member("alice", PASSWORD);
    let mut reader = server.listen(&alice);
    let first = reader.last + 1;
    happen(&org, 3000);
    for n in 0..3000 {
        assert_eq!(reader.next().unwrap().id, first + n);
    }
    assert_eq!(server.counted(DROPPED), 0);
}

#[test]
fn streams_take_no_places_from_those_who_ask() {
    let org = Org::new();
    let server = start(&org);
    let devices = org.crowd(5, 16);
    let _streams: Vec<_> = devices
        .iter()
        .flat_map(|device| (0..4).map(|_| server.listen(device)))
        .collect();
    assert_eq!(server.counted(STREAMS), 320);
    // All from one address, which has 64 places.
    assert_eq!(server.counted(CONNECTIONS), 1);
    for _ in 0..3 {
        assert_eq!(server.get("/root.crt", "").status, 200);
    }
}

/// Resident memory in KiB.
fn resident(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.unwrap().trim().trim_end_matches(" kB");
    number.parse().unwrap()
}

#[test]
fn a_listener_costs_64_kib_of_memory_at_most() {
    const LISTENERS: usize = 500;
    let org = Org::new();
    let server = start(&org);
    let devices = org.crowd(9, 16);
    let open = |(n, device): (usize, &Member)| -> Vec<Listener> {
        let host = u8::try_from(n % 250 + 1).unwrap();
        let from = Ipv4Addr::new(127, 0, 3, host);
        (0..4).map(|_| server.listens_from(from, device)).collect()
    };
    let few = 10;
    // What it takes once, for whomever.
    let mut streams: Vec<_> = devices
        .iter()
        .enumerate()
        .take(few)
        .flat_map(open)
        .collect();
    happen(&org, 10);
    streams
        .iter_mut()
        .for_each(|stream| drop(stream.next_of("person")));
    let before = resident(&server);
    let more = devices.iter().enumerate().skip(few).take(LISTENERS / 4);
    streams.extend(more.flat_map(open));
    assert_eq!(server.counted(STREAMS), 540);
    // Each has been told something since.
    happen(&org, 10);
    streams
        .iter_mut()
        .for_each(|stream| drop(stream.next_of("person")));
    let each = resident(&server).saturating_sub(before) / u64::try_from(LISTENERS).unwrap();
    println!("{each} KiB a listener");
    assert!(each <= 64, "{each} KiB a listener");
}

#[test]
fn two_hundred_listeners_hear_of_a_revocation_within_two_seconds() {
    let org = Org::with_user("mallory");
    let server = start(&org);
    let mallory = server.member("mallory", PASSWORD);
    let devices = org.crowd(4, 13);
    let streams: Vec<_> = devices
        .iter()
        .flat_map(|device| (0..4).map(|_| server.listen(device)))
        .take(200)
        .collect();
    let own = server.listen(&mallory);
    let heard = Mutex::new(Vec::new());
    let done = std::thread::scope(|scope| {
        for mut stream in streams {
            let heard = &heard;
            scope.spawn(move || {
                stream.next_of("crl");
                heard.lock().unwrap().push(Instant::now());
            });
        }
        succeeded(&org.command(&["user", "revoke", "mallory"]));
        Instant::now()
    });
    let heard = heard.into_inner().unwrap();
    assert_eq!(heard.len(), 200);
    let after = |moment: &Instant| moment.saturating_duration_since(done);
    let (first, last) = (heard.iter().min().unwrap(), heard.iter().max().unwrap());
    println!(
        "heard {:?} to {:?} after the command's end",
        after(first),
        after(last)
    );
    assert!(after(last) < Duration::from_secs(2), "{:?}", after(last));
    assert_eq!(own.rest().last().unwrap().kind, "crl");
}

impl Server {
    /// A device that opens a stream and reads nothing of it, and has little room for what it is sent.
    fn listens_with_small_buffer(&self, member: &Member) -> Listener {
        let from = Ipv4Addr::new(127, 0, 4, 1);
        let stream = StreamOwned::new(self.tls_as(member), self.dial_from(from, true));
        Listener::open(stream, "").unwrap_or_else(|answer| panic!("{answer:?}"))
    }
}

/// The open files that this process may have, raised as far as the system allows.
fn open_files(wanted: u64) {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit {
        current: Some(wanted),
        maximum: limit.maximum,
    };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap();
}

#[test]
#[ignore = "a measurement of some minutes: five thousand listeners, and how soon they hear"]
fn five_thousand_listeners_are_held_and_told() {
    const LISTENERS: usize = 5000;
    const ASKED: usize = 1000;
    open_files(8192);
    let org = Org::with_user("mallory");
    let server = start(&org);
    let devices = org.crowd(79, 16);
    let before = resident(&server);
    let mut streams: Vec<_> = devices
        .iter()
        .flat_map(|device| (0..4).map(|_| server.listen(device)))
        .take(LISTENERS)
        .collect();
    let held = server.counted(STREAMS);
    let each = (resident(&server) - before) / held;
    println!("{held} listeners, {each} KiB each");
    let mut rounds = Vec::new();
    for _ in 0..5 {
        server.member("mallory", PASSWORD);
        let heard = Mutex::new(Vec::new());
        let (asked, rest) = streams.split_at_mut(ASKED);
        let done = std::thread::scope(|scope| {
            for chunk in asked.chunks_mut(1) {
                let heard = &heard;
                let listen = move || {
                    chunk[0].next_of("crl");
                    heard.lock().unwrap().push(Instant::now());
                };
                let thread = std::thread::Builder::new().stack_size(256 * 1024);
                thread.spawn_scoped(scope, listen).unwrap();
            }
            succeeded(&org.command(&["user", "revoke", "mallory"]));
            Instant::now()
        });
        let heard = heard.into_inner().unwrap();
        let since = |moment: Instant| moment.saturating_duration_since(done);
        let mut after: Vec<Duration> = heard.into_iter().map(since).collect();
        rest.iter_mut()
            .for_each(|stream| drop(stream.next_of("crl")));
        after.sort();
        rounds.push((after[0], after[ASKED / 2], after[ASKED - 1]));
        succeeded(&org.command(&["user", "enable", "mallory"]));
    }
    println!("first, median, last of {ASKED}: {rounds:?}");
}
