//! Orders of administrators that are not carried out, and what is told of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use auth_server::audit::{Actor, Record};
use auth_server::store::{Password, UserChange, UserStore};
use serde_json::{Value, json};
use support::desk::*;
use support::*;
use time::OffsetDateTime;

const NEW: &str = "plum glacier window ostrich seven";

impl Desk {
    /// Status and kind of the answer.
    fn order(&self, who: &Member, method: &str, path: &str, body: &Value) -> (u16, String) {
        let body = (!body.is_null()).then(|| body.to_string());
        let answer = self.server.ask(Some(who), method, path, body.as_deref());
        let answer = answer.unwrap();
        match answer.status {
            200..300 => (answer.status, String::new()),
            _ => {
                let (status, kind) = answer.problem();
                (status, kind.replace("urn:orgshare:problem:", ""))
            }
        }
    }

    fn told(&self, entry: &str) {
        let entries = self.org.audit_told();
        assert!(
            entries.iter().any(|told| told == entry),
            "{entry} is not in {entries:#?}"
        );
    }
}

fn is(status: u16, kind: &str) -> (u16, String) {
    (status, kind.to_owned())
}

fn add(alias: &str, role: &str, password: &str) -> Value {
    json!({"alias": alias, "role": role, "password": {"chosen": password}})
}

/// Rounds that must have met the order while its password was hashed.
const CAUGHT: usize = 4;
/// Rounds after which a test has had bad luck for too long.
const MAX_ROUNDS: usize = 60;

#[test]
fn an_order_does_not_outlive_its_right_while_its_password_is_hashed() {
    let desk = Desk::new();
    let org = &desk.org;
    let root: common::identity::Alias = "root".parse().unwrap();
    let own = org.in_store(async |store| store.user(&root).await.unwrap().unwrap().password);
    let once = Password {
        one_time_until: Some(OffsetDateTime::now_utc() + time::Duration::days(7)),
        ..own.clone()
    };
    let (admin, member) = ("admin".parse().unwrap(), "member".parse().unwrap());
    let why = root_ca::RevocationReason::KeyCompromise;
    let ends = [
        UserChange::Revoke(why),
        UserChange::Role(&member),
        UserChange::Password(&once),
    ];
    let change = |changes: &[UserChange<'_>]| {
        org.in_store(async |store| {
            for change in changes {
                let (by, now) = (Actor::console(), OffsetDateTime::now_utc());
                let done = store.change_user(&root, *change, &by, now);
                done.await.unwrap();
            }
        });
    };
    let mut caught = 0;
    for round in 0..MAX_ROUNDS {
        let by = desk.server.member("root", PASSWORD);
        let end = ends[round % ends.len()];
        let name = format!("backdoor-{round}");
        let order = add(&name, "admin", NEW).to_string();
        let mut order = desk.server.hold_back(&by, &order);
        order.let_go();
        change(&[end]);
        let status = order.status();
        let entries = org.audit_records();
        let last = |wanted: &dyn Fn(&Record) -> bool| {
            let found = entries.iter().rev().find(|entry| wanted(entry));
            found.map(|entry| (entry.seq, entry.outcome.clone()))
        };
        let (ended, _) = last(&|entry| entry.source == "console").unwrap();
        let object = format!("{name} as admin");
        let ordered = last(&|entry| entry.action == "user.add" && entry.object == object);
        match (status, ordered) {
            // It was first.
            (201, Some((added, outcome))) => assert!(outcome == "ok" && added < ended),
            // It had been hashed when its right was gone.
            (403, Some((_, outcome))) => {
                assert!(outcome.starts_with("refused: "), "{outcome}");
                caught += 1;
            }
            // It was not even begun.
            (403, None) => {}
            other => panic!("{other:?}"),
        }
        if caught == CAUGHT {
            return;
        }
        let healed = [UserChange::Password(&own), UserChange::Role(&admin)];
        change(&[&healed[..], &[UserChange::Enable]].concat());
    }
    panic!("only {caught} of {MAX_ROUNDS} orders were met while they were hashed");
}

#[test]
fn an_administrator_s_device_does_not_change_its_owner_s_password() {
    let desk = Desk::new();
    for password in [json!({"chosen": NEW}), json!("one_time")] {
        let body = json!({"password": password});
        let refused = desk.order(&desk.root, "PUT", "/admin/users/root/password", &body);
        assert_eq!(refused, is(403, "own-password"));
    }
    desk.told("root | 127.0.0.1 | user.passwd | root | refused: own password");
    assert_eq!(desk.server.login("root", PASSWORD).status, 200);
    // Another administrator may, and the console.
    desk.org.add_as("second", "admin");
    let second = desk.server.member("second", PASSWORD);
    let body = json!({"password": {"chosen": NEW}});
    let done = desk.order(&second, "PUT", "/admin/users/root/password", &body);
    assert_eq!(done.0, 200);
    assert_eq!(desk.server.login("root", NEW).status, 200);
    let args = ["user", "passwd", "root", "--password-file", "-"];
    succeeded(&desk.org.with_input(&args, PASSWORD));
    assert_eq!(desk.server.login("root", PASSWORD).status, 200);
}

#[test]
fn the_last_administrator_stays_until_there_is_another() {
    let desk = Desk::new();
    let ends = [
        ("PUT", "/admin/users/root/role", json!({"role": "member"})),
        ("POST", "/admin/users/root/disable", Value::Null),
        (
            "POST",
            "/admin/users/root/revoke",
            json!({"reason": "superseded"}),
        ),
        ("DELETE", "/admin/users/root", Value::Null),
    ];
    for (method, path, body) in &ends {
        let refused = desk.order(&desk.root, method, path, body);
        assert_eq!(refused, is(409, "last-administrator"), "{method} {path}");
    }
    desk.told("root | 127.0.0.1 | user.role | root is member | refused: last administrator");
    desk.told("root | 127.0.0.1 | user.rm | root | refused: last administrator");
    desk.org.add_as("second", "admin");
    let (method, path, body) = &ends[0];
    assert_eq!(desk.order(&desk.root, method, path, body), is(200, ""));
    assert_eq!(
        desk.order(&desk.root, "GET", "/admin/users", &Value::Null)
            .0,
        403
    );
    // On the machine itself nobody is kept from anything.
    succeeded(&desk.org.command(&["user", "rm", "second", "--yes"]));
}

#[test]
fn an_administrator_with_a_one_time_password_chooses_another_one_first() {
    let desk = Desk::new();
    let once = desk.org.command(&["user", "passwd", "root", "--one-time"]);
    succeeded(&once);
    let once = String::from_utf8(once.stdout).unwrap();
    let body = add("mallory", "admin", NEW);
    for (method, path, body) in [
        ("GET", "/admin/users", &Value::Null),
        ("POST", "/admin/users", &body),
    ] {
        let refused = desk.order(&desk.root, method, path, body);
        assert_eq!(refused, is(403, "password-must-change"), "{method} {path}");
    }
    desk.told("root | 127.0.0.1 | admin | POST /admin/users | a one-time password waits");
    let change = json!({"alias": "root", "old": once.trim(), "new": NEW});
    assert_eq!(
        desk.server.json(None, "POST /password", &change).status,
        204
    );
    assert_eq!(
        desk.order(&desk.root, "GET", "/admin/users", &Value::Null),
        is(200, "")
    );
}

/// What was refused since that many entries, without who it was.
fn refusals(org: &Org, since: usize) -> Vec<String> {
    let told = org.audit_told();
    let told = told[since..].iter().map(|told| {
        let mut parts = told.splitn(3, " | ");
        parts.nth(2).unwrap().to_owned()
    });
    told.filter(|told| told.contains("refused")).collect()
}

#[test]
fn what_is_refused_is_in_the_log_whoever_ordered_it() {
    let desk = Desk::new();
    let org = &desk.org;
    org.add("gone", PASSWORD);
    succeeded(&org.command(&["user", "rm", "gone", "--yes"]));
    let nothing = "4".repeat(32);
    let weak = "acme corp zoe 1";
    let expected = [
        "user.add | zoe as member | refused: weak password".to_owned(),
        "user.add | root as member | refused: alias taken".to_owned(),
        "user.add | gone as member | refused: alias was removed".to_owned(),
        "user.add | zoe as amdin | refused: unknown role".to_owned(),
        "user.passwd | zoe | refused: no such user".to_owned(),
        "user.role | zoe is admin | refused: no such user".to_owned(),
        "user.role | root is amdin | refused: unknown role".to_owned(),
        "user.enable | zoe | refused: no such user".to_owned(),
        "user.disable | zoe | refused: no such user".to_owned(),
        "user.unlock | zoe | refused: no such user".to_owned(),
        "user.revoke | zoe (keyCompromise) | refused: no such user".to_owned(),
        "user.rm | gone | refused: no such user".to_owned(),
        format!("cert.revoke | {nothing} (unspecified) | refused: no such certificate"),
    ];
    let since = org.audit_told().len();
    let reason = json!({"reason": "keyCompromise"});
    let password = json!({"password": {"chosen": NEW}});
    let revoke = format!("/admin/certificates/{nothing}/revoke");
    for (method, path, body) in [
        ("POST", "/admin/users", add("zoe", "member", weak)),
        ("POST", "/admin/users", add("root", "member", NEW)),
        ("POST", "/admin/users", add("gone", "member", NEW)),
        ("POST", "/admin/users", add("zoe", "amdin", NEW)),
        ("PUT", "/admin/users/zoe/password", password),
        ("PUT", "/admin/users/zoe/role", json!({"role": "admin"})),
        ("PUT", "/admin/users/root/role", json!({"role": "amdin"})),
        ("POST", "/admin/users/zoe/enable", Value::Null),
        ("POST", "/admin/users/zoe/disable", Value::Null),
        ("POST", "/admin/users/zoe/unlock", Value::Null),
        ("POST", "/admin/users/zoe/revoke", reason),
        ("DELETE", "/admin/users/gone", Value::Null),
        ("POST", &revoke, json!({"reason": "unspecified"})),
    ] {
        let (status, _) = desk.order(&desk.root, method, path, &body);
        assert!(
            matches!(status, 404 | 409 | 422),
            "{method} {path}: {status}"
        );
    }
    assert_eq!(refusals(org, since), expected);
    let since = org.audit_told().len();
    let file = ["--password-file", "-"];
    for (args, input) in [
        (&["user", "add", "zoe", file[0], file[1]][..], weak),
        (&["user", "add", "root", file[0], file[1]], NEW),
        (&["user", "add", "gone", "--one-time"], ""),
        (&["user", "add", "zoe", "--one-time", "--role", "amdin"], ""),
        (&["user", "passwd", "zoe", file[0], file[1]], NEW),
        (&["user", "role", "zoe", "admin"], ""),
        (&["user", "role", "root", "amdin"], ""),
        (&["user", "enable", "zoe"], ""),
        (&["user", "disable", "zoe"], ""),
        (&["user", "unlock", "zoe"], ""),
        (&["user", "revoke", "zoe", "--reason", "keyCompromise"], ""),
        (&["user", "rm", "gone", "--yes"], ""),
        (&["cert", "revoke", &nothing], ""),
    ] {
        let refused = org.with_input(args, input);
        assert_eq!(
            refused.status.code(),
            Some(1),
            "{args:?}: {}",
            said(&refused)
        );
    }
    assert_eq!(refusals(org, since), expected);
    let told = org.audit_told().join("\n");
    assert!(!told.contains(weak) && !told.contains(NEW), "{told}");
}

#[test]
fn an_administrator_who_is_refused_again_and_again_does_not_fill_the_log() {
    let desk = Desk::new();
    let since = desk.org.audit_told().len();
    for _ in 0..35 {
        let refused = desk.order(&desk.root, "DELETE", "/admin/users/zoe", &Value::Null);
        assert_eq!(refused, is(404, "no-such-user"));
    }
    let told = refusals(&desk.org, since);
    assert_eq!(told.len(), 30);
    assert_eq!(
        told[29],
        "user.rm | zoe | refused: no such user; no more is told for an hour"
    );
    // What is done is told all the same.
    assert_eq!(
        desk.server.login("root", "not the password of root").status,
        401
    );
    let done = desk.order(&desk.root, "POST", "/admin/users/root/unlock", &Value::Null);
    assert_eq!(done, is(200, ""));
    desk.told("root | 127.0.0.1 | user.unlock | root | ok");
}

#[test]
fn a_role_that_nobody_has_must_be_said_to_be_new() {
    let desk = Desk::new();
    let refused = desk.server.ask(
        Some(&desk.root),
        "POST",
        "/admin/users",
        Some(&add("zoe", "auditor", NEW).to_string()),
    );
    let refused = refused.unwrap();
    assert_eq!(
        refused.problem(),
        (422, "urn:orgshare:problem:unknown-role".to_owned())
    );
    let listed = "nobody has the role auditor yet; there are admin, member, reader";
    assert!(refused.text().contains(listed), "{}", refused.text());
    let mut new = add("zoe", "auditor", NEW);
    new["new_role"] = json!(true);
    let order = |method, path, body| desk.order(&desk.root, method, path, &body);
    assert_eq!(order("POST", "/admin/users", new), is(201, ""));
    let known = add("yan", "auditor", NEW);
    assert_eq!(order("POST", "/admin/users", known), is(201, ""));
    let role = "/admin/users/yan/role";
    assert_eq!(
        order("PUT", role, json!({"role": "night-shift"})),
        is(422, "unknown-role")
    );
    let new = json!({"role": "night-shift", "new_role": true});
    assert_eq!(order("PUT", role, new), is(200, ""));
    let back = json!({"role": "night-shift", "new_role": false});
    assert_eq!(order("PUT", "/admin/users/zoe/role", back), is(200, ""));
    // Nobody is an auditor now.
    assert_eq!(
        order("PUT", role, json!({"role": "auditor"})),
        is(422, "unknown-role")
    );
    let wrong = json!({"role": "auditor", "new_role": "yes"});
    assert_eq!(order("PUT", role, wrong), is(400, "about:blank"));
}

#[test]
fn an_order_on_the_machine_that_leaves_no_administrator_says_so() {
    let org = Org::new();
    org.add_as("root", "admin");
    org.add_as("other", "admin");
    org.add("alice", PASSWORD);
    let vacant = |args: &[&str]| {
        let output = org.command(args);
        succeeded(&output);
        said(&output).contains("No active administrator is left")
    };
    assert!(!vacant(&["user", "disable", "root"]));
    assert!(vacant(&["user", "role", "other", "member"]));
    assert!(!vacant(&["user", "disable", "alice"]));
    assert!(!vacant(&["user", "enable", "root"]));
    assert!(vacant(&["user", "rm", "root", "--yes"]));
}
