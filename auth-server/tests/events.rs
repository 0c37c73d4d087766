//! What devices hear while they listen: in order, by whomever it was done, again after a break, and
//! nothing any more once they are revoked.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::Write;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use support::listener::*;
use support::*;
use time::OffsetDateTime;

/// The number of the list that is served.
fn served(server: &Server) -> u64 {
    let etag = server.get("/root.crl", "");
    let etag = etag.header("etag").unwrap().trim_matches('"');
    etag.parse().unwrap()
}

fn revoke(org: &Org, member: &Member) {
    succeeded(&org.command(&["cert", "revoke", &member.serial()]));
}

/// What the next change of a person is, as a listener hears it.
fn change(listener: &mut Listener) -> (String, String) {
    let told = listener.next_of("person");
    let word = |name: &str| told.data[name].as_str().unwrap().to_owned();
    (word("alias"), word("change"))
}

#[test]
fn a_stream_begins_with_the_list_s_number_and_says_that_nothing_is_known() {
    let org = Org::with_user("alice");
    let server = org.start();
    let before = OffsetDateTime::now_utc() - Duration::from_secs(3600);
    let alice = server.member("alice", PASSWORD);
    let mut listener = server.listens(&alice, None).unwrap();
    let [hello, reset] = listener.greeted();
    assert_eq!((hello.id, hello.data), (0, json!({"crl": served(&server)})));
    assert_eq!(reset.data, json!({}));
    // Numbers begin with the time, in milliseconds.
    let since = u64::try_from(before.unix_timestamp_nanos() / 1_000_000).unwrap();
    assert!(
        (since..since + 7_200_000).contains(&reset.id),
        "{}",
        reset.id
    );
    let head = listener.head.to_ascii_lowercase();
    for header in [
        "content-type: text/event-stream",
        "cache-control: no-store",
        "connection: close",
    ] {
        assert!(head.contains(header), "{head}");
    }
}

#[test]
fn every_change_of_a_person_is_told_whoever_made_it() {
    let org = Org::with_user("alice");
    org.add_as("root", "admin");
    let server = org.start();
    let [alice, root] = ["alice", "root"].map(|alias| server.member(alias, PASSWORD));
    let mut listener = server.listen(&alice);
    // By the command line, in another process.
    org.add("bob", PASSWORD);
    assert_eq!(change(&mut listener), ("bob".into(), "added".into()));
    for (order, word) in [
        (
            &["user", "role", "bob", "auditor", "--new-role"][..],
            "role",
        ),
        (&["user", "disable", "bob"], "disabled"),
        (&["user", "enable", "bob"], "enabled"),
        (&["user", "revoke", "bob"], "revoked"),
        (&["user", "rm", "bob", "--yes"], "removed"),
    ] {
        succeeded(&org.command(order));
        assert_eq!(change(&mut listener), ("bob".into(), word.into()));
    }
    // By an administrator from afar, in the server itself.
    org.add("carol", PASSWORD);
    assert_eq!(change(&mut listener), ("carol".into(), "added".into()));
    let answer = server.ask(Some(&root), "POST", "/admin/users/carol/disable", None);
    assert_eq!(answer.unwrap().status, 200);
    assert_eq!(change(&mut listener), ("carol".into(), "disabled".into()));
}

#[test]
fn a_reset_password_is_the_affair_of_its_person_alone() {
    let org = Org::with_user("alice");
    org.add("bob", PASSWORD);
    let server = org.start();
    let [mut alice, mut bob] =
        ["alice", "bob"].map(|alias| server.listen(&server.member(alias, PASSWORD)));
    succeeded(&org.command(&["user", "passwd", "bob", "--one-time"]));
    org.add("carol", PASSWORD);
    assert_eq!(change(&mut bob), ("bob".into(), "password-reset".into()));
    assert_eq!(change(&mut bob), ("carol".into(), "added".into()));
    assert_eq!(change(&mut alice), ("carol".into(), "added".into()));
}

#[test]
fn who_comes_back_gets_what_was_missed_in_order() {
    let org = Org::with_user("alice");
    let server = org.start();
    let alice = server.member("alice", PASSWORD);
    let mut listener = server.listen(&alice);
    org.add("bob", PASSWORD);
    let first = listener.next_of("person");
    drop(listener);
    let mut witness = server.listen(&alice);
    org.add("carol", PASSWORD);
    witness.next_of("person");
    server.appears(&alice, "192.0.2.1:1990");
    witness.next_of("online");
    org.add("dave", PASSWORD);
    let last = witness.next_of("person");
    // What was told to another stream was missed by this one.
    let mut back = server.listens(&alice, Some(first.id)).unwrap();
    let hello = back.next().unwrap();
    assert_eq!((hello.id, hello.kind.as_str()), (first.id, "hello"));
    let mut missed = Vec::new();
    while back.last < last.id {
        missed.push(back.next().unwrap());
    }
    let ids: Vec<u64> = missed.iter().map(|told| told.id).collect();
    assert_eq!(ids, (first.id + 1..=last.id).collect::<Vec<_>>());
    let kinds: Vec<&str> = missed.iter().map(|told| told.kind.as_str()).collect();
    assert_eq!(kinds, ["person", "online", "person"]);
    assert_eq!(missed[0].data["alias"], "carol");
    assert_eq!(missed[2], last);
    // Cut in the middle of that, it goes on where it was cut.
    let mut again = server.listens(&alice, Some(missed[0].id)).unwrap();
    assert_eq!(again.next().unwrap().id, missed[0].id);
    assert_eq!(again.next().unwrap(), missed[1]);
}

#[test]
fn what_is_not_kept_is_void_also_after_a_restart() {
    let org = Org::with_user("alice");
    let server = org.start();
    let alice = server.member("alice", PASSWORD);
    let mut listener = server.listen(&alice);
    org.add("bob", PASSWORD);
    let told = listener.next_of("person");
    for strange in [0, 1, told.id - 100_000, told.id + 100, u64::MAX] {
        server.listens(&alice, Some(strange)).unwrap().greeted();
    }
    for garbage in ["", "-1", "x", "1 2", "99999999999999999999999"] {
        let header = format!("last-event-id: {garbage}\r\n");
        let stream = server.connect_as(Some(&alice));
        let mut listener = Listener::open(stream, &header).unwrap();
        listener.greeted();
    }
    server.signal(Signal::KILL);
    drop(server);
    let server = org.start();
    let mut back = server.listens(&alice, Some(told.id)).unwrap();
    let [_, reset] = back.greeted();
    assert!(reset.id > told.id);
    // And goes on from there.
    org.add("carol", PASSWORD);
    assert_eq!(back.next().unwrap().id, reset.id + 1);
}

#[test]
fn a_revoked_device_hears_of_the_list_and_nothing_more_and_does_not_come_back() {
    let org = Org::with_user("alice");
    org.add("bob", PASSWORD);
    let server = org.start();
    let [alice, other, bob] = ["alice", "alice", "bob"].map(|alias| server.member(alias, PASSWORD));
    let ended = [server.listen(&alice), server.listen(&alice)];
    let mut stays = [server.listen(&other), server.listen(&bob)];
    revoke(&org, &alice);
    for listener in ended {
        let rest = listener.rest();
        let last = rest.last().unwrap();
        assert_eq!(last.kind, "crl");
        assert_eq!(last.data["number"], served(&server));
    }
    let refused = server.listens(&alice, None).err().unwrap();
    assert_eq!(
        refused.problem(),
        (403, "urn:orgshare:problem:certificate-refused".into())
    );
    // The others go on, another device of the same person too.
    org.add("carol", PASSWORD);
    for listener in &mut stays {
        assert_eq!(listener.next().unwrap().kind, "crl");
        assert_eq!(change(listener), ("carol".into(), "added".into()));
    }
}

#[test]
fn whoever_revokes_a_person_ends_all_their_streams() {
    let org = Org::with_user("alice");
    org.add_as("root", "admin");
    let server = org.start();
    let root = server.member("root", PASSWORD);
    let mut witness = server.listen(&root);
    let by_order = |order: &[&str]| succeeded(&org.command(order));
    let by_admin = |path: &str, body: Option<&str>| {
        let answer = server.ask(Some(&root), "POST", path, body).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    let orders: [(&dyn Fn(), &str); 4] = [
        (&|| by_order(&["user", "revoke", "alice"]), "revoked"),
        (&|| by_order(&["user", "disable", "alice"]), "disabled"),
        (&|| by_order(&["user", "role", "alice", "admin"]), "role"),
        (&|| by_admin("/admin/users/alice/disable", None), "disabled"),
    ];
    for (order, word) in orders {
        let devices = [(); 2].map(|()| server.member("alice", PASSWORD));
        let listeners = devices.each_ref().map(|device| server.listen(device));
        order();
        for listener in listeners {
            let rest = listener.rest();
            let said = |kind: &str| {
                let of_kind: Vec<_> = rest.iter().filter(|told| told.kind == kind).collect();
                assert_eq!(of_kind.len(), 1, "{rest:?}");
                of_kind[0].data.clone()
            };
            assert_eq!(said("person"), json!({"alias": "alice", "change": word}));
            assert!(said("crl")["number"].is_u64());
            assert_eq!(rest.len(), 2, "{rest:?}");
        }
        witness.next_of("crl");
        // Disabled, or with the old role in the certificate.
        assert_eq!(server.listens(&devices[0], None).err().unwrap().status, 403);
        let _ = org.command(&["user", "enable", "alice"]);
    }
}

#[test]
fn a_stream_ends_with_its_certificate() {
    let org = Org::with_user("alice");
    let server = org.start();
    let life = time::Duration::hours(24);
    let soon = OffsetDateTime::now_utc() - life + time::Duration::seconds(12);
    let alice = org.issued(&subject("alice", "member"), soon, Recorded::Yes);
    let mut listener = server.listen(&alice);
    assert_eq!(listener.next(), None);
    let refused = server.listens(&alice, None).err().unwrap();
    assert_eq!(
        refused.problem(),
        (401, "urn:orgshare:problem:certificate-expired".into())
    );
}

#[test]
fn only_members_listen_and_only_by_reading() {
    let org = Org::with_user("alice");
    let server = org.start();
    let alice = server.member("alice", PASSWORD);
    for path in ["/events", "/peers"] {
        let answer = server.ask(None, "GET", path, None).unwrap();
        assert_eq!(
            answer.problem(),
            (401, "urn:orgshare:problem:certificate-needed".into())
        );
    }
    for method in ["PUT", "DELETE"] {
        let body = Some("{}").filter(|_| method == "PUT");
        let answer = server.ask(None, method, "/presence", body).unwrap();
        assert_eq!(answer.status, 401);
    }
    // A stream that nobody would read takes no seat.
    for _ in 0..10 {
        let answer = server.ask(Some(&alice), "HEAD", "/events", None).unwrap();
        assert_eq!(answer.status, 405);
    }
    server.listen(&alice);
    let unknown = org.issued(
        &subject("alice", "member"),
        OffsetDateTime::now_utc(),
        Recorded::No,
    );
    let refused = server.listens(&unknown, None).err().unwrap();
    assert_eq!(
        refused.problem(),
        (401, "urn:orgshare:problem:certificate-unknown".into())
    );
}

#[test]
fn a_stop_ends_streams_in_order_and_without_delay() {
    let org = Org::with_user("alice");
    let server = org.start();
    let alice = server.member("alice", PASSWORD);
    let listeners = [(); 3].map(|()| server.listen(&alice));
    let began = std::time::Instant::now();
    assert_eq!(server.stop(Signal::TERM), Some(143));
    // Requests under way have 30 seconds.
    assert!(began.elapsed() < Duration::from_secs(20));
    for listener in listeners {
        assert_eq!(listener.rest(), []);
    }
}

#[test]
fn a_crash_in_the_middle_loses_no_revocation() {
    let org = Org::with_user("alice");
    org.add("bob", PASSWORD);
    let mut server = org.start();
    let [alice, bob] = ["alice", "bob"].map(|alias| server.member(alias, PASSWORD));
    let mut listener = server.listen(&bob);
    for _ in 0..3 {
        let number = served(&server);
        server.signal(Signal::KILL);
        assert_eq!(listener.next(), None);
        drop(server);
        let victim = org.issued(
            &subject("alice", "member"),
            OffsetDateTime::now_utc(),
            Recorded::Yes,
        );
        revoke(&org, &victim);
        server = org.start();
        listener = server.listens(&bob, Some(listener.last)).unwrap();
        let [hello, _] = listener.greeted();
        assert!(hello.data["crl"].as_u64().unwrap() > number);
        assert_eq!(server.listens(&victim, None).err().unwrap().status, 403);
        server.listen(&alice);
    }
}

#[test]
fn what_a_client_sends_into_its_stream_changes_nothing() {
    let org = Org::with_user("alice");
    let server = org.start();
    let alice = server.member("alice", PASSWORD);
    let mut listener = server.listen(&alice);
    // Requests behind the one that is answered without an end.
    let more = "GET /events HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
    let _ = listener.stream.write_all(more.as_bytes());
    let _ = listener.stream.flush();
    org.add("bob", PASSWORD);
    assert_eq!(change(&mut listener), ("bob".into(), "added".into()));
    // They have taken no seat.
    let _others = [(); 3].map(|()| server.listen(&alice));
    assert_eq!(server.listens(&alice, None).err().unwrap().status, 429);
}

#[test]
fn silence_is_broken_by_signs_of_life() {
    let org = Org::with_user("alice");
    let server = org.start();
    let alice = server.member("alice", PASSWORD);
    let mut listener = server.listens(&alice, None).unwrap();
    listener.greeted();
    let silence = listener.stream.sock.try_clone().unwrap();
    silence
        .set_read_timeout(Some(Duration::from_secs(25)))
        .unwrap();
    // Nothing happens, and yet something comes: the comment is longer than no byte.
    let mut byte = [0];
    assert_eq!(silence.peek(&mut byte).unwrap(), 1);
}
