//! A lost laptop: which certificates are one device's, and their end together.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use serde_json::{Value, json};
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
