//! Who is online: what devices say of themselves, what others see of it, and what is never believed.

#![allow(
    clippy::print_stdout,
    reason = "what was measured, for who asks to see it"
)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use common::limits::{MAX_LISTING_BYTES, MAX_PERSON_LISTING_BYTES};
use rcgen::KeyPair;
use rustix::process::Signal;
use serde_json::{Value, json};
use support::listener::*;
use support::*;

/// Two people and a server.
fn two() -> (Org, Server, Member, Member) {
    let org = Org::with_user("alice");
    org.add("bob", PASSWORD);
    let server = org.start();
    let [alice, bob] = ["alice", "bob"].map(|alias| server.member(alias, PASSWORD));
    (org, server, alice, bob)
}

#[test]
fn who_is_online_is_found_with_what_is_known_of_him_until_he_goes() {
    let (_org, server, alice, bob) = two();
    let mut witness = server.listen(&bob);
    let stream = server.listen(&alice);
    server.appears(&alice, "192.0.2.1:1990");
    let online = witness.next_of("online").data;
    let mut expected = offer("192.0.2.1:1990");
    let fields = expected.as_object_mut().unwrap();
    fields.remove("unlisted");
    fields.insert("alias".into(), "alice".into());
    fields.insert("device".into(), alice.serial().into());
    fields.insert("role".into(), "member".into());
    fields.insert("name".into(), Value::Null);
    fields.insert("since".into(), online["since"].clone());
    assert_eq!(online, expected);
    assert!(online["since"].as_str().unwrap().ends_with('Z'));
    assert_eq!(server.peers(&bob), [online]);
    drop(stream);
    let offline = witness.next_of("offline").data;
    assert_eq!(offline, json!({"alias": "alice", "device": alice.serial()}));
    assert!(server.peers(&bob).is_empty());
}

#[test]
fn the_name_and_the_role_are_the_ledger_s_and_the_store_s() {
    let (org, server, _, bob) = two();
    succeeded(&org.command(&["user", "role", "alice", "admin"]));
    let key = KeyPair::generate().unwrap();
    let body =
        json!({"alias": "alice", "password": PASSWORD, "csr": request(&key), "device": "laptop-7"});
    let leaf = server.json(None, "POST /verify", &body).certificate();
    let alice = Member { key, leaf };
    server.appears(&alice, "192.0.2.1:1990");
    let seen = &server.peers(&bob)[0];
    assert_eq!(
        (&seen["name"], &seen["role"]),
        (&json!("laptop-7"), &json!("admin"))
    );
}

#[test]
fn nobody_speaks_for_another() {
    let (_org, server, alice, bob) = two();
    for (field, value) in [
        ("alias", json!("bob")),
        ("device", json!(bob.serial())),
        ("role", json!("admin")),
        ("name", json!("bobs-pc")),
        ("since", json!("2000-01-01T00:00:00Z")),
    ] {
        let mut forged = offer("192.0.2.1:1990");
        forged.as_object_mut().unwrap().insert(field.into(), value);
        assert_eq!(server.announce(&alice, &forged).status, 400, "{field}");
    }
    assert!(server.peers(&bob).is_empty());
    server.appears(&alice, "192.0.2.1:1990");
    // Nor takes back what another said.
    let answer = server.ask(Some(&bob), "DELETE", "/presence", None).unwrap();
    assert_eq!(answer.status, 204);
    assert_eq!(server.peers(&bob)[0]["alias"], "alice");
}

#[test]
fn what_no_honest_device_says_is_refused_by_name_and_never_repeated() {
    let (_org, server, alice, bob) = two();
    let mut witness = server.listen(&bob);
    let with = |field: &str, value: Value| {
        let mut told = offer("192.0.2.1:1990");
        told.as_object_mut().unwrap().insert(field.into(), value);
        told
    };
    let hostile = [
        ("addresses", json!([]), "addresses: "),
        (
            "addresses",
            json!(vec!["192.0.2.1:1990"; 17]),
            "addresses: ",
        ),
        (
            "addresses",
            json!(["a\u{1b}[2J\u{1b}]0;owned\u{7}:1990"]),
            "addresses[0]: ",
        ),
        (
            "addresses",
            json!(["192.0.2.1:1990", "bob\r\nevent: crl:1990"]),
            "addresses[1]: ",
        ),
        (
            "addresses",
            json!(["bob\nid: 1\nevent: crl\ndata: {}\n\n:1990"]),
            "addresses[0]: ",
        ),
        (
            "addresses",
            json!(["\u{202e}example:1990"]),
            "addresses[0]: ",
        ),
        (
            "addresses",
            json!([format!("{}:1990", "a.".repeat(2000))]),
            "addresses[0]: ",
        ),
        ("addresses", json!(["0.0.0.0:1990"]), "addresses[0]: "),
        ("addresses", json!(["192.0.2.1:0"]), "addresses[0]: "),
        ("shares", json!(vec!["a"; 65]), "shares: "),
        ("shares", json!(["docs", "../../etc"]), "shares[1]: "),
        ("shares", json!(["a\u{0}b"]), "shares[0]: "),
        ("suites", json!(["none\u{1b}[31m"]), "suites[0]: "),
    ];
    for (field, value, says) in hostile {
        let answer = server.announce(&alice, &with(field, value));
        let (status, kind) = answer.problem();
        assert_eq!(
            (status, kind.as_str()),
            (400, "urn:orgshare:problem:announcement")
        );
        let document: Value = serde_json::from_slice(&answer.body).unwrap();
        let detail = document["detail"].as_str().unwrap();
        assert!(detail.starts_with(says), "{detail}");
        assert!(
            detail.is_ascii() && !detail.contains(['\u{1b}', '\n']),
            "{detail:?}"
        );
        assert!(!detail.contains("etc") && detail.len() < 200, "{detail}");
    }
    for malformed in [
        "",
        "{",
        "[]",
        "null",
        "{\"addresses\":\"192.0.2.1:1\"}",
        "{\"addresses\":[1]}",
    ] {
        let answer = server
            .ask(Some(&alice), "PUT", "/presence", Some(malformed))
            .unwrap();
        assert_eq!(answer.status, 400, "{malformed}");
    }
    let text = offer("192.0.2.1:1").to_string();
    let answer = server.ask_with(Some(&alice), "PUT", "/presence", "text/plain", Some(&text));
    assert_eq!(answer.unwrap().status, 415);
    // Nothing of it was heard of.
    server.appears(&alice, "Bobs-PC.Example:1990");
    let online = witness.next().unwrap();
    assert_eq!(online.kind, "online");
    assert_eq!(online.data["addresses"], json!(["bobs-pc.example:1990"]));
}

#[test]
fn an_announcement_has_8_kib_whatever_is_said_of_its_length() {
    let (_org, server, alice, bob) = two();
    let padded = |bytes: usize| {
        let told = offer("192.0.2.1:1990").to_string();
        format!("{told}{}", " ".repeat(bytes - told.len()))
    };
    let put = |body: &str| {
        let answer = server
            .ask(Some(&alice), "PUT", "/presence", Some(body))
            .unwrap();
        answer.status
    };
    assert_eq!(put(&padded(8192)), 204);
    assert_eq!(put(&padded(8193)), 413);
    assert_eq!(put(&padded(60_000)), 413);
    let head = "PUT /presence HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    for length in [
        "content-length: 99999999999\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n",
    ] {
        let mut request = (head.to_owned() + length).into_bytes();
        if length.contains("chunked") {
            for _ in 0..10 {
                request.extend(format!("400\r\n{}\r\n", " ".repeat(1024)).bytes());
            }
        }
        let answer = server.send_as(Some(&alice), &request).unwrap();
        assert_eq!(answer.status, 413, "{length}");
    }
    assert_eq!(server.peers(&bob).len(), 1);
}

#[test]
fn a_flood_of_announcements_is_a_few() {
    let (_org, server, alice, bob) = two();
    let mut witness = server.listen(&bob);
    let began = Instant::now();
    let mut taken = 0;
    // Twenty connections with as many requests as one may have.
    for connection in 0..20 {
        let mut stream = server.connect_as(Some(&alice));
        let mut requests = String::new();
        for n in 0..100 {
            let body = offer(&format!("192.0.2.{connection}:{}", n + 1)).to_string();
            requests += &format!(
                "PUT /presence HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
        stream.write_all(requests.as_bytes()).unwrap();
        stream.flush().unwrap();
        let mut answers = Vec::new();
        let _ = stream.read_to_end(&mut answers);
        let answers = String::from_utf8(answers).unwrap();
        taken += answers.matches("HTTP/1.1 204").count();
        let refused = answers.matches("HTTP/1.1 429").count();
        assert_eq!(answers.matches("retry-after: ").count(), refused);
        assert_eq!(answers.matches("HTTP/1.1 ").count(), 100);
    }
    let more = usize::try_from(began.elapsed().as_secs() / 10).unwrap() + 1;
    assert!((10..=10 + more).contains(&taken), "{taken}");
    // Others heard of those and of no other, and bob is not held up.
    server.appears(&bob, "192.0.2.200:1990");
    let mut heard = 0;
    while witness.next_of("online").data["alias"] == "alice" {
        heard += 1;
    }
    assert_eq!(heard, taken);
}

/// As much as a device may tell of itself.
fn largest_offer() -> Value {
    let mut told = offer("192.0.2.1:1990");
    told["addresses"] = json!(vec![format!("{}example:65535", "a.".repeat(122)); 16]);
    told["shares"] = json!(vec!["s".repeat(64); 50]);
    assert!((7500..8192).contains(&told.to_string().len()));
    told
}

#[test]
fn a_handful_of_members_makes_no_answer_too_long_for_the_others() {
    let org = Org::new();
    let server = org.start();
    let mut devices = org.crowd(6, 64);
    let honest = devices.pop().unwrap();
    server.appears(&honest, "192.0.2.7:1990");
    let mut taken = 0;
    for device in &devices[..5 * 64] {
        let answer = server.announce(device, &largest_offer());
        match answer.status {
            204 => taken += 1,
            _ => assert_eq!(
                answer.problem(),
                (429, "urn:orgshare:problem:too-many-streams".into())
            ),
        }
    }
    assert!((5 * 7..5 * 9).contains(&taken), "{taken}");
    let all = server.ask(Some(&honest), "GET", "/peers", None).unwrap();
    assert!(all.body.len() <= 5 * MAX_PERSON_LISTING_BYTES + 1024);
    assert!(all.body.len() <= MAX_LISTING_BYTES);
    assert_eq!(server.peers(&honest).len(), taken + 1);
    // Who asks for one of them gets no more than that one may show, and of honest people what there is.
    let of = |alias: &str| {
        let path = format!("/peers?alias={alias}");
        server.ask(Some(&honest), "GET", &path, None).unwrap()
    };
    let mallory = of("person-0");
    assert_eq!(mallory.status, 200);
    assert!(mallory.body.len() <= MAX_PERSON_LISTING_BYTES);
    let person: Value = serde_json::from_slice(&of("person-5").body).unwrap();
    assert_eq!(person["peers"].as_array().unwrap().len(), 1);
    assert_eq!(person["peers"][0]["addresses"], json!(["192.0.2.7:1990"]));
    assert_eq!(of("nobody").body, b"{\"peers\":[]}");
}

#[test]
fn who_is_asked_for_is_named_once_by_an_alias() {
    let (_org, server, alice, _) = two();
    for query in [
        "alias=",
        "alias=Bob",
        "alias=bob%00",
        "alias=bob%1b%5b2J",
        "alias=bob&alias=alice",
        "name=bob",
        &format!("alias={}", "a".repeat(33)),
    ] {
        let path = format!("/peers?{query}");
        let answer = server.ask(Some(&alice), "GET", &path, None).unwrap();
        assert_eq!(answer.status, 400, "{query}");
        assert!(!answer.text().to_lowercase().contains("bob"), "{query}");
    }
    let answer = server.ask(None, "GET", "/peers?alias=alice", None).unwrap();
    assert_eq!(answer.status, 401);
}

#[test]
fn an_unlisted_device_is_seen_by_nobody() {
    let (_org, server, alice, bob) = two();
    let mut witness = server.listen(&bob);
    let _stream = server.listen(&alice);
    let mut hidden = offer("192.0.2.1:1990");
    hidden["unlisted"] = true.into();
    assert_eq!(server.announce(&alice, &hidden).status, 204);
    assert!(server.peers(&bob).is_empty() && server.peers(&alice).is_empty());
    // It shows itself, and hides again.
    server.appears(&alice, "192.0.2.1:1990");
    assert_eq!(witness.next().unwrap().kind, "online");
    assert_eq!(server.announce(&alice, &hidden).status, 204);
    assert_eq!(witness.next().unwrap().kind, "offline");
    assert!(server.peers(&bob).is_empty());
}

#[test]
fn another_announcement_replaces_the_first_and_one_taken_back_is_gone() {
    let (_org, server, alice, bob) = two();
    let mut witness = server.listen(&bob);
    server.appears(&alice, "192.0.2.1:1990");
    let first = witness.next_of("online").data;
    // The same again is no news.
    server.appears(&alice, "192.0.2.1:1990");
    server.appears(&alice, "192.0.2.2:1990");
    let second = witness.next().unwrap().data;
    assert_eq!(second["addresses"], json!(["192.0.2.2:1990"]));
    assert_eq!(second["since"], first["since"]);
    assert_eq!(server.peers(&bob), [second]);
    for _ in 0..2 {
        let answer = server
            .ask(Some(&alice), "DELETE", "/presence", None)
            .unwrap();
        assert_eq!(answer.status, 204);
    }
    assert_eq!(witness.next().unwrap().kind, "offline");
    assert!(server.peers(&bob).is_empty());
}

#[test]
fn a_device_stays_online_across_its_renewals() {
    let (_org, server, alice, bob) = two();
    let mut witness = server.listen(&bob);
    let old = server.listen(&alice);
    server.appears(&alice, "192.0.2.1:1990");
    assert_eq!(witness.next().unwrap().kind, "online");
    let renewed = server.renew(&alice).ok().unwrap();
    let new = server.listen(&renewed);
    drop(old);
    // The same device, whichever certificate it shows.
    server.appears(&renewed, "192.0.2.1:1990");
    server.appears(&renewed, "192.0.2.2:1990");
    let online = witness.next().unwrap();
    assert_eq!(
        (online.kind.as_str(), &online.data["device"]),
        ("online", &json!(alice.serial()))
    );
    assert_eq!(server.peers(&bob).len(), 1);
    drop(new);
    assert_eq!(witness.next().unwrap().kind, "offline");
}

#[test]
fn an_announcement_without_a_stream_is_gone_within_a_minute() {
    let (_org, server, alice, bob) = two();
    let mut witness = server.listen(&bob);
    let began = Instant::now();
    server.appears(&alice, "192.0.2.1:1990");
    witness.next_of("offline");
    assert!(began.elapsed() > Duration::from_secs(29));
    assert!(server.peers(&bob).is_empty());
}

#[test]
fn who_is_revoked_is_online_no_more_and_cannot_come_back() {
    let (org, server, alice, bob) = two();
    let mut witness = server.listen(&bob);
    let _stream = server.listen(&alice);
    server.appears(&alice, "192.0.2.1:1990");
    succeeded(&org.command(&["user", "revoke", "alice"]));
    let kinds = [(); 4].map(|()| witness.next().unwrap().kind);
    assert_eq!(kinds, ["online", "person", "crl", "offline"]);
    assert!(server.peers(&bob).is_empty());
    assert_eq!(
        server.announce(&alice, &offer("192.0.2.1:1990")).status,
        403
    );
    assert_eq!(
        server
            .ask(Some(&alice), "GET", "/peers", None)
            .unwrap()
            .status,
        403
    );
}

#[test]
fn after_a_crash_nobody_is_online_until_he_says_so() {
    let (org, server, alice, bob) = two();
    let _stream = server.listen(&alice);
    server.appears(&alice, "192.0.2.1:1990");
    assert_eq!(server.peers(&bob).len(), 1);
    server.signal(Signal::KILL);
    drop(server);
    let server = org.start();
    assert!(server.peers(&bob).is_empty());
    server.appears(&alice, "192.0.2.1:1990");
    assert_eq!(server.peers(&bob).len(), 1);
}

#[test]
fn peers_are_listed_by_alias_then_by_time() {
    let org = Org::new();
    let server = org.start();
    let devices = org.crowd(3, 3);
    for device in devices.iter().rev() {
        server.appears(device, "192.0.2.1:1990");
    }
    let seen = server.peers(&devices[0]);
    assert_eq!(seen.len(), 9);
    let order: Vec<_> = seen
        .iter()
        .map(|peer| {
            (
                peer["alias"].as_str().unwrap(),
                peer["since"].as_str().unwrap(),
            )
        })
        .collect();
    assert!(order.is_sorted(), "{order:?}");
}

/// An address of this machine that others reach until it is dropped: then nothing gets there.
struct Network(&'static str);

impl Network {
    fn new(address: &'static str) -> Self {
        let network = Self(address);
        assert!(network.ip("add"), "this takes root, and ip (iproute2)");
        network
    }

    fn ip(&self, order: &str) -> bool {
        let args = ["addr", order, &format!("{}/32", self.0), "dev", "lo"];
        let ip = std::process::Command::new("ip").args(args).status();
        ip.is_ok_and(|status| status.success())
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.ip("del");
    }
}

#[test]
fn a_device_whose_network_is_gone_is_offline_within_a_minute() {
    let (_org, server, alice, bob) = two();
    let mut witness = server.listen(&bob);
    let network = Network::new("198.51.100.77");
    let mut stream = server.listens_from(network.0.parse().unwrap(), &alice);
    stream.greeted();
    server.appears(&alice, "198.51.100.77:1990");
    stream.next_of("online");
    let began = Instant::now();
    drop(network);
    witness.next_of("offline");
    println!("offline after {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(60));
    drop(stream);
}
