//! An organisation with some history, and its audit log as it is exported.

use rustix::process::Signal;
use serde_json::Value;

use super::{Org, PASSWORD, succeeded};

/// An organisation with some entries, vouched for up to number 6 at least, and more behind.
pub(crate) fn with_history() -> Org {
    let org = Org::new();
    for alias in ["alice", "bob", "carol"] {
        org.add(alias, PASSWORD);
    }
    let server = org.start();
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    assert_eq!(server.stop(Signal::TERM), Some(143));
    for alias in ["alice", "bob"] {
        succeeded(&org.command(&["user", "disable", alias]));
    }
    org
}

pub(crate) fn lines(org: &Org) -> Vec<Value> {
    let output = org.command(&["audit", "export"]);
    succeeded(&output);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn of<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["type"] == kind).collect()
}
