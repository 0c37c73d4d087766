//! Arrows between the crates run one way, and `common` touches no IO and no clock.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use source::impurities;

mod source;

/// Who may use whom. Whatever is not listed is a wrong arrow.
const ALLOWED: [(&str, &[&str]); 5] = [
    ("common", &[]),
    ("root-ca", &["common"]),
    ("auth-server", &["common", "root-ca"]),
    ("peer", &["common"]),
    ("captures", &["common", "root-ca", "auth-server", "peer"]),
];

#[test]
fn arrows_between_the_crates_run_one_way() {
    assert_eq!(wrong_arrows(&metadata()), Vec::<String>::new());
}

#[test]
fn a_peer_that_used_the_root_ca_would_be_found() {
    let mut metadata = metadata();
    add_dependency(&mut metadata, "peer", "root-ca", "dev");
    assert_eq!(wrong_arrows(&metadata), ["peer -> root-ca (dev)"]);
}

#[test]
fn a_crate_that_used_captures_would_be_found() {
    let mut metadata = metadata();
    add_dependency(&mut metadata, "auth-server", "captures", "build");
    assert_eq!(wrong_arrows(&metadata), ["auth-server -> captures (build)"]);
}

#[test]
fn a_crate_without_a_place_in_the_layering_would_be_found() {
    let mut metadata = metadata();
    for package in packages_mut(&mut metadata) {
        if package["name"] == "peer" {
            package["name"] = Value::from("stowaway");
        }
    }
    assert_eq!(wrong_arrows(&metadata), ["stowaway has no place"]);
}

#[test]
fn common_touches_no_io_and_no_clock() {
    let sources = rust_files(&workspace_root().join("common/src"));
    assert!(!sources.is_empty());
    let found: Vec<String> = sources
        .iter()
        .flat_map(|path| {
            let text = fs::read_to_string(path).unwrap();
            impurities(&text)
                .into_iter()
                .map(move |what| format!("{}: {what}", path.display()))
        })
        .collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn io_and_clocks_are_found_however_they_are_written() {
    for (source, expected) in [
        ("use std::net::TcpStream;", "std::net"),
        ("use std::{fmt, fs};", "std::fs"),
        (
            "use std::{fmt, time::{Duration, Instant}};",
            "std::time::Instant",
        ),
        (
            "use std::time::{self, SystemTime as Clock};",
            "std::time::SystemTime",
        ),
        ("let x = ::std::env::var(\"HOME\");", "std::env"),
        ("fn f() { std :: io\n:: stdout(); }", "std::io::stdout"),
        ("use std::io::{self, Read, *};", "std::io::*"),
        ("use tokio::net::TcpStream;", "tokio"),
        (
            "let now = rustls::pki_types::UnixTime::now();",
            "UnixTime::now",
        ),
        ("use std::thread as t;", "std::thread"),
        ("println!(\"x\")", "println!"),
    ] {
        assert_eq!(impurities(source), [expected], "{source}");
    }
}

#[test]
fn comments_strings_and_pure_parts_of_std_are_left_alone() {
    let source = "
        // std::fs::read is for others
        /* nor std::net /* nested */ tokio */
        use std::{fmt, io::{self, Read}, time::Duration};
        const WHY: &str = \"std::env is not read\";
        fn quote() -> char { '\"' }
        fn net<'a>(fs: &'a str) -> &'a str { fs }
    ";
    assert_eq!(impurities(source), Vec::<String>::new());
}

fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_path_buf()
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
            "--locked",
        ])
        .current_dir(workspace_root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packages_mut(metadata: &mut Value) -> &mut Vec<Value> {
    metadata["packages"].as_array_mut().unwrap()
}

fn add_dependency(metadata: &mut Value, from: &str, to: &str, kind: &str) {
    let package = packages_mut(metadata)
        .iter_mut()
        .find(|p| p["name"] == from)
        .unwrap();
    let dependency = serde_json::json!({ "name": to, "kind": kind });
    package["dependencies"]
        .as_array_mut()
        .unwrap()
        .push(dependency);
}

fn wrong_arrows(metadata: &Value) -> Vec<String> {
    let packages = metadata["packages"].as_array().unwrap();
    let members: BTreeSet<&str> = packages
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let Some((_, allowed)) = ALLOWED.iter().find(|(crate_name, _)| *crate_name == name) else {
            wrong.push(format!("{name} has no place"));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            let target = dependency["name"].as_str().unwrap();
            let known = members.contains(target) || ALLOWED.iter().any(|(n, _)| *n == target);
            // A crate may depend on itself: for the `testing` feature in its integration tests.
            if known && target != name && !allowed.contains(&target) {
                let kind = dependency["kind"].as_str().unwrap_or("normal");
                wrong.push(format!("{name} -> {target} ({kind})"));
            }
        }
    }
    wrong
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
