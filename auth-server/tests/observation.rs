//! What the server tells of itself, and to whom.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{IpAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rcgen::KeyPair;
use support::*;

/// One sample: the name with its labels, and the value.
type Samples = BTreeMap<String, f64>;

/// Reads the text format, version 0.0.4, and refuses whatever is not of it.
fn parse(text: &str) -> Samples {
    let (mut samples, mut types) = (Samples::new(), BTreeMap::new());
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(rest.split_once(' ').unwrap().1.ends_with('.'), "{line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert_eq!(
                types.insert(name.to_owned(), kind.to_owned()),
                None,
                "{line}"
            );
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let base = name.split('{').next().unwrap();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| {
                    base.strip_suffix(end)
                        .filter(|name| types.contains_key(*name))
                })
                .unwrap_or(base);
            let kind = types.get(family).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(kind == "counter", base.ends_with("_total"), "{line}");
            let value: f64 = value.parse().unwrap();
            assert_eq!(samples.insert(name.to_owned(), value), None, "{line}");
        }
    }
    samples
}

fn metrics(server: &Server) -> Samples {
    let answer = server.get("/metrics", "");
    assert_eq!(answer.status, 200);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    assert_eq!(answer.header("content-type"), Some(kind));
    parse(&answer.text())
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let org = Org::with_user("alice");
    let server = org.start();
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    assert_eq!(server.get("/no/such/thing", "").status, 404);
    let text = server.get("/metrics", "").text();
    let families: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let rows = include_str!("../../docs/OPERATIONS.md")
        .split_once("All metrics")
        .unwrap()
        .1
        .split_once("\n\nThe log is")
        .unwrap()
        .0;
    let documented: BTreeSet<&str> = rows
        .split('`')
        .filter_map(|word| word.split('{').next())
        .filter(|word| word.starts_with("orgshare_") || word.starts_with("process_"))
        .collect();
    assert_eq!(documented, families);
}

#[test]
fn metrics_count_what_happens_and_name_nobody() {
    let org = Org::with_user("alice");
    org.add("mallory", PASSWORD);
    let server = org.start();
    let before = metrics(&server);
    // A counter that is not there before it rises has not risen for who looks at its increase.
    for name in [
        "orgshare_log_lines_missing_total{reason=\"too many\"}",
        "orgshare_log_lines_missing_total{reason=\"nobody reads\"}",
        "orgshare_logins_total{outcome=\"wrong password\"}",
        "orgshare_changes_total{action=\"user.revoke\",outcome=\"ok\"}",
        "orgshare_events_total{kind=\"offline\"}",
    ] {
        assert_eq!(before.get(name), Some(&0.0), "{name}");
    }
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    assert_eq!(server.login("alice", "not the password").status, 401);
    assert_eq!(server.login("nobody-known", PASSWORD).status, 401);
    assert_eq!(server.get("/no/such/thing", "").status, 404);
    assert_eq!(
        server
            .send(b"BREW /verify HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .status,
        405
    );
    succeeded(&org.command(&["user", "disable", "mallory"]));
    let after = metrics(&server);
    let rise = |name: &str| after.get(name).unwrap_or(&0.0) - before.get(name).unwrap_or(&0.0);
    for (name, by) in [
        ("orgshare_logins_total{outcome=\"ok\"}", 1.0),
        ("orgshare_logins_total{outcome=\"wrong password\"}", 1.0),
        ("orgshare_logins_total{outcome=\"no such user\"}", 1.0),
        ("orgshare_certificates_issued_total", 1.0),
        ("orgshare_certificates{state=\"valid\"}", 1.0),
        ("orgshare_users{state=\"disabled\"}", 1.0),
        ("orgshare_revocations", 1.0),
        (
            "orgshare_http_refused_total{reason=\"unauthorized\",route=\"/verify\"}",
            2.0,
        ),
        (
            "orgshare_http_refused_total{reason=\"not_found\",route=\"other\"}",
            1.0,
        ),
        (
            "orgshare_http_refused_total{reason=\"method_not_allowed\",route=\"/verify\"}",
            1.0,
        ),
        (
            "orgshare_http_request_seconds_count{method=\"POST\",route=\"/verify\",status=\"200\"}",
            1.0,
        ),
        (
            "orgshare_http_request_seconds_count{method=\"other\",route=\"/verify\",status=\"405\"}",
            1.0,
        ),
        ("orgshare_password_wait_seconds_count", 3.0),
    ] {
        assert_eq!(rise(name), by, "{name}\n{after:#?}");
    }
    assert!(after["orgshare_connections"] >= 1.0);
    assert!(after["orgshare_crl_number"] >= 1.0);
    let life = after["orgshare_crl_timestamp_seconds{event=\"next_update\"}"]
        - after["orgshare_crl_timestamp_seconds{event=\"signed\"}"];
    assert!((life - 86_400.0).abs() < 1.0, "{life}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let age = now.unwrap().as_secs_f64() - after["process_start_time_seconds"];
    assert!((0.0..600.0).contains(&age), "{age}");
    for name in after.keys() {
        assert!(
            !name.contains("alice") && !name.contains("such/thing"),
            "{name}"
        );
        assert!(
            !name.contains("nobody-known") && !name.contains("BREW"),
            "{name}"
        );
    }
}

#[test]
fn metrics_count_renewals_and_changed_passwords_and_what_was_refused() {
    let org = Org::with_user("alice");
    let once = org.add_for_once("bob");
    let server = org.start();
    let device = server.member("alice", PASSWORD);
    let before = metrics(&server);
    let next = server.renew(&device).ok().unwrap();
    assert_eq!(
        server
            .renew_with(&next, &request(&next.key))
            .unwrap()
            .status,
        400
    );
    assert_eq!(server.login("bob", &once).status, 403);
    assert_eq!(server.change_password("bob", &once, &once).status, 422);
    assert_eq!(server.change_password("bob", "wrong", PASSWORD).status, 401);
    let chosen = "plum glacier window ostrich seven";
    assert_eq!(server.change_password("bob", &once, chosen).status, 204);
    let told = serde_json::json!({"display_name": "\u{202e}", "email": ""});
    assert_eq!(server.json(Some(&next), "PUT /me", &told).status, 422);
    let told = serde_json::json!({"display_name": "Alice", "email": ""});
    assert_eq!(server.json(Some(&next), "PUT /me", &told).status, 200);
    succeeded(&org.command(&["user", "disable", "alice"]));
    assert_eq!(server.refusal(&next).0, 403);
    let after = metrics(&server);
    let rise = |name: &str| after.get(name).unwrap_or(&0.0) - before.get(name).unwrap_or(&0.0);
    let refused = |reason: &str, route: &str| {
        format!("orgshare_http_refused_total{{reason=\"{reason}\",route=\"{route}\"}}")
    };
    let changed = |action: &str, outcome: &str| {
        format!("orgshare_changes_total{{action=\"{action}\",outcome=\"{outcome}\"}}")
    };
    let logins = |outcome: &str| format!("orgshare_logins_total{{outcome=\"{outcome}\"}}");
    for (name, by) in [
        ("orgshare_certificates_renewed_total".to_owned(), 1.0),
        ("orgshare_certificates_issued_total".to_owned(), 0.0),
        (logins("one-time password, must be changed"), 1.0),
        (logins("wrong password"), 1.0),
        (changed("user.passwd", "ok"), 1.0),
        (
            changed("user.passwd", "the new password is not accepted"),
            1.0,
        ),
        (refused("key_in_use", "/renew"), 1.0),
        (refused("certificate_refused", "/renew"), 1.0),
        (refused("password_must_change", "/verify"), 1.0),
        (refused("weak_password", "/password"), 1.0),
        (refused("unauthorized", "/password"), 1.0),
        (refused("details", "/me"), 1.0),
        ("orgshare_password_wait_seconds_count".to_owned(), 4.0),
    ] {
        assert_eq!(rise(&name), by, "{name}\n{after:#?}");
    }
}

#[test]
fn the_buckets_of_a_histogram_add_up() {
    let org = Org::with_user("alice");
    let server = org.start();
    server.login("alice", PASSWORD);
    let samples = metrics(&server);
    let wait = "orgshare_password_wait_seconds";
    let mut buckets: Vec<(f64, f64)> = samples
        .iter()
        .filter_map(|(name, value)| {
            let bound = name.strip_prefix(&format!("{wait}_bucket{{le=\""))?;
            let bound = bound.strip_suffix("\"}")?.replace("+Inf", "inf");
            Some((bound.parse().unwrap(), *value))
        })
        .collect();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(buckets.windows(2).all(|two| two[0].1 <= two[1].1));
    assert_eq!(buckets.last().unwrap().1, samples[&format!("{wait}_count")]);
}

/// An address of this machine that is not loopback.
fn other_address() -> IpAddr {
    if_addrs::get_if_addrs()
        .unwrap()
        .into_iter()
        .map(|interface| interface.ip())
        .find(|ip| ip.is_ipv4() && !ip.is_loopback())
        .expect("a network interface beside the loopback")
}

/// The status of a `GET` from that address, with a device's certificate if there is one.
fn status(org: &Org, url: &str, device: Option<&PathBuf>) -> String {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--max-time", "30", "--output", "/dev/null"])
        .args(["--write-out", "%{http_code}", "--cacert"])
        .arg(org.home().join("root.crt"));
    if let Some(device) = device {
        curl.arg("--cert").arg(device);
    }
    let output = curl.arg(url).output().expect("the Debian package curl");
    String::from_utf8(output.stdout).unwrap()
}

fn device(org: &Org, server: &Server, alias: &str) -> PathBuf {
    let key = KeyPair::generate().unwrap();
    let body = serde_json::json!({
        "alias": alias, "password": PASSWORD, "csr": request(&key)
    });
    // Over the address that it listens on: its certificate names that too.
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--max-time", "60", "--cacert"])
        .arg(org.home().join("root.crt"))
        .args(["--header", "content-type: application/json", "--data"])
        .arg(body.to_string())
        .arg(format!("https://{}/verify", server.address));
    let certificate = curl.output().unwrap().stdout;
    let path = org.home().with_file_name(format!("{alias}.pem"));
    let content = [
        certificate,
        pem("PRIVATE KEY", &key.serialize_der()).into_bytes(),
    ]
    .concat();
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn from_elsewhere_only_an_administrator_sees_health_and_metrics() {
    let org = Org::with_user("alice");
    org.add_as("root-admin", "admin");
    let mut server = Server::start_at(&org, &format!("{}:0", other_address()), &[]);
    server.read_log();
    let (alice, admin) = (
        device(&org, &server, "alice"),
        device(&org, &server, "root-admin"),
    );
    for path in ["metrics", "healthz"] {
        let url = format!("https://{}/{path}", server.address);
        assert_eq!(status(&org, &url, None), "401", "{path}");
        assert_eq!(status(&org, &url, Some(&alice)), "403", "{path}");
        assert_eq!(status(&org, &url, Some(&admin)), "200", "{path}");
    }
    let open = format!("https://{}/root.crt", server.address);
    assert_eq!(status(&org, &open, None), "200");
    succeeded(&org.command(&["user", "role", "root-admin", "member"]));
    let url = format!("https://{}/metrics", server.address);
    assert_eq!(status(&org, &url, Some(&admin)), "403");
}

/// The server with a plain listener, and that listener's port.
fn with_plain_listener(org: &Org) -> (Server, u16) {
    let server = Server::start(org, &["--metrics", "127.0.0.1:0"]);
    let log = server.log();
    let port = log.split_once("metrics on http://127.0.0.1:").unwrap().1;
    let port = port.split('/').next().unwrap().parse().unwrap();
    (server, port)
}

fn plain(port: u16, path: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_plain_listener_serves_metrics_and_health_and_nothing_else() {
    let org = Org::new();
    let (_server, port) = with_plain_listener(&org);
    let answer = plain(port, "/metrics", "localhost:1");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    parse(answer.split_once("\r\n\r\n").unwrap().1);
    assert!(plain(port, "/healthz", "127.0.0.1").ends_with("ok\n"));
    for path in ["/verify", "/root.crt", "/root.crl", "/openapi.json", "/"] {
        let answer = plain(port, path, "127.0.0.1");
        assert!(answer.starts_with("HTTP/1.1 404"), "{path} {answer}");
    }
}

#[test]
fn a_web_page_elsewhere_cannot_read_the_plain_listener_through_a_browser() {
    let org = Org::new();
    let (_server, port) = with_plain_listener(&org);
    for host in ["rebound.example", "127.0.0.1.example:80", "192.0.2.1"] {
        assert!(
            plain(port, "/metrics", host).starts_with("HTTP/1.1 400"),
            "{host}"
        );
    }
    for host in ["127.0.0.1", "[::1]:9", "localhost", "127.0.0.1:80"] {
        assert!(
            plain(port, "/metrics", host).starts_with("HTTP/1.1 200"),
            "{host}"
        );
    }
}

#[test]
fn every_endpoint_is_described_and_every_description_is_served() {
    let org = Org::new();
    let server = org.start();
    let answer = server.get("/openapi.json", "");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    let described: BTreeSet<&str> = paths.keys().map(String::as_str).collect();
    for known in [
        "/verify",
        "/renew",
        "/password",
        "/me",
        "/root.crt",
        "/root.crl",
        "/healthz",
        "/metrics",
        "/openapi.json",
    ] {
        assert!(described.contains(known), "{known}");
    }
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            let request = format!(
                "{} {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                method.to_uppercase(),
                path.replace(['{', '}'], "")
            );
            let status = server.send(request.as_bytes()).status;
            assert!(status != 405, "{method} {path}");
            let told = operation["responses"].as_object().unwrap();
            assert!(
                told.contains_key(&status.to_string()),
                "{method} {path}: {status}"
            );
        }
    }
}
