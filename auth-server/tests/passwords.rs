//! One-time passwords, and people who change their own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use auth_server::audit::Actor;
use auth_server::store::{Password, UserChange, UserStore};
use auth_server::throttle::{Attempt, Source};
use rcgen::KeyPair;
use support::*;
use time::OffsetDateTime;

const CHOSEN: &str = "plum glacier window ostrich seven";
const MUST_CHANGE: &str = "urn:orgshare:problem:password-must-change";
const WEAK: &str = "urn:orgshare:problem:weak-password";

/// What a client can tell apart, without what every answer has of its own.
fn seen(answer: &Answer) -> (u16, String, String) {
    let own = |line: &&str| !line.starts_with("date") && !line.starts_with("x-request");
    let head = answer.head.lines().filter(own).collect::<Vec<_>>();
    (answer.status, head.join("\n"), answer.text())
}

#[test]
fn a_one_time_password_gets_no_certificate_and_serves_to_choose_another() {
    let org = Org::new();
    let once = org.add_for_once("alice");
    let server = org.start();
    for _ in 0..2 {
        let answer = server.login("alice", &once);
        assert_eq!(answer.problem(), (403, MUST_CHANGE.to_owned()));
        assert!(!answer.text().contains("BEGIN"));
    }
    let listed = org.command(&["cert", "list", "--alias", "alice", "--json"]);
    assert_eq!(said(&listed), "");
    assert_eq!(server.change_password("alice", &once, CHOSEN).status, 204);
    server.login("alice", CHOSEN).certificate();
    assert_eq!(server.login("alice", &once).status, 401);
    let audit = org.audit();
    let tail: Vec<&str> = audit
        .iter()
        .rev()
        .take(6)
        .rev()
        .map(String::as_str)
        .collect();
    assert_eq!(
        tail[..3],
        [
            "login alice one-time password, must be changed",
            "login alice one-time password, must be changed",
            "user.passwd alice ok",
        ]
    );
    assert_eq!(tail[3], "login alice ok");
    assert_eq!(tail[5], "login alice wrong password");
    let shown = org.command(&["user", "show", "alice", "--json"]);
    assert!(said(&shown).contains(r#""one_time_password_until":null"#));
}

#[test]
fn a_one_time_password_that_has_ended_is_a_wrong_one() {
    let org = Org::with_user("alice");
    let once = org.add_for_once("bob");
    let bob = "bob".parse().unwrap();
    org.in_store(async |store| {
        let hash = store.user(&bob).await.unwrap().unwrap().password.hash;
        let now = OffsetDateTime::now_utc();
        let ended = Password {
            hash,
            one_time_until: Some(now - time::Duration::seconds(1)),
        };
        let by = Actor::console();
        let late = UserChange::Password(&ended);
        store.change_user(&bob, late, &by, now).await.unwrap();
    });
    let server = org.start();
    let wrong = server.login("alice", "not the password of alice");
    assert_eq!(wrong.status, 401);
    assert_eq!(seen(&server.login("bob", &once)), seen(&wrong));
    let wrong = server.change_password("alice", "not the password of alice", CHOSEN);
    let ended = server.change_password("bob", &once, CHOSEN);
    assert_eq!((wrong.status, seen(&ended)), (401, seen(&wrong)));
    // It counts as a failure too: that it was right does not show in the delay either.
    for _ in 0..3 {
        assert_eq!(server.login("bob", &once).status, 401);
    }
    assert_eq!(server.login("bob", &once).status, 429);
}

#[test]
fn a_change_of_password_gets_the_same_answer_for_unknown_wrong_and_disabled() {
    let org = Org::with_user("alice");
    org.add("bob", PASSWORD);
    succeeded(&org.command(&["user", "disable", "bob"]));
    let server = org.start();
    // Also when the new one is weak: nobody learns by that whether the old one was right.
    for new in [CHOSEN, "weak", PASSWORD] {
        let wrong = server.change_password("alice", "seven blue harbour crabs", new);
        assert_eq!(wrong.problem(), (401, "about:blank".to_owned()));
        for alias in ["nobody", "bob", "../etc/passwd"] {
            let answer = server.change_password(alias, PASSWORD, new);
            assert_eq!(seen(&answer), seen(&wrong), "{alias}");
        }
    }
    assert_eq!(server.login("alice", PASSWORD).status, 200);
}

#[test]
fn guesses_at_both_endpoints_count_together_and_must_wait() {
    let org = Org::with_user("alice");
    let server = org.start();
    for guess in 0..5 {
        let status = match guess % 2 {
            0 => {
                server
                    .change_password("alice", "not the password", CHOSEN)
                    .status
            }
            _ => server.login("alice", "not the password").status,
        };
        assert_eq!(status, 401);
    }
    for answer in [
        server.change_password("alice", PASSWORD, CHOSEN),
        server.login("alice", PASSWORD),
    ] {
        assert_eq!(answer.status, 429);
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=4).contains(&wait), "{wait}");
    }
}

#[test]
fn weak_new_passwords_are_refused_with_the_reason_and_the_old_one_stays() {
    let org = Org::with_user("alice");
    let server = org.start();
    let long = "long enough, far too long ".repeat(40);
    for (new, reason) in [
        ("short", "it has 5 characters, at least 15 are needed"),
        ("correct horse battery staple", "guessed first"),
        ("Acme-Corp-alice-2026", "too close to the alias"),
        ("bell\u{7}in the password", "control character"),
        (long.as_str(), "longer than 1024 bytes"),
        (PASSWORD, "it is the old one"),
    ] {
        let answer = server.change_password("alice", PASSWORD, new);
        assert_eq!(answer.problem(), (422, WEAK.to_owned()), "{new}");
        assert!(answer.text().contains(reason), "{}", answer.text());
    }
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    let refused = "user.passwd alice the new password is not accepted";
    let audit = org.audit();
    assert_eq!(audit.iter().filter(|line| *line == refused).count(), 6);
}

#[test]
fn a_password_is_the_same_in_both_unicode_forms() {
    let org = Org::with_user("alice");
    let server = org.start();
    let (composed, decomposed) = (
        "zw\u{f6}lf Boxk\u{e4}mpfer jagen",
        "zwo\u{308}lf Boxka\u{308}mpfer jagen",
    );
    assert_eq!(
        server.change_password("alice", PASSWORD, decomposed).status,
        204
    );
    assert_eq!(server.login("alice", composed).status, 200);
    let same = server.change_password("alice", composed, decomposed);
    assert_eq!(same.problem(), (422, WEAK.to_owned()));
    // Fifteen signs that are fourteen characters.
    let short = "e\u{301}".repeat(14);
    let answer = server.change_password("alice", composed, &short);
    assert!(
        answer.text().contains("it has 14 characters"),
        "{}",
        answer.text()
    );
}

#[test]
fn a_device_alone_does_not_change_the_password() {
    let org = Org::with_user("alice");
    let server = org.start();
    let laptop = server.member("alice", PASSWORD);
    for (old, status) in [
        (serde_json::Value::Null, 400),
        ("".into(), 401),
        ("not the password".into(), 401),
        (PASSWORD.into(), 204),
    ] {
        let body = serde_json::json!({"alias": "alice", "old": old, "new": CHOSEN});
        let answer = server.json(Some(&laptop), "POST /password", &body);
        assert_eq!(answer.status, status, "{old}");
    }
    let body = serde_json::json!({"alias": "alice", "new": CHOSEN});
    assert_eq!(
        server.json(Some(&laptop), "POST /password", &body).status,
        400
    );
}

#[test]
fn two_changes_at_once_leave_one_password() {
    let org = Org::with_user("alice");
    let server = org.start();
    let news = ["first of the new passwords", "other of the new passwords"];
    let answers = std::thread::scope(|scope| {
        let server = &server;
        let change =
            |new| scope.spawn(move || server.change_password("alice", PASSWORD, new).status);
        news.map(change).map(|thread| thread.join().unwrap())
    });
    let changed = answers.iter().filter(|status| **status == 204).count();
    assert_eq!(changed, 1, "{answers:?}");
    let works = news.map(|new| server.login("alice", new).status == 200);
    assert_eq!(works, answers.map(|status| status == 204));
}

#[test]
fn after_a_hundred_failures_of_strangers_only_who_is_at_home_gets_in() {
    let org = Org::with_user("alice");
    org.add("bob", PASSWORD);
    let server = org.start();
    let laptop = server.member("bob", PASSWORD);
    let guessers = |name: &str| {
        let alias = name.parse().unwrap();
        org.in_store(async |store| {
            for n in 0..100 {
                let source = std::net::Ipv4Addr::new(198, 51, 100, n);
                let guess = Attempt::new(Some(&alias), Source::of(source.into()));
                let now = OffsetDateTime::now_utc();
                guess.failed(store, "wrong password", now).await.unwrap();
            }
        });
    };
    for name in ["alice", "bob", "nobody"] {
        guessers(name);
    }
    // Nobody has logged in as alice or nobody from here; bob has.
    let held_up = server.login("alice", PASSWORD);
    assert_eq!(
        (held_up.status, held_up.header("retry-after")),
        (429, Some("900"))
    );
    assert_eq!(seen(&server.login("nobody", PASSWORD)), seen(&held_up));
    let change = server.change_password("alice", PASSWORD, CHOSEN);
    assert_eq!(seen(&change), seen(&held_up));
    assert_eq!(server.login("bob", PASSWORD).status, 200);
    // Another one's device opens no door.
    let csr = request(&KeyPair::generate().unwrap());
    let body = serde_json::json!({"alias": "alice", "password": PASSWORD, "csr": csr});
    assert_eq!(
        server.json(Some(&laptop), "POST /verify", &body).status,
        429
    );
    succeeded(&org.command(&["user", "unlock", "alice"]));
    let own = server.member("alice", PASSWORD);
    // From a place where she never was, her device is what she is known by.
    guessers("alice");
    org.in_store(async |store| {
        let later = OffsetDateTime::now_utc() + time::Duration::days(1);
        use auth_server::store::AttemptStore;
        store.prune_successes(later).await.unwrap();
    });
    assert_eq!(server.login("alice", PASSWORD).status, 429);
    let answer = server.json(Some(&own), "POST /verify", &body);
    assert_eq!(answer.status, 200, "{}", answer.text());
    // A revoked one is worth as little as none.
    org.in_store(async |store| {
        let later = OffsetDateTime::now_utc() + time::Duration::days(1);
        use auth_server::store::AttemptStore;
        store.prune_successes(later).await.unwrap();
    });
    succeeded(&org.command(&["user", "disable", "alice"]));
    succeeded(&org.command(&["user", "enable", "alice"]));
    assert_eq!(server.json(Some(&own), "POST /verify", &body).status, 429);
}

#[test]
fn refused_logins_are_in_log_and_audit_with_the_alias_and_without_the_password() {
    let org = Org::with_user("alice");
    let once = org.add_for_once("bob");
    let server = Server::start(&org, &["--log-format", "json"]);
    let guess = "a guess that nobody may read";
    server.login("alice", guess);
    server.change_password("nobody", guess, CHOSEN);
    server.change_password("bob", &once, "weak new one");
    server.change_password("bob", &once, CHOSEN);
    let audit = org.audit();
    for line in [
        "login alice wrong password",
        "login nobody no such user",
        "user.passwd bob the new password is not accepted",
        "user.passwd bob ok",
    ] {
        assert!(audit.iter().any(|entry| entry == line), "{audit:?}");
    }
    eventually("the last access", PATIENCE, || {
        server.log().matches("/password").count() == 3
    });
    let log = server.log();
    assert!(
        log.contains(r#""alias":"alice""#) && log.contains(r#""alias":"nobody""#),
        "{log}"
    );
    for secret in [guess, &once, CHOSEN, "weak new one", "argon2"] {
        assert!(!log.contains(secret), "{log}");
        assert!(
            !audit.iter().any(|entry| entry.contains(secret)),
            "{audit:?}"
        );
    }
}
