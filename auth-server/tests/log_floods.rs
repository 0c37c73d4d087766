//! Whoever can send requests fills neither the disk nor the place of other lines in the log.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::*;

/// Lines that requests of strangers may cause: at once, and a second.
const AT_ONCE: u64 = 500;
const PER_SEC: u64 = 20;
/// Requests on one connection.
const REQUESTS: usize = 100;

/// A hundred requests with long paths on each of so many connections.
fn flood(server: &Server, connections: usize) {
    let request = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(12_000));
    for _ in 0..connections {
        let mut stream = server.connect();
        for _ in 0..REQUESTS {
            stream.write_all(request.as_bytes()).unwrap();
            let mut answer = [0; 4096];
            let read = stream.read(&mut answer).unwrap();
            assert!(answer[..read].starts_with(b"HTTP/1.1 404"));
        }
    }
}

/// As many requests of a member, for what is there.
fn ask(server: &Server, member: &Member, requests: usize) {
    let mut stream = server.connect_as(Some(member));
    for n in 1..=requests {
        let end = if n == requests {
            "connection: close\r\n"
        } else {
            ""
        };
        let request = format!("GET /me HTTP/1.1\r\nhost: x\r\n{end}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 4096];
        let read = stream.read(&mut answer).unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
    }
}

fn lines(server: &Server) -> Vec<Value> {
    let log = server.log();
    // The last line may not be whole yet.
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines.collect()
}

fn told(lines: &[Value], path: &str) -> u64 {
    let of_path = |line: &&Value| {
        line["target"] == "access"
            && line["path"]
                .as_str()
                .is_some_and(|found| found.starts_with(path))
    };
    u64::try_from(lines.iter().filter(of_path).count()).unwrap()
}

/// How many lines the log says it has not.
fn missing(lines: &[Value], why: &str) -> u64 {
    let of_kind = |line: &&Value| {
        line["message"]
            .as_str()
            .is_some_and(|message| message.contains(why))
    };
    let told = lines.iter().filter(of_kind);
    told.map(|line| line["lines"].as_u64().unwrap()).sum()
}

const LEFT_OUT: &str = "log lines were left out";
const LOST: &str = "log lines were lost";

#[test]
fn strangers_cause_so_many_lines_and_what_is_left_out_is_counted() {
    let org = Org::with_user("alice");
    let server = Server::start(&org, &["--log-format", "json"]);
    let device = server.member("alice", PASSWORD);
    let began = Instant::now();
    flood(&server, 15);
    org.add("bob", PASSWORD);
    ask(&server, &device, 50);
    flood(&server, 15);
    let asked = u64::try_from(30 * REQUESTS).unwrap();
    eventually("a whole account", PATIENCE, || {
        let lines = lines(&server);
        told(&lines, "/xxx") + missing(&lines, LEFT_OUT) == asked
    });
    let lines = lines(&server);
    let bound = AT_ONCE + PER_SEC * (began.elapsed().as_secs() + 1);
    assert!(told(&lines, "/xxx") <= bound, "{}", told(&lines, "/xxx"));
    assert_eq!(told(&lines, "/me"), 50, "of the member");
    let is_entry = |line: &&Value| line["target"] == "audit" && line["object"] == "bob as member";
    assert_eq!(lines.iter().filter(is_entry).count(), 1);
    let accounts = lines.iter().filter(|line| line["lines"].is_u64()).count();
    assert!(
        u64::try_from(accounts).unwrap() <= began.elapsed().as_secs() + 1,
        "at most one a second, and there were {accounts}"
    );
    let metrics = server.get("/metrics", "").text();
    let counted = metrics
        .lines()
        .find_map(|line| {
            line.strip_prefix("orgshare_log_lines_missing_total{reason=\"too many\"} ")
        })
        .unwrap();
    // The request for the metrics itself may be among them.
    assert!(counted.parse::<u64>().unwrap() >= missing(&lines, LEFT_OUT));
}

#[test]
fn entries_of_the_audit_log_wait_for_a_reader_while_requests_are_lost() {
    let org = Org::with_user("alice");
    let mut server = Server::start_unread(&org, &["--log-format", "json"]);
    let device = server.member("alice", PASSWORD);
    flood(&server, 10);
    for _ in 0..13 {
        ask(&server, &device, REQUESTS);
    }
    for name in ["bob", "carol"] {
        org.add(name, PASSWORD);
    }
    // It serves all the same.
    assert_eq!(server.get("/root.crt", "").certificate(), org.root());
    assert_eq!(server.login("carol", PASSWORD).status, 200);
    let entries = org.audit().len();
    server.read_log();
    let audit = |lines: &[Value]| -> Vec<u64> {
        let entries = lines.iter().filter(|line| line["target"] == "audit");
        entries.map(|line| line["seq"].as_u64().unwrap()).collect()
    };
    let all: Vec<u64> = (1..=u64::try_from(entries).unwrap()).collect();
    eventually("all entries, once and in order", PATIENCE, || {
        audit(&lines(&server)) == all
    });
    let asked = u64::try_from(10 * REQUESTS).unwrap() + 13 * u64::try_from(REQUESTS).unwrap();
    eventually("a whole account", PATIENCE, || {
        let lines = lines(&server);
        let told = told(&lines, "/xxx") + told(&lines, "/me");
        // And those of the logins and of the root, as far as they are told.
        (asked..asked + 10).contains(&(told + missing(&lines, LEFT_OUT) + missing(&lines, LOST)))
    });
    assert!(missing(&lines(&server), LOST) > 0);
    let longest = server.log().lines().map(str::len).max();
    assert!(longest < Some(800), "{longest:?}");
}

#[test]
fn a_server_whose_log_nobody_reads_vouches_and_stops() {
    let org = Org::with_user("alice");
    let server = Server::start_unread(&org, &[]);
    flood(&server, 5);
    org.add("bob", PASSWORD);
    let began = Instant::now();
    assert_eq!(server.stop(rustix::process::Signal::TERM), Some(143));
    assert!(began.elapsed() < Duration::from_secs(20));
    let verdict = said(&org.command(&["audit", "verify"]));
    let last = org.audit().len();
    assert!(
        verdict.contains(&format!("The root key vouches for those up to {last}")),
        "{verdict}"
    );
}
