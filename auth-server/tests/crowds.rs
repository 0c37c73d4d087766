//! Strangers who hold connections and ask for nothing, or take no answer: others get in.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rcgen::KeyPair;
use rustls::StreamOwned;
use support::crowd::*;
use support::*;

/// Places in all and for one source.
const PLACES: u64 = 1024;
const PLACES_OF_ONE: u64 = 64;

const REPLACED: &str = "orgshare_connections_replaced_total ";
const REFUSED: &str = "orgshare_connections_refused_total ";

fn server(org: &Org) -> Server {
    Server::start(org, &["--metrics", "127.0.0.1:0"])
}

fn address(network: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, network, host)
}

fn login() -> Vec<u8> {
    let csr = request(&KeyPair::generate().unwrap());
    let body = serde_json::json!({"alias": "alice", "password": PASSWORD, "csr": csr});
    post("/verify", "application/json", body.to_string().as_bytes())
}

/// A login from there succeeds, and takes its place from somebody. One that found a place which had
/// become free by itself shows nothing; then the crowd gathers again.
fn replaces(server: &Server, crowd: &mut Crowd, from: Ipv4Addr) -> bool {
    (0..5).any(|_| {
        crowd.settle(server);
        let before = server.counted(REPLACED);
        let answer = server.send_from(from, &login());
        assert_eq!(answer.map(|answer| answer.status), Some(200));
        server.counted(REPLACED) > before
    })
}

#[test]
fn idle_connections_that_take_all_places_keep_no_other_address_out() {
    let org = Org::with_user("alice");
    let server = server(&org);
    // Sixteen addresses; of the kinds that cost a handshake one each.
    let kinds = (0..16).map(|n| Idle::ALL[if n < 4 { n } else { 4 + n % 2 }]);
    let members = (1..)
        .zip(kinds)
        .flat_map(|(host, idle)| (0..PLACES_OF_ONE).map(move |_| (address(100, host), idle)));
    let mut crowd = Crowd::new(members);
    crowd.settle(&server);
    assert_eq!(server.counted("orgshare_connections "), PLACES + 1);
    assert!(replaces(&server, &mut crowd, address(200, 1)));
    // Again and again, also while all of it is as it was.
    for host in 2..5 {
        let answer = server.send_from(address(200, host), &login());
        assert_eq!(answer.map(|answer| answer.status), Some(200));
    }
}

#[test]
fn an_idle_connection_of_any_kind_makes_room_for_its_own_address() {
    let org = Org::with_user("alice");
    let server = server(&org);
    for (host, idle) in (1..).zip(Idle::ALL) {
        let from = address(1, host);
        let mut crowd = Crowd::new((0..PLACES_OF_ONE).map(|_| (from, idle)));
        assert!(replaces(&server, &mut crowd, from), "{idle:?}");
        let held = server.counted("orgshare_connections ");
        assert!(held <= PLACES_OF_ONE + 1, "{held} of one address");
    }
}

/// Many answers at once, more than fit between server and client.
const ANSWERS: usize = 99;
/// Longer than a client that takes nothing of an answer is left alone, other things to do included.
const UNTAKEN: Duration = Duration::from_secs(5);
/// What a client that reads takes at a time: some seconds' worth of the slowest that is let go on.
const TAKEN_BYTES: u64 = 96 * 1024;

/// Asks for the same large answer again and again, on one connection, and takes the first byte.
fn ask_for_much(server: &Server, from: Ipv4Addr) -> Option<Stream> {
    let ask = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n";
    let questions = format!("{ask}\r\n").repeat(ANSWERS - 1) + ask + "connection: close\r\n\r\n";
    let mut stream = StreamOwned::new(server.tls(None), server.dial_from(from, true));
    stream.write_all(questions.as_bytes()).ok()?;
    stream.flush().ok()?;
    // It has begun to answer.
    (stream.read(&mut [0]).ok()? == 1).then_some(stream)
}

#[test]
fn an_answer_that_is_taken_is_finished_whoever_wants_the_place() {
    let org = Org::new();
    let server = server(&org);
    let from = address(2, 1);
    let mut readers: Vec<_> = (0..PLACES_OF_ONE)
        .map(|_| (ask_for_much(&server, from).unwrap(), vec![b'H']))
        .collect();
    let (began, refused) = (Instant::now(), server.counted(REFUSED));
    let mut next = began;
    eventually(
        "refusals for longer than silence is borne",
        PATIENCE,
        || {
            if Instant::now() >= next {
                next += UNTAKEN / 10;
                for (stream, answers) in &mut readers {
                    let mut some = Read::take(stream, TAKEN_BYTES);
                    some.read_to_end(answers).unwrap();
                }
            }
            let mut newcomer = server.dial_from(from, false);
            let _ = newcomer.read(&mut [0]);
            began.elapsed() > UNTAKEN && server.counted(REFUSED) > refused
        },
    );
    for (stream, answers) in &mut readers {
        stream.read_to_end(answers).unwrap();
        let answers = String::from_utf8(std::mem::take(answers)).unwrap();
        assert_eq!(answers.matches("HTTP/1.1 200").count(), ANSWERS);
        assert!(answers.ends_with('}'));
    }
}

#[test]
fn who_takes_no_answer_makes_room_for_his_own_address() {
    let org = Org::with_user("alice");
    let server = server(&org);
    let from = address(4, 1);
    let _deaf: Vec<_> = (0..PLACES_OF_ONE)
        .map(|_| ask_for_much(&server, from).unwrap())
        .collect();
    eventually("a login", LONG_BEFORE_THEY_END, || {
        server
            .send_from(from, &login())
            .is_some_and(|answer| answer.status == 200)
    });
    assert!(server.counted(REPLACED) > 0);
}

/// Opens connections that ask and take nothing, and other ones before those before were found to be slow.
fn ask_and_leave(server: &Server, from: Ipv4Addr, stop: &AtomicBool) {
    let mut held = VecDeque::new();
    let began = Instant::now();
    while !stop.load(Ordering::Relaxed) && began.elapsed() < 2 * PATIENCE {
        held.extend(ask_for_much(server, from).map(|stream| (Instant::now(), stream)));
        while held
            .front()
            .is_some_and(|(since, _)| since.elapsed() > LEFT_AFTER)
        {
            held.pop_front();
        }
    }
}

/// Less than a client is left alone that has begun to take its answer.
const LEFT_AFTER: Duration = Duration::from_millis(1800);

#[test]
fn who_leaves_his_answers_and_asks_anew_keeps_his_own_address_from_no_login() {
    let org = Org::with_user("alice");
    let server = server(&org);
    let from = address(6, 1);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| ask_and_leave(&server, from, &stop));
        }
        eventually("all places taken", PATIENCE, || {
            server.counted(REPLACED) + server.counted(REFUSED) > 0
        });
        let logins = (0..8).filter(|_| {
            let answer = server.send_from(from, &login());
            answer.is_some_and(|answer| answer.status == 200)
        });
        let logins = logins.count();
        stop.store(true, Ordering::Relaxed);
        assert!(logins >= 6, "{logins} of 8");
    });
}

/// Connections have two minutes: by then all of a crowd would be gone by itself.
const LONG_BEFORE_THEY_END: Duration = Duration::from_secs(60);
/// Addresses that take all places together.
const CROWD: u8 = 16;

#[test]
fn clients_that_ask_and_take_no_answer_keep_no_other_address_out() {
    let org = Org::with_user("alice");
    let server = server(&org);
    // All at once from each address, as whoever wants to shut others out would.
    let mut deaf: Vec<_> = std::thread::scope(|scope| {
        let crowds: Vec<_> = (1..=CROWD)
            .map(|host| {
                let server = &server;
                let ask = move |_| ask_for_much(server, address(101, host));
                scope.spawn(move || (0..PLACES_OF_ONE).filter_map(ask).collect::<Vec<_>>())
            })
            .collect();
        crowds
            .into_iter()
            .flat_map(|crowd| crowd.join().unwrap())
            .collect()
    });
    assert_eq!(u64::try_from(deaf.len()).unwrap(), PLACES);
    for host in 1..4 {
        // A client that is turned away at first comes again.
        eventually("a login", LONG_BEFORE_THEY_END, || {
            let answer = server.send_from(address(201, host), &login());
            answer.is_some_and(|answer| answer.status == 200)
        });
        // The place that is free now is taken in the same way.
        deaf.extend(ask_for_much(&server, address(102, host)));
    }
    assert!(server.counted(REPLACED) >= 3);
}

/// Keeps all places of an address busy with requests that follow each other quickly.
fn ask_without_pause(server: &Server, from: Ipv4Addr, stop: &AtomicBool) {
    let connect = || StreamOwned::new(server.tls(None), server.dial_from(from, false));
    let ask = b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut streams: Vec<_> = (0..PLACES_OF_ONE).map(|_| connect()).collect();
    let began = Instant::now();
    while !stop.load(Ordering::Relaxed) && began.elapsed() < 2 * PATIENCE {
        for stream in &mut streams {
            let asked = stream.write_all(ask).and_then(|()| stream.flush());
            let answered = asked.and_then(|()| stream.read(&mut [0; 2048]));
            if !matches!(answered, Ok(1..)) {
                *stream = connect();
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn who_asks_without_pause_keeps_his_own_address_from_no_login() {
    let org = Org::with_user("alice");
    let server = server(&org);
    let from = address(3, 1);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| ask_without_pause(&server, from, &stop));
        eventually("a crowd", PATIENCE, || {
            server.counted("orgshare_connections ") > PLACES_OF_ONE
        });
        for _ in 0..5 {
            // A client that is turned away, for all were young just then, comes again.
            eventually("a login", PATIENCE, || {
                let answer = server.send_from(from, &login());
                answer.is_some_and(|answer| answer.status == 200)
            });
        }
        assert!(server.counted(REPLACED) > 0);
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_connection_answers_so_many_requests_and_ends() {
    let org = Org::new();
    let server = org.start();
    let mut stream = server.connect();
    let questions = "HEAD /root.crt HTTP/1.1\r\nhost: x\r\n\r\n".repeat(150);
    stream.write_all(questions.as_bytes()).unwrap();
    let mut answers = String::new();
    let _ = stream.read_to_string(&mut answers);
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 100);
    assert_eq!(answers.matches("connection: close").count(), 1);
    assert!(answers.ends_with("\r\n\r\n"));
    let last = answers.rfind("HTTP/1.1 200").unwrap();
    assert!(answers[last..].contains("connection: close"));
}
