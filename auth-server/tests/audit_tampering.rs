//! Every way to tamper with the audit log in the store is found.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use rustix::process::Signal;
use support::history::*;
use support::*;

#[test]
fn an_edit_of_any_column_is_found() {
    for (column, value) in [
        ("at", "at + 1"),
        ("actor", "'mallory'"),
        ("source", "'192.0.2.1'"),
        ("action", "'user.enable'"),
        ("object", "'eve as admin'"),
        ("outcome", "'no such user'"),
        ("hash", "zeroblob(32)"),
    ] {
        let org = with_history();
        sql(
            &org,
            &format!("UPDATE audit SET {column} = {value} WHERE seq = 3"),
        );
        failed(
            &org.command(&["audit", "verify"]),
            1,
            "entry 3 was altered, or the one before it",
        );
    }
}

#[test]
fn entries_that_were_taken_away_moved_or_put_in_are_found() {
    let last = of(&lines(&with_history()), "entry").len();
    let tail = format!("DELETE FROM audit WHERE seq > {}", last - 1);
    let swap = "UPDATE audit SET seq = -1 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4;
                UPDATE audit SET seq = 4 WHERE seq = -1";
    let insert = format!(
        "INSERT INTO audit SELECT {}, at, actor, source, action, object, outcome, hash
         FROM audit WHERE seq = {last}",
        last + 1
    );
    let first = "DELETE FROM audit WHERE seq = 1";
    let to_checkpoint = "DELETE FROM audit WHERE seq >= (SELECT MAX(seq) FROM audit_checkpoints);
                         UPDATE counters SET value = (SELECT MAX(seq) FROM audit) WHERE name = 'audit'";
    for (statement, found) in [
        (
            "DELETE FROM audit WHERE seq = 3",
            "entries are missing: 4 follows entry 2",
        ),
        (first, "entries are missing: 2 follows the beginning"),
        (&tail, "are missing at the end"),
        (swap, "entry 3 was altered"),
        (&insert, "was altered"),
        (to_checkpoint, "are missing at the end"),
        ("DELETE FROM audit", "are missing at the end"),
    ] {
        let org = with_history();
        sql(&org, statement);
        failed(&org.command(&["audit", "verify"]), 1, found);
    }
}

#[test]
fn an_entry_put_in_with_a_right_hash_is_found_by_the_counter() {
    let org = with_history();
    let last = of(&lines(&org), "entry").len();
    // The next entry as the program would write it, but without the counter.
    succeeded(&org.command(&["user", "enable", "alice"]));
    sql(
        &org,
        &format!("UPDATE counters SET value = {last} WHERE name = 'audit'"),
    );
    failed(&org.command(&["audit", "verify"]), 1, "was put in");
}

#[test]
fn a_gap_stays_when_the_log_goes_on() {
    let org = with_history();
    sql(
        &org,
        "DELETE FROM audit WHERE seq = (SELECT MAX(seq) FROM audit)",
    );
    succeeded(&org.command(&["user", "enable", "alice"]));
    failed(&org.command(&["audit", "verify"]), 1, "entries are missing");
}

#[test]
fn a_log_written_anew_with_all_its_hashes_is_found_by_the_checkpoint() {
    let org = with_history();
    let other = with_history();
    // Another organisation's log: a whole chain, with the same numbers, of other entries.
    let theirs = other.home().join("store.sqlite");
    sql(
        &org,
        &format!(
            "ATTACH '{}' AS other; DELETE FROM audit; INSERT INTO audit SELECT * FROM other.audit",
            theirs.display()
        ),
    );
    failed(
        &org.command(&["audit", "verify"]),
        1,
        "the root key signed another one on",
    );
    // With their checkpoints too.
    sql(
        &org,
        &format!(
            "ATTACH '{}' AS other; DELETE FROM audit_checkpoints;
             INSERT INTO audit_checkpoints SELECT * FROM other.audit_checkpoints",
            theirs.display()
        ),
    );
    failed(
        &org.command(&["audit", "verify"]),
        1,
        "the root key did not sign it",
    );
}

#[test]
fn a_checkpoint_that_was_altered_is_found() {
    for change in [
        "signature = zeroblob(64)",
        "signature = x''",
        "hash = zeroblob(32)",
        "at = at + 1",
        "seq = seq - 1",
    ] {
        let org = with_history();
        sql(&org, &format!("UPDATE audit_checkpoints SET {change}"));
        failed(
            &org.command(&["audit", "verify"]),
            1,
            "the root key did not sign it",
        );
    }
}

#[test]
fn the_server_does_not_vouch_for_a_log_that_was_altered() {
    let org = with_history();
    let before = of(&lines(&org), "checkpoint").len();
    let altered = "UPDATE audit SET object = 'eve' WHERE seq = (SELECT MAX(seq) FROM audit)";
    sql(&org, altered);
    let server = org.start();
    eventually("the error", PATIENCE, || {
        server.log().contains("the audit log was altered")
    });
    assert_eq!(server.stop(Signal::TERM), Some(143));
    assert_eq!(of(&lines(&org), "checkpoint").len(), before);
}
