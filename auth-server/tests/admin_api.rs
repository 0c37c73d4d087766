//! What the `/admin` routes take, answer and refuse, in the hands of an administrator.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
use support::desk::*;
use support::*;

const NEW: &str = "plum glacier window ostrich seven";

impl Desk {
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let body = body.map(Value::to_string);
        let who = Some(&self.root);
        self.server.ask(who, method, path, body.as_deref()).unwrap()
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, None);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// Status, kind and detail of a refusal.
    fn refused(&self, method: &str, path: &str, body: &Value) -> (u16, String, String) {
        let answer = self.ask(method, path, Some(body));
        let document: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(document["status"], answer.status);
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        let text = |name: &str| document[name].as_str().unwrap().to_owned();
        let kind = text("type").replace("urn:orgshare:problem:", "");
        (answer.status, kind, text("detail"))
    }
}

fn add(alias: &str, password: &str) -> Value {
    json!({"alias": alias, "role": "member", "password": {"chosen": password}})
}

#[test]
fn people_are_added_changed_and_removed() {
    let desk = Desk::new();
    let added = desk.ask("POST", "/admin/users", Some(&add("alice", NEW)));
    assert_eq!(
        (added.status, added.text()),
        (201, r#"{"one_time_password":null}"#.into())
    );
    let alice = desk.server.member("root", PASSWORD);
    assert_eq!(desk.server.login("alice", NEW).status, 200);
    let shown = desk.get("/admin/users/alice");
    assert_eq!(
        (&shown["role"], &shown["state"]),
        (&json!("member"), &json!("active"))
    );
    let list = desk.get("/admin/users");
    assert_eq!(list.as_array().unwrap().len(), 2);
    let ok = |method: &str, path: &str, body: Option<Value>| -> Value {
        let answer = desk.ask(method, path, body.as_ref());
        assert!(
            (200..300).contains(&answer.status),
            "{path}: {}",
            answer.text()
        );
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    };
    let role = ok(
        "PUT",
        "/admin/users/alice/role",
        Some(json!({"role": "reader"})),
    );
    assert_eq!(role, json!({"revoked": 1}));
    let told = ok(
        "PUT",
        "/admin/users/alice/password",
        Some(json!({"password": "one_time"})),
    );
    assert_eq!(told["one_time_password"].as_str().unwrap().len(), 23);
    assert_eq!(desk.server.login("alice", NEW).status, 401);
    for changed in [true, false] {
        let unlocked = ok("POST", "/admin/users/alice/unlock", None);
        assert_eq!(unlocked, json!({"changed": changed}));
    }
    assert!(desk.get("/admin/users/alice")["one_time_password_until"].is_string());
    assert_eq!(
        ok("POST", "/admin/users/alice/disable", None),
        json!({"revoked": 0})
    );
    assert_eq!(
        ok("POST", "/admin/users/alice/disable", None),
        json!({"revoked": null})
    );
    assert_eq!(desk.get("/admin/users/alice")["state"], "disabled");
    for changed in [true, false] {
        let enabled = ok("POST", "/admin/users/alice/enable", None);
        assert_eq!(enabled, json!({"changed": changed}));
    }
    let why = json!({"reason": "keyCompromise"});
    assert_eq!(
        ok("POST", "/admin/users/alice/revoke", Some(why.clone())),
        json!({"revoked": 0})
    );
    assert_eq!(
        ok("DELETE", "/admin/users/alice", None),
        json!({"revoked": 0})
    );
    assert_eq!(desk.get("/admin/users/alice")["state"], "removed");
    let path = format!("/admin/certificates/{}", alice.serial());
    assert_eq!(desk.get(&path)["state"], "valid");
    assert_eq!(
        ok("POST", &format!("{path}/revoke"), Some(why.clone())),
        json!({"revoked": 1})
    );
    assert_eq!(
        ok("POST", &format!("{path}/revoke"), Some(why)),
        json!({"revoked": null})
    );
    assert_eq!(desk.get(&path)["reason"], "keyCompromise");
}

#[test]
fn certificates_are_filtered_as_on_the_machine() {
    let desk = Desk::new();
    let found = |query: &str| {
        let found = desk.get(&format!("/admin/certificates?{query}"));
        found.as_array().unwrap().len()
    };
    assert_eq!(found("limit=10"), 2);
    assert_eq!(found("limit=1"), 1);
    assert_eq!(found("limit=10&alias=root"), 1);
    assert_eq!(found("limit=10&alias=nobody"), 0);
    assert_eq!(found("limit=10&revoked=true"), 0);
    assert_eq!(found("limit=10&revoked=false"), 2);
    assert_eq!(found("limit=10&ends_after=2100-01-01T00:00:00Z"), 0);
}

#[test]
fn refusals_are_told_apart_by_their_type() {
    let desk = Desk::new();
    desk.org.add("alice", PASSWORD);
    succeeded(&desk.org.command(&["user", "rm", "alice", "--yes"]));
    let refused = |method, path: &str, body| {
        let (status, kind, _) = desk.refused(method, path, &body);
        (status, kind)
    };
    let is = |status: u16, kind: &str| (status, kind.to_owned());
    assert_eq!(
        refused("POST", "/admin/users", add("root", NEW)),
        is(409, "alias-taken")
    );
    assert_eq!(
        refused("POST", "/admin/users", add("alice", NEW)),
        is(409, "alias-retired")
    );
    for (method, path, body) in [
        ("GET", "/admin/users/zoe", Value::Null),
        ("DELETE", "/admin/users/zoe", Value::Null),
        ("POST", "/admin/users/zoe/enable", Value::Null),
        ("POST", "/admin/users/zoe/disable", Value::Null),
        ("POST", "/admin/users/zoe/unlock", Value::Null),
        (
            "POST",
            "/admin/users/zoe/revoke",
            json!({"reason": "superseded"}),
        ),
        ("PUT", "/admin/users/zoe/role", json!({"role": "admin"})),
        (
            "PUT",
            "/admin/users/alice/password",
            json!({"password": {"chosen": NEW}}),
        ),
    ] {
        assert_eq!(
            refused(method, path, body),
            is(404, "no-such-user"),
            "{path}"
        );
    }
    let nowhere = format!("/admin/certificates/{}", "4".repeat(32));
    assert_eq!(
        refused("GET", &nowhere, Value::Null),
        is(404, "no-such-certificate")
    );
    let revoke = format!("{nowhere}/revoke");
    let why = json!({"reason": "superseded"});
    assert_eq!(
        refused("POST", &revoke, why),
        is(404, "no-such-certificate")
    );
    let weak = desk.refused("POST", "/admin/users", &add("bob", "acme corp bob 1"));
    assert_eq!(weak.0, 422);
    assert_eq!(weak.1, "weak-password");
    assert!(weak.2.contains("too close to the alias"), "{}", weak.2);
}

#[test]
fn what_is_not_of_the_right_form_is_refused_and_changes_nothing() {
    let desk = Desk::new();
    let before = desk.org.audit_told();
    let who = Some(&desk.root);
    for (path, body) in [
        ("/admin/users", "{}"),
        ("/admin/users", "[]"),
        ("/admin/users", "null"),
        ("/admin/users", "{\"alias\""),
        (
            "/admin/users",
            r#"{"alias":"bob","role":"member","password":{"chosen":"plum glacier window ostrich seven"},"admin":true}"#,
        ),
        (
            "/admin/users",
            r#"{"alias":"bob","alias":"eve","role":"member","password":"one_time"}"#,
        ),
        (
            "/admin/users",
            r#"{"alias":"Bob","role":"member","password":"one_time"}"#,
        ),
        (
            "/admin/users",
            r#"{"alias":"bob\n","role":"member","password":"one_time"}"#,
        ),
        (
            "/admin/users",
            r#"{"alias":"bob","role":"m m","password":"one_time"}"#,
        ),
        (
            "/admin/users",
            r#"{"alias":"bob","role":"member","password":"plum glacier window ostrich seven"}"#,
        ),
        (
            "/admin/users",
            r#"{"alias":"bob","role":"member","password":{"chosen":1}}"#,
        ),
        ("/admin/users", r#"{"alias":"bob","role":"member"}"#),
        ("/admin/users/root/revoke", r#"{"reason":"because"}"#),
        (
            "/admin/users/root/revoke",
            r#"{"reason":"affiliationChanged"}"#,
        ),
        ("/admin/users/root/revoke", ""),
    ] {
        let answer = desk.server.ask(who, "POST", path, Some(body)).unwrap();
        assert_eq!(answer.status, 400, "{path} {body}: {}", answer.text());
        assert!(!answer.text().contains("plum"), "{}", answer.text());
    }
    for path in [
        "/admin/users/Root",
        "/admin/users/ro%20ot",
        "/admin/users/ro%0aot",
        "/admin/users/%ff",
        "/admin/users/..%2f..%2froot.key",
        "/admin/certificates/0",
        "/admin/certificates/%00",
        "/admin/certificates?limit=10&order=1",
        "/admin/certificates?limit=-1",
        "/admin/certificates?limit=10002",
        "/admin/certificates?alias=A&limit=1",
        "/admin/certificates",
        "/admin/audit?after=0",
        "/admin/audit?after=x&limit=1",
        "/admin/audit?after=0&limit=1001",
    ] {
        let answer = desk.server.ask(who, "GET", path, None).unwrap();
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
    }
    let body = add("bob", NEW).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let answer = desk
            .server
            .ask_with(who, "POST", "/admin/users", kind, Some(&body));
        assert_eq!(answer.unwrap().status, 415, "{kind}");
    }
    let large = format!("{body}{}", " ".repeat(65_536));
    let answer = desk
        .server
        .ask(who, "POST", "/admin/users", Some(&large))
        .unwrap();
    assert_eq!(answer.status, 413);
    for (method, path, status) in [
        ("PATCH", "/admin/users/root", 405),
        ("DELETE", "/admin/users", 405),
        ("POST", "/admin/audit", 405),
        ("GET", "/admin", 404),
        ("GET", "/admin/users/root/password/x", 404),
    ] {
        let answer = desk.server.ask(who, method, path, None).unwrap();
        assert_eq!(answer.status, status, "{method} {path}");
    }
    assert_eq!(desk.org.audit_told(), before);
}

#[test]
fn the_log_says_which_administrator_it_was_and_from_where() {
    let desk = Desk::new();
    desk.ask("POST", "/admin/users", Some(&add("alice", NEW)));
    let page = desk.get("/admin/audit?after=0&limit=1000");
    let entries = page["entries"].as_array().unwrap();
    let last = entries.last().unwrap();
    assert_eq!(page["last"], last["seq"]);
    let told = ["actor", "source", "action", "object", "outcome"].map(|name| &last[name]);
    assert_eq!(
        told,
        ["root", "127.0.0.1", "user.add", "alice as member", "ok"]
    );
    assert!(entries.iter().any(|entry| entry["source"] == "console"));
    let some = desk.get("/admin/audit?after=1&limit=2");
    assert_eq!(some["entries"].as_array().unwrap()[..], entries[1..3]);
    assert_eq!(
        desk.get("/admin/audit?after=18446744073709551615&limit=9")["entries"],
        json!([])
    );
}
