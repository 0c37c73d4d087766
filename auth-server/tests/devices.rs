//! A lost laptop: which certificates are one device's, and their end together.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use rcgen::KeyPair;
use serde_json::{Value, json};
use support::desk::Desk;
use support::*;

/// `cert list` as JSON.
fn listed(org: &Org, more: &[&str]) -> Vec<Value> {
    let output = org.command(&[&["cert", "list", "--json"], more].concat());
    succeeded(&output);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_list_shows_which_certificates_are_one_device_s() {
    let org = Org::with_user("alice");
    let server = org.start();
    let laptop = server.member("alice", PASSWORD);
    let phone = server.member("alice", PASSWORD);
    let renewed = server.renew(&laptop).ok().unwrap();
    let found = listed(&org, &["--alias", "alice"]);
    let device = |member: &Member| {
        let serial = member.serial();
        let line = found.iter().find(|line| line["serial"] == serial.as_str());
        line.unwrap()["device"].clone()
    };
    assert_eq!(device(&laptop), laptop.serial());
    assert_eq!(device(&renewed), laptop.serial());
    assert_eq!(device(&phone), phone.serial());
    // One device after the other.
    let mut order: Vec<&Value> = found.iter().map(|line| &line["device"]).collect();
    order.dedup();
    assert_eq!((found.len(), order.len()), (3, 2));
    for (member, expected) in [(&laptop, 2), (&renewed, 2), (&phone, 1)] {
        let of = listed(&org, &["--device-of", &member.serial()]);
        assert_eq!(of.len(), expected);
    }
    let text = said(&org.command(&["cert", "list", "--alias", "alice"]));
    let short = &laptop.serial()[..8];
    let shown = |line: &&str| line.split_whitespace().nth(1) == Some(short);
    assert_eq!(text.lines().filter(shown).count(), 2, "{text}");
    let text = said(&org.command(&["cert", "show", &renewed.serial()]));
    assert!(
        text.contains(&format!("Device   {}", laptop.serial())),
        "{text}"
    );
}

#[test]
fn a_lost_device_is_revoked_by_any_of_its_certificates_and_the_others_go_on() {
    for which in 0..3 {
        let org = Org::with_user("alice");
        let server = org.start();
        let first = server.member("alice", PASSWORD);
        let other = server.member("alice", PASSWORD);
        let second = server.renew(&first).ok().unwrap();
        let lost = [first, server.renew(&second).ok().unwrap(), second];
        let told = org.report_stolen(&lost[which]);
        assert_eq!(
            told,
            "Revoked 3 certificates of one device of alice (keyCompromise).\n"
        );
        for member in &lost {
            assert_eq!(server.refusal(member).0, 403);
        }
        assert!(server.renew(&other).is_ok());
        assert_eq!(listed(&org, &["--revoked"]).len(), 3);
        let log = org.audit();
        let entries = log.iter().filter(|line| line.starts_with("cert.revoke"));
        assert_eq!(entries.count(), 3, "{log:?}");
    }
}

#[test]
fn who_revokes_while_no_server_runs_is_told_when_devices_hear_of_it() {
    const SILENCE: &str = "No server runs on this folder: devices hear of it when one starts";
    let org = Org::with_user("alice");
    let server = org.start();
    let (first, second) = (
        server.member("alice", PASSWORD),
        server.member("alice", PASSWORD),
    );
    let told = |args: &[&str]| {
        let output = org.command(args);
        succeeded(&output);
        said(&output).contains(SILENCE)
    };
    assert!(!told(&["cert", "revoke", &first.serial()]));
    server.stop(rustix::process::Signal::TERM);
    assert!(told(&["cert", "revoke", &second.serial()]));
    // What changed nothing is nothing to be heard of.
    assert!(!told(&["cert", "revoke", &second.serial()]));
    assert!(told(&["user", "revoke", "alice"]));
}

#[test]
fn what_is_revoked_already_is_said_to_be_and_nothing_changes() {
    let org = Org::with_user("alice");
    let server = org.start();
    let lost = server.member("alice", PASSWORD);
    let told = org.report_stolen(&lost);
    assert!(
        told.starts_with("Revoked 1 certificate of one device"),
        "{told}"
    );
    let (log, list) = (org.audit(), listed(&org, &["--all"]));
    let again = org.command(&["cert", "revoke", &lost.serial()]);
    succeeded(&again);
    let told = said(&again);
    assert!(
        told.starts_with(&format!("{} of alice was revoked on 20", lost.serial())),
        "{told}"
    );
    assert!(
        told.ends_with("Z already (keyCompromise); nothing was changed.\n"),
        "{told}"
    );
    assert_eq!(org.audit(), log);
    assert_eq!(listed(&org, &["--all"]), list);
}

fn login(server: &Server, shown: Option<&Member>, body: &Value) -> (Answer, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut body = body.clone();
    body["alias"] = "alice".into();
    body["csr"] = request(&key).into();
    (server.json(shown, "POST /verify", &body), key)
}

/// Logs in on a device that has a certificate.
fn again(server: &Server, member: &Member, more: &Value) -> Member {
    let mut body = more.clone();
    body["password"] = PASSWORD.into();
    let (answer, key) = login(server, Some(member), &body);
    Member {
        leaf: answer.certificate(),
        key,
    }
}

#[test]
fn a_stolen_device_keeps_nobody_but_itself_from_logging_in() {
    let org = Org::with_user("alice");
    let server = org.start();
    let (stolen, own) = (
        server.member("alice", PASSWORD),
        server.member("alice", PASSWORD),
    );
    let wrong = json!({"password": "not the password of alice"});
    let right = json!({"password": PASSWORD});
    let statuses: Vec<u16> = (0..7)
        .map(|_| login(&server, Some(&stolen), &wrong).0.status)
        .collect();
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429]);
    // From the same address: it would not be told to wait there if it were counted for the others.
    assert_eq!(login(&server, Some(&own), &right).0.status, 200);
    assert_eq!(login(&server, None, &right).0.status, 200);
    assert_eq!(login(&server, Some(&stolen), &right).0.status, 429);
    // Renewed it is the same device.
    let renewed = server.renew(&stolen).ok().unwrap();
    assert_eq!(login(&server, Some(&renewed), &wrong).0.status, 429);
}

#[test]
fn a_login_on_a_device_goes_on_with_its_line_and_is_revoked_with_it() {
    let org = Org::with_user("alice");
    let server = org.start();
    let first = server.member("alice", PASSWORD);
    let second = again(&server, &first, &json!({}));
    let third = again(&server, &server.renew(&second).ok().unwrap(), &json!({}));
    let lines = listed(&org, &["--alias", "alice"]);
    assert_eq!(lines.len(), 4);
    assert!(lines.iter().all(|line| line["device"] == first.serial()));
    // The first one stays good until somebody says otherwise.
    assert!(server.renew(&first).is_ok());
    let told = org.report_stolen(&first);
    assert!(told.starts_with("Revoked 5 certificates"), "{told}");
    for member in [&first, &second, &third] {
        assert_eq!(server.refusal(member).0, 403);
    }
    // Who knows the password gets in all the same, on a device of its own.
    let anew = again(&server, &third, &json!({}));
    let lines = listed(&org, &["--alias", "alice"]);
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["device"], anew.serial());
}

#[test]
fn a_certificate_of_somebody_else_or_a_key_of_before_begins_a_line_of_its_own() {
    let org = Org::with_user("alice");
    org.add("bob", PASSWORD);
    let server = org.start();
    let bob = server.member("bob", PASSWORD);
    let alice = again(&server, &bob, &json!({}));
    let body = json!({
        "alias": "alice", "password": PASSWORD, "csr": request(&alice.key),
    });
    let same_key = server.json(Some(&alice), "POST /verify", &body);
    assert_eq!(same_key.status, 200, "{}", same_key.text());
    let lines = listed(&org, &["--alias", "alice"]);
    let devices: Vec<&Value> = lines.iter().map(|line| &line["device"]).collect();
    assert_eq!(devices.len(), 2);
    assert_ne!(devices[0], devices[1]);
    assert!(lines.iter().all(|line| line["device"] != bob.serial()));
}

#[test]
fn the_list_says_where_devices_come_from_and_what_they_are_called() {
    let org = Org::with_user("alice");
    let server = org.start();
    let nameless = server.member("alice", PASSWORD);
    let body = json!({"password": PASSWORD, "device": "laptop-7"});
    let (answer, key) = login(&server, None, &body);
    let named = Member {
        leaf: answer.certificate(),
        key,
    };
    let renewed = server.renew(&named).ok().unwrap();
    let told = |member: &Member| {
        let shown = org.command(&["cert", "show", &member.serial(), "--json"]);
        let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
        ["device_name", "address", "login_address"].map(|field| shown[field].clone())
    };
    let here = json!("127.0.0.1");
    assert_eq!(told(&nameless), [Value::Null, here.clone(), here.clone()]);
    for member in [&named, &renewed] {
        assert_eq!(
            told(member),
            [json!("laptop-7"), here.clone(), here.clone()]
        );
    }
    // It was given another name.
    let other = again(&server, &renewed, &json!({"device": "laptop-8"}));
    assert_eq!(told(&other)[0], "laptop-8");
    assert_eq!(told(&server.renew(&other).ok().unwrap())[0], "laptop-8");
    let list = said(&org.command(&["cert", "list", "--alias", "alice"]));
    assert!(
        list.lines()
            .next()
            .unwrap()
            .ends_with("ADDRESS         NAME")
    );
    let shown = list.matches("127.0.0.1       laptop-7\n").count();
    assert_eq!(shown, 2, "{list}");
    let told = org.report_stolen(&other);
    assert!(
        told.contains("of one device of alice, laptop-8 (key"),
        "{told}"
    );
}

#[test]
fn a_device_s_address_is_that_of_its_login_and_of_its_last_renewal() {
    let org = Org::with_user("alice");
    let server = org.start();
    let member = server.member("alice", PASSWORD);
    let moved = "UPDATE certificates SET source = '192.0.2.7', login_source = '192.0.2.7'
                 WHERE alias IS NOT NULL";
    sql(&org, moved);
    let renewed = server.renew(&member).ok().unwrap();
    let text = said(&org.command(&["cert", "show", &renewed.serial()]));
    assert!(
        text.contains("Address  127.0.0.1\nLogin    192.0.2.7\n"),
        "{text}"
    );
    // A ledger from before this was kept knows nothing of it.
    let forgotten = "UPDATE certificates SET source = NULL, login_source = NULL";
    sql(&org, forgotten);
    let renewed = server.renew(&renewed).ok().unwrap();
    let text = said(&org.command(&["cert", "show", &renewed.serial()]));
    assert!(text.contains("Address  127.0.0.1\nLogin    -\n"), "{text}");
}

#[test]
fn no_name_of_a_device_misleads_or_never_ends() {
    let org = Org::with_user("alice");
    let server = org.start();
    for name in [
        "",
        "a\nb",
        "\u{1b}[2Jowned",
        "a b",
        "LAPTOP",
        "../x",
        "7",
        "a-",
        "\u{202e}potpal",
        &"a".repeat(33),
        &"a".repeat(60_000),
    ] {
        let body = json!({"password": PASSWORD, "device": name});
        assert_eq!(login(&server, None, &body).0.status, 400, "{name:?}");
    }
    for name in [json!(7), json!(["a"]), json!({"a": "b"})] {
        let body = json!({"password": PASSWORD, "device": name});
        assert_eq!(login(&server, None, &body).0.status, 400, "{name}");
    }
    // Refused before the password is looked at.
    assert!(!org.audit().iter().any(|line| line.starts_with("login")));
    for name in [Value::Null, json!("a"), json!("a".repeat(32))] {
        let body = json!({"password": PASSWORD, "device": name});
        assert_eq!(login(&server, None, &body).0.status, 200, "{name}");
    }
}

/// As the first version left it: one certificate revoked, the device not.
#[test]
fn a_device_that_goes_on_behind_a_revoked_certificate_is_revoked_by_that() {
    let org = Org::with_user("alice");
    let server = org.start();
    let first = server.member("alice", PASSWORD);
    let second = server.renew(&first).ok().unwrap();
    let alone = format!(
        "UPDATE certificates SET revoked_at = 1, reason = 0 WHERE serial = x'{}'",
        first.serial()
    );
    sql(&org, &alone);
    let told = org.report_stolen(&first);
    assert!(
        told.starts_with("Revoked 1 certificate of one device"),
        "{told}"
    );
    assert_eq!(server.refusal(&second).0, 403);
}

#[test]
fn an_administrator_revokes_a_device_over_the_network() {
    let org = Org::with_user("alice");
    org.add_as("root", "admin");
    let server = org.start();
    let root = server.member("root", PASSWORD);
    let lost = server.member("alice", PASSWORD);
    let renewed = server.renew(&lost).ok().unwrap();
    let path = format!(
        "/admin/certificates?limit=10&device_of={}",
        renewed.serial()
    );
    let found = server.ask(Some(&root), "GET", &path, None).unwrap();
    let found: Value = serde_json::from_slice(&found.body).unwrap();
    assert_eq!(found.as_array().unwrap().len(), 2);
    assert_eq!(found[0]["device"], lost.serial());
    let path = format!("/admin/certificates/{}/revoke", lost.serial());
    let order = |body: &str| {
        let answer = server.ask(Some(&root), "POST", &path, Some(body)).unwrap();
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        (answer.status, body)
    };
    for path in [path.as_str(), "/admin/users/alice/revoke"] {
        let why = r#"{"reason":"lost"}"#;
        let refused = server.ask(Some(&root), "POST", path, Some(why)).unwrap();
        let text = refused.text();
        assert_eq!(refused.status, 400, "{text}");
        assert!(text.contains("unspecified, keyCompromise, "), "{text}");
    }
    let why = r#"{"reason":"keyCompromise"}"#;
    assert_eq!(order(why), (200, json!({"revoked": 2})));
    assert_eq!(order(why), (200, json!({"revoked": null})));
    assert_eq!(server.refusal(&renewed).0, 403);
}

/// The auth server's own certificates, the newest first.
fn servers_own(org: &Org) -> Vec<String> {
    let list = org.command(&["cert", "list", "--json"]);
    succeeded(&list);
    let lines = String::from_utf8(list.stdout).unwrap();
    let certificates = lines
        .lines()
        .map(|line| -> Value { serde_json::from_str(line).unwrap() });
    let own = certificates.filter(|certificate| certificate["alias"].is_null());
    own.map(|own| own["serial"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_certificate_that_the_server_uses_is_not_revoked_and_an_older_one_is() {
    let Desk { server, root, org } = Desk::new();
    let [own] = &servers_own(&org)[..] else {
        panic!("one certificate");
    };
    let revoke = |serial: &str| org.command(&["cert", "revoke", serial]);
    failed(
        &revoke(own),
        1,
        "the auth server's own certificate, in use until",
    );
    failed(&revoke(own), 1, "start the server anew");
    let path = format!("/admin/certificates/{own}/revoke");
    let body = Some(r#"{"reason": "keyCompromise"}"#);
    let far = server.ask(Some(&root), "POST", &path, body).unwrap();
    assert_eq!(far.status, 409);
    let far = String::from_utf8(far.body).unwrap();
    assert!(
        far.contains("urn:orgshare:problem:own-certificate"),
        "{far}"
    );
    let refused =
        format!("cert.revoke {own} (keyCompromise) refused: the server's own certificate");
    assert!(org.audit().contains(&refused));
    drop(server);
    let _server = org.start();
    succeeded(&revoke(own));
    let now = servers_own(&org);
    assert!(!now.contains(own));
    failed(&revoke(&now[0]), 1, "the auth server's own certificate");
}
