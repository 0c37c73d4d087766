//! The settings: flag over environment over file over default, and every mistake in its place.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use support::*;

fn write(org: &Org, text: &str) {
    std::fs::write(org.home().join("config.toml"), text).unwrap();
}

fn shown(org: &Org, variable: Option<(&str, &str)>, flags: &[&str]) -> Vec<serde_json::Value> {
    let mut command = org.program(&["config", "show", "--json"]);
    command.args(flags);
    if let Some((name, value)) = variable {
        command.env(name, value);
    }
    let output = command.output().unwrap();
    succeeded(&output);
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn lifetime(settings: &[serde_json::Value]) -> (String, String) {
    let found = settings.iter().find(|one| one["name"] == "cert_lifetime");
    let text = |name: &str| found.unwrap()[name].as_str().unwrap().to_owned();
    (text("value"), text("from"))
}

#[test]
fn a_flag_is_over_the_environment_over_the_file_over_the_default() {
    let org = Org::new();
    let variable = Some(("ORGSHARE_AUTH_CERT_LIFETIME", "3h"));
    write(&org, "");
    assert_eq!(
        lifetime(&shown(&org, None, &[])),
        ("24h".into(), "default".into())
    );
    write(&org, "# first\ncert_lifetime = '2h'\n");
    let (value, from) = lifetime(&shown(&org, None, &[]));
    assert_eq!(value, "2h");
    assert!(from.ends_with("config.toml:2"), "{from}");
    assert_eq!(
        lifetime(&shown(&org, variable, &[])),
        ("3h".into(), "ORGSHARE_AUTH_CERT_LIFETIME".into())
    );
    assert_eq!(
        lifetime(&shown(&org, variable, &["--cert-lifetime", "4h"])),
        ("4h".into(), "command line".into())
    );
}

#[test]
fn what_config_show_prints_is_a_settings_file() {
    let org = Org::new();
    let output = org.command(&["config", "show", "--host", "a.example,b.example"]);
    succeeded(&output);
    write(&org, std::str::from_utf8(&output.stdout).unwrap());
    succeeded(&org.command(&["config", "check"]));
    let again = shown(&org, None, &[]);
    assert!(
        again
            .iter()
            .all(|one| { one["from"].as_str().unwrap().contains("config.toml:") })
    );
    assert!(
        again
            .iter()
            .any(|one| { one["value"] == serde_json::json!(["a.example", "b.example"]) })
    );
}

#[test]
fn config_check_tells_all_mistakes_with_their_places() {
    let org = Org::new();
    write(
        &org,
        "cert_lifetime = '1y'\nlisten_on = 'x'\nhosts = 'auth.example'\n\u{1b}[2J = 1\n",
    );
    let output = org.command(&["config", "check"]);
    failed(&output, 10, "mistakes in the settings");
    let said = said(&output);
    for part in [
        "config.toml:1:17: cert_lifetime: write a number",
        "config.toml:2:1: \"listen_on\" is unknown; write listen",
        "config.toml:3:9: hosts: this is a string; write a list",
        "config.toml:4:",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains('\u{1b}'));
    write(&org, "cert_lifetime = '1h'\n");
    succeeded(&org.command(&["config", "check"]));
}

#[test]
fn the_server_starts_with_the_settings_of_its_file_alone() {
    let org = Org::new();
    let metrics = free_port();
    write(
        &org,
        &format!("listen = '127.0.0.1:0'\nlog_format = 'json'\nmetrics = '127.0.0.1:{metrics}'\n"),
    );
    let mut child = org
        .program(&["run", "--no-prompt"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    let line = std::io::BufRead::lines(stderr)
        .map(Result::unwrap)
        .find(|line| line.contains("listening on https://127.0.0.1:"));
    child.kill().unwrap();
    child.wait().unwrap();
    let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
    assert_eq!(line["level"], "info");
}

/// A port that was free a moment ago, outside the range that the system gives away.
fn free_port() -> u16 {
    (20_000..30_000)
        .map(|port| port + u16::try_from(std::process::id() % 1000).unwrap())
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}

#[test]
fn a_mistake_on_the_command_line_or_in_the_environment_is_wrong_usage() {
    let org = Org::new();
    failed(
        &org.command(&["run", "--metrics", "0.0.0.0:1"]),
        2,
        "--metrics: \"0.0.0.0:1\": write a loopback address",
    );
    failed(
        &org.command(&["config", "check", "--metrics", "0.0.0.0:1"]),
        2,
        "1 mistake in the settings",
    );
    write(&org, "cert_lifetime = '1y'\n");
    let mixed = org
        .program(&["config", "check"])
        .env("ORGSHARE_AUTH_LISTEN", "nowhere")
        .output()
        .unwrap();
    failed(&mixed, 2, "2 mistakes in the settings");
    write(&org, "");
    let output = org
        .program(&["run"])
        .env("ORGSHARE_AUTH_LISTEN", "nowhere")
        .output()
        .unwrap();
    failed(&output, 2, "ORGSHARE_AUTH_LISTEN: \"nowhere\"");
}

#[test]
fn a_certificate_lives_as_long_as_the_command_line_says() {
    use x509_cert::der::Decode;
    let org = Org::with_user("alice");
    let server = Server::start(&org, &["--cert-lifetime", "2h"]);
    let leaf = server.login("alice", PASSWORD).certificate();
    let leaf = x509_cert::Certificate::from_der(&leaf).unwrap();
    let validity = leaf.tbs_certificate().validity();
    let life = validity.not_after.to_unix_duration() - validity.not_before.to_unix_duration();
    assert!(life.as_secs() <= 2 * 3600 + 600, "{life:?}");
}
