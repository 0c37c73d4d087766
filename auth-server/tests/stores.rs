//! One suite for any store. Each function takes a fresh one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use auth_server::audit::{Actor, Checkpoint, GENESIS, Hash, Record, Start};
use auth_server::store::sqlite::SqliteStore;
use auth_server::store::{
    CertificateFilter, Counted, Details, FailedLogin, Issuance, MAX_RENEWALS, NewUser, Password,
    PasswordChange, PasswordHash, RENEWAL_WINDOW, Store, StoreError, SuccessfulLogin, UserState,
};
use common::identity::{Alias, Fingerprint, Role};
use root_ca::{LedgerEntry, RevocationReason, Serial};
use time::{Duration, OffsetDateTime};

fn noon() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::days(20_000)
}

fn alias(name: &str) -> Alias {
    name.parse().unwrap()
}

async fn add(store: &dyn Store, name: &str) -> Result<(), StoreError> {
    let password = Password::chosen(PasswordHash::new("$argon2id$...".into()));
    store
        .add_user(&alias(name), &member(), &password, &console(), noon())
        .await
}

fn member() -> Role {
    "member".parse().unwrap()
}

fn console() -> Actor {
    Actor::console()
}

async fn begin(store: &dyn Store, entry: &LedgerEntry) -> Result<(), StoreError> {
    let issuance = Issuance {
        by: &console(),
        renews: None,
        now: noon(),
    };
    store.about_to_sign(entry, &issuance).await
}

async fn finish(store: &dyn Store, serial: &Serial) -> Result<(), StoreError> {
    let issuance = Issuance {
        by: &console(),
        renews: None,
        now: noon(),
    };
    store.signed(serial, &issuance).await
}

async fn fail(
    store: &dyn Store,
    subjects: &[String],
    forget_before: OffsetDateTime,
    now: OffsetDateTime,
) {
    let counted = |subject: &String| Counted {
        subject: subject.clone(),
        forget_before,
    };
    let failed = FailedLogin {
        alias: None,
        counts_for: &subjects.iter().map(counted).collect::<Vec<_>>(),
        outcome: "wrong password",
    };
    store
        .record_failure(&failed, &console(), now)
        .await
        .unwrap();
}

fn success<'a>(alias: &'a Alias, subject: &str) -> SuccessfulLogin<'a> {
    SuccessfulLogin {
        alias,
        clears: subject.into(),
        takes_from: None,
        remembers: subject.into(),
    }
}

fn entry(name: Option<&str>) -> LedgerEntry {
    let mut key_sha256 = [7; 32];
    key_sha256[..16].copy_from_slice(Serial::random().unwrap().as_bytes());
    LedgerEntry {
        serial: Serial::random().unwrap(),
        alias: name.map(alias),
        role: name.map(|_| member()),
        key_sha256,
        not_before: noon(),
        not_after: noon() + Duration::hours(24),
    }
}

async fn issue(store: &dyn Store, name: &str) -> LedgerEntry {
    let entry = entry(Some(name));
    begin(store, &entry).await.unwrap();
    finish(store, &entry.serial).await.unwrap();
    entry
}

async fn people_come_and_go(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    assert!(matches!(
        add(store, "alice").await,
        Err(StoreError::AliasTaken { .. })
    ));
    let user = store.user(&alias("alice")).await.unwrap().unwrap();
    assert_eq!((user.state, user.created_at), (UserState::Active, noon()));
    assert_eq!(store.user(&alias("bob")).await.unwrap(), None);
    store
        .remove(&alias("alice"), &console(), noon())
        .await
        .unwrap();
    let gone = store.user(&alias("alice")).await.unwrap().unwrap();
    assert_eq!(
        (gone.state, gone.password.hash.expose()),
        (UserState::Removed, "")
    );
    assert!(store.users().await.unwrap().is_empty());
    assert!(matches!(
        add(store, "alice").await,
        Err(StoreError::AliasRetired { .. })
    ));
    let password = Password::chosen(PasswordHash::new("x".into()));
    for refused in [
        store.enable(&alias("alice"), &console(), noon()).await,
        store
            .set_password(&alias("alice"), &password, &console(), noon())
            .await,
        store
            .disable(&alias("alice"), &console(), noon())
            .await
            .map(drop),
    ] {
        assert!(matches!(refused, Err(StoreError::NoSuchUser { .. })));
    }
}

async fn certificates_are_recorded_before_and_after(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let first = entry(Some("alice"));
    assert!(finish(store, &first.serial).await.is_err());
    begin(store, &first).await.unwrap();
    assert!(begin(store, &first).await.is_err());
    finish(store, &first.serial).await.unwrap();
    assert!(finish(store, &first.serial).await.is_err());
    let own = entry(None);
    begin(store, &own).await.unwrap();
    finish(store, &own.serial).await.unwrap();
}

async fn disabling_revokes_everything_current_and_blocks(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    add(store, "bob").await.unwrap();
    let (one, two) = (issue(store, "alice").await, issue(store, "alice").await);
    let bobs = issue(store, "bob").await;
    let unfinished = entry(Some("alice"));
    begin(store, &unfinished).await.unwrap();
    let before = store.revocations().await.unwrap();
    assert_eq!(
        store
            .disable(&alias("alice"), &console(), noon())
            .await
            .unwrap(),
        3
    );
    assert!(store.revocations().await.unwrap() > before);
    let blocked = finish(store, &unfinished.serial).await;
    assert!(matches!(blocked, Err(StoreError::IssueBlocked)));
    let blocked = begin(store, &entry(Some("alice"))).await;
    assert!(matches!(blocked, Err(StoreError::IssueBlocked)));
    let revoked = store.revoked(noon()).await.unwrap();
    let is_revoked = |entry: &LedgerEntry| revoked.iter().any(|r| r.serial == entry.serial);
    assert!(is_revoked(&one) && is_revoked(&two) && is_revoked(&unfinished) && !is_revoked(&bobs));
    assert!(
        revoked
            .iter()
            .all(|r| r.reason == RevocationReason::PrivilegeWithdrawn)
    );
    assert!(revoked.iter().all(|r| r.revoked_at == noon()));
    store
        .enable(&alias("alice"), &console(), noon())
        .await
        .unwrap();
    issue(store, "alice").await;
    assert_eq!(store.revoked(noon()).await.unwrap().len(), 3);
    // Long after their end they need no listing.
    assert!(
        store
            .revoked(noon() + Duration::hours(25))
            .await
            .unwrap()
            .is_empty()
    );
    // Nor is anything revoked that has ended by itself.
    let later = noon() + Duration::days(2);
    assert_eq!(
        store
            .disable(&alias("alice"), &console(), later)
            .await
            .unwrap(),
        0
    );
}

async fn nobody_gets_a_certificate_without_an_account(store: &dyn Store) {
    let blocked = begin(store, &entry(Some("nobody"))).await;
    assert!(matches!(blocked, Err(StoreError::IssueBlocked)));
}

async fn crl_numbers_only_rise(store: &dyn Store) {
    for expected in 1..=5 {
        assert_eq!(store.next_crl_number().await.unwrap(), expected);
    }
}

async fn failures_are_counted_until_cleared_or_old(store: &dyn Store) {
    let subjects = ["k a".to_owned(), "k b".to_owned()];
    let forget = noon() - Duration::days(1);
    fail(store, &subjects, forget, noon()).await;
    fail(store, &subjects[..1], forget, noon()).await;
    let counts = |found: Vec<Option<auth_server::store::Attempts>>| -> Vec<u32> {
        found
            .iter()
            .map(|attempts| attempts.map_or(0, |a| a.failures))
            .collect()
    };
    assert_eq!(counts(store.attempts(&subjects).await.unwrap()), [2, 1]);
    let later = noon() + Duration::days(3);
    fail(store, &subjects[..1], later - Duration::days(1), later).await;
    assert_eq!(counts(store.attempts(&subjects).await.unwrap()), [1, 1]);
    store.prune_attempts("other", later).await.unwrap();
    assert_eq!(counts(store.attempts(&subjects).await.unwrap()), [1, 1]);
    store.prune_attempts("k", later).await.unwrap();
    assert_eq!(counts(store.attempts(&subjects).await.unwrap()), [1, 0]);
    store
        .record_success(&success(&alias("a"), "k a"), &console(), later)
        .await
        .unwrap();
    assert_eq!(counts(store.attempts(&subjects).await.unwrap()), [0, 0]);
}

async fn a_success_is_remembered_and_clears_its_own_failures_alone(store: &dyn Store) {
    let subjects = ["k a".to_owned(), "k b".to_owned()];
    let forget = noon() - Duration::days(1);
    fail(store, &subjects, forget, noon()).await;
    assert_eq!(store.last_success("k a").await.unwrap(), None);
    store
        .record_success(&success(&alias("a"), "k a"), &console(), noon())
        .await
        .unwrap();
    let later = noon() + Duration::hours(1);
    store
        .record_success(&success(&alias("a"), "k a"), &console(), later)
        .await
        .unwrap();
    assert_eq!(store.last_success("k a").await.unwrap(), Some(later));
    assert_eq!(store.last_success("k b").await.unwrap(), None);
    let found = store.attempts(&subjects).await.unwrap();
    assert!(found[0].is_none() && found[1].is_some());
    store.prune_successes(later).await.unwrap();
    assert_eq!(store.last_success("k a").await.unwrap(), Some(later));
    let end = later + Duration::seconds(1);
    store.prune_successes(end).await.unwrap();
    assert_eq!(store.last_success("k a").await.unwrap(), None);
}

async fn every_change_is_in_the_audit_log_in_one_chain(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let one = issue(store, "alice").await;
    let by = console();
    let details = Details {
        display_name: "Alice".into(),
        email: "alice@example.org".into(),
    };
    let admin: Role = "admin".parse().unwrap();
    let name = alias("alice");
    store
        .set_details(&name, &details, &by, noon())
        .await
        .unwrap();
    store.set_role(&name, &admin, &by, noon()).await.unwrap();
    store.unlock(&name, &by, noon()).await.unwrap();
    let reason = RevocationReason::KeyCompromise;
    store.revoke_user(&name, reason, &by, noon()).await.unwrap();
    store.enable(&name, &by, noon()).await.unwrap();
    store
        .record_success(&success(&name, "k a"), &by, noon())
        .await
        .unwrap();
    fail(store, &[], noon(), noon()).await;
    store.remove(&name, &by, noon()).await.unwrap();
    // What fails leaves no trace.
    assert!(store.enable(&name, &by, noon()).await.is_err());
    let page = store.audit_page(0, 100).await.unwrap();
    assert_eq!(page.last, 10);
    let entries = page.entries;
    let told: Vec<String> = entries
        .iter()
        .map(|entry| format!("{} {} {}", entry.action, entry.object, entry.outcome))
        .collect();
    assert_eq!(
        told,
        [
            "user.add alice as member ok".to_owned(),
            format!("cert.issue {} of alice ok", one.serial),
            "user.profile alice ok".to_owned(),
            "user.role alice is admin ok".to_owned(),
            "user.unlock alice ok".to_owned(),
            "user.revoke alice (keyCompromise) ok".to_owned(),
            "user.enable alice ok".to_owned(),
            "login alice ok".to_owned(),
            "login (no alias) wrong password".to_owned(),
            "user.rm alice ok".to_owned(),
        ]
    );
    let mut previous = Hash(GENESIS);
    for (number, entry) in (1..).zip(&entries) {
        assert_eq!(
            (entry.seq, entry.hash),
            (number, entry.hash_after(&previous))
        );
        previous = entry.hash;
    }
    let one = store.audit_page(8, 1).await.unwrap();
    assert_eq!(one.entries, entries[8..9]);
    let none = store.audit_page(u64::MAX, 10).await.unwrap();
    assert_eq!((none.entries.len(), none.last), (0, 10));
    let end = store.audit_end().await.unwrap();
    assert_eq!(end, entries.last().unwrap().into());
}

async fn checkpoints_come_with_their_entries(store: &dyn Store) {
    assert_eq!(store.audit_end().await.unwrap(), Start::GENESIS);
    assert_eq!(store.last_checkpoint().await.unwrap(), None);
    for name in ["alice", "bob", "carol"] {
        add(store, name).await.unwrap();
    }
    let entries = store.audit_page(0, 10).await.unwrap().entries;
    let checkpoint = |entry: &Record| Checkpoint {
        seq: entry.seq,
        hash: entry.hash,
        at: noon(),
        signature: vec![7; 64],
    };
    let (first, last) = (checkpoint(&entries[0]), checkpoint(&entries[2]));
    store.add_checkpoint(&first).await.unwrap();
    store.add_checkpoint(&last).await.unwrap();
    // The first word counts.
    let other = Checkpoint {
        signature: vec![8; 64],
        ..last.clone()
    };
    store.add_checkpoint(&other).await.unwrap();
    assert_eq!(store.last_checkpoint().await.unwrap(), Some(last.clone()));
    let with = async |after, limit| store.audit_page(after, limit).await.unwrap().checkpoints;
    assert_eq!(with(0, 10).await, [first.clone(), last.clone()]);
    assert_eq!(with(0, 2).await, [first]);
    assert_eq!(with(1, 1).await, []);
    assert_eq!(with(2, 1).await, [last]);
    assert_eq!(with(0, 0).await, []);
    // Of an entry that is not there, none.
    let beyond = Checkpoint { seq: 4, ..other };
    assert!(store.add_checkpoint(&beyond).await.is_err());
}

async fn another_role_revokes_and_stops_what_is_under_way(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let (one, under_way) = (issue(store, "alice").await, entry(Some("alice")));
    begin(store, &under_way).await.unwrap();
    let reader: Role = "reader".parse().unwrap();
    let name = alias("alice");
    let by = console();
    let revoked = store.set_role(&name, &reader, &by, noon()).await;
    assert_eq!(revoked.unwrap(), 2);
    assert!(finish(store, &under_way.serial).await.is_err());
    // A certificate for the old role cannot begin any more.
    assert!(begin(store, &entry(Some("alice"))).await.is_err());
    let found = store.certificate(&one.serial).await.unwrap().unwrap();
    assert_eq!(
        found.revoked,
        Some((noon(), RevocationReason::AffiliationChanged))
    );
}

async fn a_revoked_certificate_is_not_renewed(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    add(store, "bob").await.unwrap();
    let (old, bobs) = (issue(store, "alice").await, issue(store, "bob").await);
    let renew = async |old: &LedgerEntry| {
        let issuance = Issuance {
            by: &console(),
            renews: Some(old.serial),
            now: noon(),
        };
        let new = entry(Some("alice"));
        store.about_to_sign(&new, &issuance).await?;
        store.signed(&new.serial, &issuance).await?;
        Ok::<_, StoreError>(new)
    };
    let new = renew(&old).await.unwrap();
    let found = store.certificate(&new.serial).await.unwrap().unwrap();
    assert_eq!(found.renews, Some(old.serial));
    let told = store.audit_page(0, 100).await.unwrap().entries;
    let told = told.last().unwrap();
    let object = format!("{} of alice after {}", new.serial, old.serial);
    assert_eq!(
        (told.action.as_str(), &told.object),
        ("cert.renew", &object)
    );
    assert!(renew(&bobs).await.is_err());
    let reason = RevocationReason::KeyCompromise;
    let by = console();
    store
        .revoke(&old.serial, reason, &by, noon())
        .await
        .unwrap();
    assert!(renew(&old).await.is_err());
    // Revoking twice keeps the first reason and time.
    let again = RevocationReason::Superseded;
    store
        .revoke(&old.serial, again, &console(), noon() + Duration::hours(1))
        .await
        .unwrap();
    let found = store.certificate(&old.serial).await.unwrap().unwrap();
    assert_eq!(found.revoked, Some((noon(), reason)));
    let unknown = Serial::random().unwrap();
    assert!(matches!(
        store.revoke(&unknown, reason, &console(), noon()).await,
        Err(StoreError::NoSuchCertificate { .. })
    ));
}

async fn a_device_is_revoked_with_all_that_it_has_and_might_renew(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let (lost, kept) = (issue(store, "alice").await, issue(store, "alice").await);
    let next = renew(store, &lost).await.unwrap();
    let last = renew(store, &next).await.unwrap();
    // One more is being made while the device is revoked, by a certificate in its midst.
    let by = console();
    let issuance = Issuance {
        by: &by,
        renews: Some(last.serial),
        now: noon(),
    };
    let unfinished = entry(Some("alice"));
    store.about_to_sign(&unfinished, &issuance).await.unwrap();
    let reason = RevocationReason::KeyCompromise;
    let revoke = async |now| store.revoke(&next.serial, reason, &by, now).await.unwrap();
    assert_eq!(revoke(noon()).await, Some(3));
    assert!(store.signed(&unfinished.serial, &issuance).await.is_err());
    for gone in [&lost, &next, &last] {
        let found = store.certificate(&gone.serial).await.unwrap().unwrap();
        assert_eq!(found.revoked, Some((noon(), reason)));
        assert_eq!(found.device, lost.serial);
        assert!(renew(store, gone).await.is_err());
    }
    assert!(renew(store, &kept).await.is_ok());
    // Once is enough.
    let before = store.revocations().await.unwrap();
    let told = store.audit_page(0, 100).await.unwrap().entries;
    assert_eq!(revoke(noon() + Duration::hours(1)).await, None);
    assert_eq!(store.revocations().await.unwrap(), before);
    assert_eq!(store.audit_page(0, 100).await.unwrap().entries, told);
    let mut named: Vec<&str> = told
        .iter()
        .filter(|entry| entry.action == "cert.revoke")
        .map(|entry| entry.object.as_str())
        .collect();
    named.sort_unstable();
    let mut expected: Vec<String> = [&lost, &next, &last]
        .map(|gone| format!("{} (keyCompromise)", gone.serial))
        .into();
    expected.sort();
    assert_eq!(named, expected);
}

async fn a_device_whose_certificates_have_ended_is_revoked_as_long_as_it_might_renew(
    store: &dyn Store,
) {
    add(store, "alice").await.unwrap();
    let lost = issue(store, "alice").await;
    let next = renew(store, &lost).await.unwrap();
    let reason = RevocationReason::KeyCompromise;
    let ended = noon() + Duration::hours(25);
    let revoked = async |serial: &Serial| {
        let found = store.certificate(serial).await.unwrap().unwrap();
        found.revoked.map(|(at, _)| at)
    };
    let in_force = store.revoke(&lost.serial, reason, &console(), ended).await;
    assert_eq!(in_force.unwrap(), Some(0));
    assert_eq!(revoked(&next.serial).await, Some(ended));
    let entries = store.audit_page(0, 100).await.unwrap().entries;
    let told: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.action == "cert.revoke")
        .map(|entry| entry.object.as_str())
        .collect();
    assert_eq!(told, [format!("{} (keyCompromise)", lost.serial)]);
    // Nobody can renew what ended so long ago; it is revoked when it is named.
    let lost = issue(store, "alice").await;
    let next = renew(store, &lost).await.unwrap();
    let late = noon() + auth_server::store::MAX_GRACE + Duration::hours(25);
    let in_force = store.revoke(&next.serial, reason, &console(), late).await;
    assert_eq!(in_force.unwrap(), Some(0));
    assert_eq!(revoked(&next.serial).await, Some(late));
    assert_eq!(revoked(&lost.serial).await, None);
}

async fn renew_at(
    store: &dyn Store,
    old: &LedgerEntry,
    new: LedgerEntry,
    now: OffsetDateTime,
) -> Result<LedgerEntry, StoreError> {
    let issuance = Issuance {
        by: &console(),
        renews: Some(old.serial),
        now,
    };
    store.about_to_sign(&new, &issuance).await?;
    store.signed(&new.serial, &issuance).await?;
    Ok(new)
}

async fn renew(store: &dyn Store, old: &LedgerEntry) -> Result<LedgerEntry, StoreError> {
    let user = store.user(old.alias.as_ref().unwrap()).await?.unwrap();
    let mut new = entry(Some(user.alias.as_str()));
    new.role = Some(user.role);
    renew_at(store, old, new, noon()).await
}

async fn a_change_of_role_stands_against_no_renewal_but_everything_else_does(store: &dyn Store) {
    let (by, admin) = (console(), "admin".parse::<Role>().unwrap());
    for (name, spoilt) in [("alice", false), ("bob", true)] {
        add(store, name).await.unwrap();
        let old = issue(store, name).await;
        store
            .set_role(&alias(name), &admin, &by, noon())
            .await
            .unwrap();
        let found = store.certificate(&old.serial).await.unwrap().unwrap();
        assert!(found.revoked.is_some() && found.is_renewable());
        if spoilt {
            let reason = RevocationReason::KeyCompromise;
            let later = noon() + Duration::hours(1);
            store.revoke(&old.serial, reason, &by, later).await.unwrap();
            let found = store.certificate(&old.serial).await.unwrap().unwrap();
            // Since when it is worth nothing stays true; why is new.
            assert_eq!(found.revoked, Some((noon(), reason)));
            assert!(!found.is_renewable());
        }
        assert_eq!(renew(store, &old).await.is_err(), spoilt, "{name}");
    }
    // Blocking spoils it too, though it counts nothing that was in force.
    add(store, "carol").await.unwrap();
    let old = issue(store, "carol").await;
    let name = alias("carol");
    store.set_role(&name, &admin, &by, noon()).await.unwrap();
    assert_eq!(store.disable(&name, &by, noon()).await.unwrap(), 0);
    store.enable(&name, &by, noon()).await.unwrap();
    assert!(matches!(
        renew(store, &old).await,
        Err(StoreError::IssueBlocked)
    ));
    // A reason given by hand is no change of role.
    let login = store.user(&name).await.unwrap().unwrap();
    let mut fresh = entry(Some("carol"));
    fresh.role = Some(login.role);
    begin(store, &fresh).await.unwrap();
    finish(store, &fresh.serial).await.unwrap();
    let reason = RevocationReason::AffiliationChanged;
    store
        .revoke(&fresh.serial, reason, &by, noon())
        .await
        .unwrap();
    assert!(renew(store, &fresh).await.is_err());
}

async fn what_had_ended_before_its_holder_was_blocked_is_not_renewed_afterwards(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let lost = issue(store, "alice").await;
    let (by, name) = (console(), alias("alice"));
    let later = noon() + Duration::days(3);
    let reason = RevocationReason::KeyCompromise;
    let revoked = store.revoke_user(&name, reason, &by, later).await;
    assert_eq!(revoked.unwrap(), 0);
    store.enable(&name, &by, later).await.unwrap();
    assert!(matches!(
        renew(store, &lost).await,
        Err(StoreError::IssueBlocked)
    ));
}

async fn nothing_is_renewed_while_a_one_time_password_waits(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let old = issue(store, "alice").await;
    let mut password = Password::chosen(PasswordHash::new("x".into()));
    password.one_time_until = Some(noon() + Duration::days(7));
    let (by, name) = (console(), alias("alice"));
    store
        .set_password(&name, &password, &by, noon())
        .await
        .unwrap();
    assert!(renew(store, &old).await.is_err());
    let chosen = Password::chosen(PasswordHash::new("y".into()));
    store
        .set_password(&name, &chosen, &by, noon())
        .await
        .unwrap();
    assert!(renew(store, &old).await.is_ok());
}

async fn a_key_is_one_person_s_and_a_renewal_s_is_fresh(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    add(store, "bob").await.unwrap();
    let (alices, bobs) = (issue(store, "alice").await, issue(store, "bob").await);
    let with_key = |name, other: &LedgerEntry| LedgerEntry {
        key_sha256: other.key_sha256,
        ..entry(Some(name))
    };
    let taken = begin(store, &with_key("bob", &alices)).await;
    assert!(matches!(taken, Err(StoreError::KeyInUse)));
    for known in [&alices, &bobs] {
        let taken = renew_at(store, &bobs, with_key("bob", known), noon()).await;
        assert!(matches!(taken, Err(StoreError::KeyInUse)));
    }
    // After a login the same person may keep a key, as hardware that holds one does.
    begin(store, &with_key("bob", &bobs)).await.unwrap();
}

async fn a_device_renews_so_often_an_hour_and_no_more(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let (first, other_device) = (issue(store, "alice").await, issue(store, "alice").await);
    let mut last = first.clone();
    for turn in 0..MAX_RENEWALS {
        // In a row, or all from the same certificate: one device either way.
        let old = if turn % 2 == 0 { &first } else { &last };
        last = renew(store, old).await.unwrap();
    }
    for old in [&first, &last] {
        let Err(StoreError::TooManyRenewals { wait }) = renew(store, old).await else {
            panic!("no end of renewals");
        };
        assert_eq!(wait.as_secs(), 3600);
    }
    assert!(renew(store, &other_device).await.is_ok());
    let later = noon() + RENEWAL_WINDOW;
    let next = renew_at(store, &last, entry(Some("alice")), later).await;
    assert!(next.is_ok());
}

async fn the_last_crl_is_kept_and_never_replaced_by_an_older_one(store: &dyn Store) {
    assert_eq!(store.last_crl().await.unwrap(), None);
    store.keep_crl(2, b"two").await.unwrap();
    store.keep_crl(1, b"one").await.unwrap();
    let kept = store.last_crl().await.unwrap().unwrap();
    assert_eq!((kept.number, kept.der.as_slice()), (2, b"two".as_slice()));
    store.keep_crl(3, b"three").await.unwrap();
    assert_eq!(store.last_crl().await.unwrap().unwrap().number, 3);
}

async fn certificates_are_found_by_holder_end_and_revocation(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    add(store, "bob").await.unwrap();
    let (one, two) = (issue(store, "alice").await, issue(store, "bob").await);
    let reason = RevocationReason::KeyCompromise;
    store
        .revoke(&two.serial, reason, &console(), noon())
        .await
        .unwrap();
    let all = CertificateFilter {
        limit: 10,
        ..CertificateFilter::default()
    };
    let serials = async |filter: CertificateFilter| -> Vec<Serial> {
        let found = store.certificates(&filter).await.unwrap();
        found.iter().map(|record| record.serial).collect()
    };
    assert_eq!(serials(all.clone()).await.len(), 2);
    let limit = CertificateFilter {
        limit: 1,
        ..all.clone()
    };
    assert_eq!(serials(limit).await.len(), 1);
    let alices = CertificateFilter {
        alias: Some(alias("alice")),
        ..all.clone()
    };
    assert_eq!(serials(alices).await, [one.serial]);
    let revoked = CertificateFilter {
        revoked: Some(true),
        ..all.clone()
    };
    assert_eq!(serials(revoked).await, [two.serial]);
    let good = CertificateFilter {
        revoked: Some(false),
        ..all.clone()
    };
    assert_eq!(serials(good).await, [one.serial]);
    let role = |name: &str| CertificateFilter {
        role: Some(name.parse().unwrap()),
        ..all.clone()
    };
    assert_eq!(serials(role("member")).await.len(), 2);
    assert_eq!(serials(role("admin")).await, []);
    let next = renew(store, &one).await.unwrap();
    for member in [&one, &next] {
        let device = CertificateFilter {
            device_of: Some(member.serial),
            ..all.clone()
        };
        let found = serials(device).await;
        assert_eq!(found.len(), 2);
        assert!(found.contains(&one.serial) && found.contains(&next.serial));
    }
    let nobody_s = CertificateFilter {
        device_of: Serial::random(),
        ..all.clone()
    };
    assert_eq!(serials(nobody_s).await, []);
    let end = noon() + Duration::hours(24);
    let before = |moment| CertificateFilter {
        ends_before: Some(moment),
        ..all.clone()
    };
    assert_eq!(serials(before(end)).await, []);
    assert_eq!(serials(before(end + Duration::SECOND)).await.len(), 3);
    let ends_after = Some(noon() + Duration::hours(25));
    let later = CertificateFilter { ends_after, ..all };
    assert_eq!(serials(later).await, []);
}

async fn a_hash_is_replaced_only_while_the_password_is_the_same(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let name = alias("alice");
    let old = store.user(&name).await.unwrap().unwrap().password.hash;
    let stronger = PasswordHash::new("stronger".into());
    store.rehash(&name, &old, &stronger).await.unwrap();
    let chosen = Password::chosen(PasswordHash::new("chosen meanwhile".into()));
    store
        .set_password(&name, &chosen, &console(), noon())
        .await
        .unwrap();
    store.rehash(&name, &stronger, &old).await.unwrap();
    let user = store.user(&name).await.unwrap().unwrap();
    assert_eq!(user.password, chosen);
}

async fn a_success_takes_its_own_failures_out_of_a_common_count(store: &dyn Store) {
    let subjects = ["pair a".to_owned(), "all a".to_owned()];
    let forget = noon() - Duration::days(1);
    for _ in 0..3 {
        fail(store, &subjects, forget, noon()).await;
    }
    for _ in 0..4 {
        fail(store, &subjects[1..], forget, noon()).await;
    }
    let name = alias("a");
    let login = SuccessfulLogin {
        takes_from: Some("all a".into()),
        ..success(&name, "pair a")
    };
    for _ in 0..2 {
        store
            .record_success(&login, &console(), noon())
            .await
            .unwrap();
        let found = store.attempts(&subjects).await.unwrap();
        assert_eq!(found[0], None);
        assert_eq!(found[1].unwrap().failures, 4);
    }
}

async fn unlocking_forgets_all_failures_of_one_alias_alone(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let subjects = [
        "alias alice source 192.0.2.1",
        "alias alice device",
        "strangers alice",
        "strangers alice2",
        "alias alice2 device",
        "source 192.0.2.1",
    ]
    .map(str::to_owned);
    fail(store, &subjects, noon(), noon()).await;
    store
        .unlock(&alias("alice"), &console(), noon())
        .await
        .unwrap();
    let left = store.attempts(&subjects).await.unwrap();
    let left: Vec<bool> = left.iter().map(Option::is_some).collect();
    assert_eq!(left, [false, false, false, true, true, true]);
}

async fn a_password_is_changed_only_while_the_old_one_counts(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let name = alias("alice");
    let old = store.user(&name).await.unwrap().unwrap().password.hash;
    let new = Password::chosen(PasswordHash::new("new".into()));
    let change = PasswordChange {
        alias: &name,
        old: &old,
        new: &new,
    };
    let login = success(&name, "alias alice source x");
    let by = console();
    store
        .change_password(&change, &login, &by, noon())
        .await
        .unwrap();
    let user = store.user(&name).await.unwrap().unwrap();
    assert_eq!((user.password, user.last_login_at), (new.clone(), None));
    assert_eq!(
        store.last_success(&login.remembers).await.unwrap(),
        Some(noon())
    );
    let entries = store.audit_page(0, 10).await.unwrap().entries.len();
    let again = store.change_password(&change, &login, &by, noon()).await;
    assert!(matches!(again, Err(StoreError::PasswordReplaced)));
    store.disable(&name, &by, noon()).await.unwrap();
    let change = PasswordChange {
        old: &new.hash,
        ..change
    };
    let blocked = store.change_password(&change, &login, &by, noon()).await;
    assert!(matches!(blocked, Err(StoreError::PasswordReplaced)));
    // Disabling alone left a trace.
    assert_eq!(
        store.audit_page(0, 10).await.unwrap().entries.len(),
        entries + 1
    );
}

async fn many_people_are_added_together_or_not_at_all(store: &dyn Store) {
    add(store, "carol").await.unwrap();
    let user = |name: &str| NewUser {
        alias: alias(name),
        role: member(),
        password: Password::chosen(PasswordHash::new("x".into())),
        details: Details {
            display_name: name.to_uppercase(),
            email: String::new(),
        },
    };
    let by = console();
    for taken in [["alice", "carol"], ["alice", "alice"]] {
        let refused = store.add_users(&taken.map(user), &by, noon()).await;
        assert!(matches!(refused, Err(StoreError::AliasTaken { .. })));
        assert_eq!(store.users().await.unwrap().len(), 1);
    }
    assert_eq!(store.audit_page(0, 10).await.unwrap().entries.len(), 1);
    let users = ["alice", "bob"].map(user);
    store.add_users(&users, &by, noon()).await.unwrap();
    let bob = store.user(&alias("bob")).await.unwrap().unwrap();
    assert_eq!(bob.details.display_name, "BOB");
    assert_eq!(store.audit_page(0, 10).await.unwrap().entries.len(), 3);
}

async fn a_census_counts_everything(store: &dyn Store) {
    for name in ["alice", "bob", "carol"] {
        add(store, name).await.unwrap();
    }
    store
        .disable(&alias("bob"), &console(), noon())
        .await
        .unwrap();
    store
        .remove(&alias("carol"), &console(), noon())
        .await
        .unwrap();
    let (valid, gone, unsigned) = (
        entry(Some("alice")),
        entry(Some("alice")),
        entry(Some("alice")),
    );
    for one in [&valid, &gone] {
        begin(store, one).await.unwrap();
        finish(store, &one.serial).await.unwrap();
    }
    begin(store, &unsigned).await.unwrap();
    let reason = RevocationReason::KeyCompromise;
    store
        .revoke(&gone.serial, reason, &console(), noon())
        .await
        .unwrap();
    store.next_crl_number().await.unwrap();
    let census = store.census(noon()).await.unwrap();
    let users = census.users.map(|(state, count)| (state.as_str(), count));
    assert_eq!(users, [("active", 1), ("disabled", 1), ("removed", 1)]);
    assert_eq!(
        (
            census.valid,
            census.revoked,
            census.unsigned,
            census.expired
        ),
        (1, 1, 1, 0)
    );
    assert_eq!(census.crl_number, 1);
    assert_eq!(census.revocations, store.revocations().await.unwrap());
    let later = store.census(noon() + Duration::days(400)).await.unwrap();
    assert_eq!((later.valid, later.expired), (0, 1));
}

async fn a_snapshot_opens_like_the_store(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    store.keep_crl(7, b"seven").await.unwrap();
    let subjects = ["strangers alice".to_owned()];
    fail(store, &subjects, noon(), noon()).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("snapshot");
    std::fs::write(&path, b"").unwrap();
    store.snapshot_to(&path).await.unwrap();
    add(store, "bob").await.unwrap();
    let root = Fingerprint::of(&b"root".as_slice().into());
    let copy: &dyn Store = &SqliteStore::open(&path, &root).await.unwrap();
    assert_eq!(copy.users().await.unwrap().len(), 1);
    assert_eq!(
        copy.last_crl().await.unwrap(),
        store.last_crl().await.unwrap()
    );
    let failures = store.attempts(&subjects).await.unwrap();
    assert_eq!(copy.attempts(&subjects).await.unwrap(), failures);
    assert!(
        store.snapshot_to(&path).await.is_err(),
        "it has content now"
    );
}

async fn after_a_restore_numbers_only_rise_and_a_list_is_due(store: &dyn Store) {
    store.next_crl_number().await.unwrap();
    store.keep_crl(1, b"one").await.unwrap();
    let before = store.revocations().await.unwrap();
    store
        .resume_after_restore(1000, &console(), noon())
        .await
        .unwrap();
    assert_eq!(store.next_crl_number().await.unwrap(), 1001);
    // Peers may have a newer one.
    assert_eq!(store.last_crl().await.unwrap(), None);
    assert!(store.revocations().await.unwrap() > before);
    let last = auth_server::audit::last(store).await.unwrap().unwrap();
    assert_eq!(last.action, "restore");
    for lower in [0, 999, 1001] {
        let refused = store.resume_after_restore(lower, &console(), noon()).await;
        assert!(refused.is_err(), "{lower}");
    }
    assert_eq!(store.next_crl_number().await.unwrap(), 1002);
}

macro_rules! suite {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $test() {
                    let dir = tempfile::tempdir().unwrap();
                    let path = dir.path().join("store.sqlite");
                    std::fs::write(&path, b"").unwrap();
                    let root = super::Fingerprint::of(&b"root".as_slice().into());
                    let store = super::SqliteStore::create(&path, &root).await.unwrap();
                    super::$test(&store).await;
                }
            )+
        }
    };
}

suite!(
    people_come_and_go,
    certificates_are_recorded_before_and_after,
    disabling_revokes_everything_current_and_blocks,
    nobody_gets_a_certificate_without_an_account,
    crl_numbers_only_rise,
    failures_are_counted_until_cleared_or_old,
    a_success_is_remembered_and_clears_its_own_failures_alone,
    every_change_is_in_the_audit_log_in_one_chain,
    checkpoints_come_with_their_entries,
    another_role_revokes_and_stops_what_is_under_way,
    a_revoked_certificate_is_not_renewed,
    a_device_is_revoked_with_all_that_it_has_and_might_renew,
    a_device_whose_certificates_have_ended_is_revoked_as_long_as_it_might_renew,
    certificates_are_found_by_holder_end_and_revocation,
    a_hash_is_replaced_only_while_the_password_is_the_same,
    a_change_of_role_stands_against_no_renewal_but_everything_else_does,
    what_had_ended_before_its_holder_was_blocked_is_not_renewed_afterwards,
    nothing_is_renewed_while_a_one_time_password_waits,
    a_key_is_one_person_s_and_a_renewal_s_is_fresh,
    a_device_renews_so_often_an_hour_and_no_more,
    the_last_crl_is_kept_and_never_replaced_by_an_older_one,
    a_success_takes_its_own_failures_out_of_a_common_count,
    unlocking_forgets_all_failures_of_one_alias_alone,
    a_password_is_changed_only_while_the_old_one_counts,
    many_people_are_added_together_or_not_at_all,
    a_census_counts_everything,
    a_snapshot_opens_like_the_store,
    after_a_restore_numbers_only_rise_and_a_list_is_due,
);
