//! Every entry of the audit log becomes a line of the server's log: whatever ends the server, and
//! whenever.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use auth_server::store::AuditStore;
use rustix::process::Signal;
use serde_json::Value;
use support::*;

/// The numbers of the entries in a log, in its order.
fn told(server: &Server) -> Vec<u64> {
    let log = server.log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["target"] == "audit")
        .map(|line| line["seq"].as_u64().unwrap())
        .collect()
}

fn start(org: &Org, more: &[&str]) -> Server {
    Server::start(org, &[&["--log-format", "json"], more].concat())
}

/// Ends a server; what it told until then, when all of it has been read.
fn end(mut server: Server, signal: Signal) -> Vec<u64> {
    let log = server.log.clone();
    server.signal(signal);
    let _ = server.child.wait().unwrap();
    // Whoever reads its log drops his part when it ends.
    eventually("the end of the log", PATIENCE, || {
        std::sync::Arc::strong_count(&log) == 2
    });
    told(&server)
}

#[test]
fn no_entry_stays_untold_however_the_server_ends() {
    let org = Org::with_user("alice");
    let done = AtomicBool::new(false);
    let rounds = std::thread::scope(|scope| {
        scope.spawn(|| {
            for command in ["disable", "enable"].iter().cycle() {
                if done.load(Ordering::SeqCst) {
                    break;
                }
                succeeded(&org.command(&["user", command, "alice"]));
            }
        });
        let ends = [
            Signal::KILL,
            Signal::TERM,
            Signal::TERM,
            Signal::KILL,
            Signal::TERM,
        ];
        let rounds: Vec<(Signal, Vec<u64>)> = ends
            .into_iter()
            .map(|signal| {
                let server = start(&org, &[]);
                eventually("an entry", PATIENCE, || told(&server).len() > 2);
                (signal, end(server, signal))
            })
            .collect();
        done.store(true, Ordering::SeqCst);
        rounds
    });
    let last = end(start(&org, &[]), Signal::TERM);
    let mut next = 1;
    let mut after_crash = false;
    for (signal, told) in rounds.into_iter().chain([(Signal::TERM, last)]) {
        let first = told[0];
        assert!(first <= next, "{next} to {first} are untold");
        // What was told before an orderly end is not told again.
        assert!(after_crash || first == next, "{first} is told again");
        assert!(told.windows(2).all(|two| two[1] == two[0] + 1), "{told:?}");
        next = told[told.len() - 1] + 1;
        after_crash = signal == Signal::KILL;
    }
    assert_eq!(usize::try_from(next).unwrap(), org.audit().len() + 1);
}

#[test]
fn what_is_vouched_for_at_a_stop_is_told() {
    let org = Org::with_user("alice");
    let server = start(&org, &[]);
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    let told = end(server, Signal::TERM);
    assert_eq!(told.len(), org.audit().len());
    let verdict = said(&org.command(&["audit", "verify"]));
    let vouched = format!("The root key vouches for those up to {}", told.len());
    assert!(verdict.contains(&vouched), "{verdict}");
}

#[test]
fn a_restored_server_tells_what_was_not_told_before_the_backup_and_nothing_else() {
    let org = Org::with_user("alice");
    let server = start(&org, &[]);
    eventually("the signature of the start", PATIENCE, || {
        server.log().contains("signed the audit log")
    });
    // Behind what the root key has vouched for.
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    let known = u64::try_from(org.audit().len()).unwrap();
    eventually("the store knows what was told", PATIENCE, || {
        org.in_store(async |store| store.audit_told().await.unwrap()) == known
    });
    let file = org.home().with_file_name("backup");
    succeeded(&org.command(&["backup", file.to_str().unwrap()]));
    // The old server goes on, and tells what the backup does not know.
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    end(server, Signal::TERM);
    let home = org.home().with_file_name("restored");
    let home = home.to_str().unwrap();
    succeeded(&org.command(&["restore", file.to_str().unwrap(), "--dir", home]));
    let server = start(&org, &["--dir", home]);
    eventually("the restoration", PATIENCE, || {
        server.log().contains("\"action\":\"restore\"")
    });
    assert!(server.log().contains("\"action\":\"backup\""));
    assert_eq!(end(server, Signal::TERM)[..2], [known + 1, known + 2]);
}
