//! Exports of the audit log: any change is found, also without a program of ours.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use support::history::*;
use support::*;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[test]
fn any_change_of_an_export_is_found() {
    let org = with_history();
    let (_dir, export) = org.export();
    let text = std::fs::read_to_string(&export).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let verify = |text: &str| {
        std::fs::write(&export, text).unwrap();
        org.command(&["audit", "verify", export.to_str().unwrap()])
    };
    succeeded(&verify(&text));
    let joined = |lines: &[&str]| lines.join("\n") + "\n";
    for at in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(at);
        // What a checkpoint alone says can be left out; docs/AUDIT.md says what that costs.
        if !lines[at].contains("\"checkpoint\"") {
            assert_eq!(
                verify(&joined(&without)).status.code(),
                Some(1),
                "without line {at}"
            );
        }
        if at + 1 < lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(at, at + 1);
            assert_eq!(
                verify(&joined(&swapped)).status.code(),
                Some(1),
                "swapped at {at}"
            );
        }
        let mut twice = lines.clone();
        twice.insert(at, lines[at]);
        let harmless = lines[at].contains("\"checkpoint\"") || lines[at].contains("\"end\"");
        if !harmless && at > 0 {
            assert_eq!(
                verify(&joined(&twice)).status.code(),
                Some(1),
                "line {at} twice"
            );
        }
    }
    assert!(verify(&joined(&lines[..lines.len() - 1])).status.code() == Some(1));
    let entry = lines
        .iter()
        .position(|line| line.contains("\"entry\""))
        .unwrap();
    for (from, to) in [
        ("uid ", "uid  "),
        ("Z\"", ".5Z\""),
        ("Z\"", "+00:00\""),
        ("\"ok\"", "\"no\""),
        ("\"type\"", " \"type\""),
        ("}", ",\"more\":1}"),
        ("\"hash\":\"", "\"hash\":\"0"),
    ] {
        let mut bent: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let changed = bent[entry].replacen(from, to, 1);
        assert_ne!(changed, bent[entry], "{from}");
        bent[entry] = changed;
        let output = verify(&(bent.join("\n") + "\n"));
        assert_eq!(output.status.code(), Some(1), "{to}: {}", said(&output));
        assert!(
            said(&output).contains(&format!("line {}", entry + 1)),
            "{}",
            said(&output)
        );
    }
    // The same moment in another zone.
    let mut bent = lines.clone();
    let at: Value = serde_json::from_str(lines[entry]).unwrap();
    let at = at["at"].as_str().unwrap();
    let hour = time::UtcOffset::from_hms(1, 0, 0).unwrap();
    let elsewhere = OffsetDateTime::parse(at, &Rfc3339)
        .unwrap()
        .to_offset(hour)
        .format(&Rfc3339)
        .unwrap();
    let moved = lines[entry].replace(at, &elsewhere);
    bent[entry] = &moved;
    assert_eq!(verify(&joined(&bent)).status.code(), Some(1), "{moved}");
    for garbage in ["", "\n", "{}\n", "null\n", &"x".repeat(100_000)] {
        assert_eq!(verify(garbage).status.code(), Some(1), "{garbage:.10}");
    }
}

/// Whoever writes a log anew with all its hashes has no checkpoint for it.
#[test]
fn an_export_that_nobody_vouches_for_does_not_pass_for_a_verified_one() {
    let org = with_history();
    let (_dir, export) = org.export();
    let text = std::fs::read_to_string(&export).unwrap();
    let verified = org.with_input(&["audit", "verify", "-"], &text);
    succeeded(&verified);
    assert!(said(&verified).contains("The root key vouches for those up to"));
    let lines = text.lines();
    let unsigned = lines.filter(|line| !line.contains("\"checkpoint\""));
    let unsigned = unsigned.collect::<Vec<_>>().join("\n") + "\n";
    let output = org.with_input(&["audit", "verify", "-"], &unsigned);
    failed(&output, 7, "the root key vouches for nothing in -");
    assert!(
        !said(&output).contains("as it was written"),
        "{}",
        said(&output)
    );
}

#[test]
fn exports_behind_each_other_are_one_log_and_a_kept_one_convicts_the_store() {
    let org = with_history();
    let (_dir, kept) = org.export();
    let kept = std::fs::read_to_string(kept).unwrap();
    let last = kept.matches("\"type\":\"entry\"").count().to_string();
    let next = || {
        let output = org.command(&["audit", "export", "--after", &last]);
        succeeded(&output);
        String::from_utf8(output.stdout).unwrap()
    };
    succeeded(&org.command(&["user", "enable", "alice"]));
    let both = format!("{kept}{}", next());
    succeeded(&org.with_input(&["audit", "verify", "-"], &both));
    // Alone it is one piece, whose beginning would be taken on trust, and which nobody has signed yet.
    let alone = org.with_input(&["audit", "verify", "-"], &next());
    failed(&alone, 7, "the root key vouches for nothing in -");
    // A store whose log was made anew, without any trace in itself, does not fit the kept one.
    let other = with_history();
    let output = other.command(&["audit", "export", "--after", &last]);
    let foreign = String::from_utf8(output.stdout).unwrap();
    let output = org.with_input(&["audit", "verify", "-"], &format!("{kept}{foreign}"));
    failed(&output, 1, &format!("entry {last} was altered"));
    failed(
        &org.command(&["audit", "export", "--after", "1000000"]),
        1,
        "there is no entry 1000000",
    );
}

#[test]
fn stock_openssl_verifies_an_exported_checkpoint_of_either_kind_of_root() {
    for key_type in ["rsa3072", "p256"] {
        let org = Org::unmade();
        succeeded(&org.command(&["init", "--org", "Acme Corp", "--key-type", key_type]));
        org.add("alice", PASSWORD);
        let server = org.start();
        assert_eq!(server.stop(Signal::TERM), Some(143));
        let (dir, export) = org.export();
        // The script of docs/AUDIT.md, word for word.
        let docs = include_str!("../../docs/AUDIT.md");
        let script = docs
            .split("```sh\n")
            .nth(1)
            .unwrap()
            .split("```")
            .next()
            .unwrap();
        std::fs::write(dir.path().join("check.sh"), script).unwrap();
        let run = |export: &std::path::Path| {
            Command::new("sh")
                .arg(dir.path().join("check.sh"))
                .arg(org.home().join("root.crt"))
                .arg(export)
                .current_dir(dir.path())
                .output()
                .unwrap()
        };
        let good = run(&export);
        assert!(good.status.success(), "{}", said(&good));
        assert!(said(&good).contains("Verified OK"), "{}", said(&good));
        let text = std::fs::read_to_string(&export).unwrap();
        let at = text.find("\"checkpoint\"").unwrap();
        let bent = format!(
            "{}{}",
            &text[..at],
            text[at..].replacen("\"seq\":", "\"seq\":1", 1)
        );
        let path = dir.path().join("bent");
        std::fs::write(&path, bent).unwrap();
        assert!(!run(&path).status.success());
    }
}

#[test]
fn the_hash_of_an_entry_is_what_the_document_says() {
    let org = with_history();
    let (dir, export) = org.export();
    let docs = include_str!("../../docs/AUDIT.md");
    let script = docs
        .split("```python\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let path = dir.path().join("chain.py");
    std::fs::write(&path, script).unwrap();
    let run = |export: &std::path::Path| Command::new("python3").arg(&path).arg(export).output();
    let good = run(&export).unwrap();
    assert!(good.status.success(), "{}", said(&good));
    let bent = std::fs::read_to_string(&export)
        .unwrap()
        .replacen("alice", "alicf", 1);
    std::fs::write(&export, bent).unwrap();
    assert!(!run(&export).unwrap().status.success());
}
