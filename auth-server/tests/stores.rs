//! One suite for any store. Each function takes a fresh one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use auth_server::audit::{Actor, GENESIS, Hash};
use auth_server::store::sqlite::SqliteStore;
use auth_server::store::{
    CertificateFilter, Details, FailedLogin, Issuance, Password, PasswordHash, Store, StoreError,
    UserState,
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
    let failed = FailedLogin {
        alias: None,
        subjects,
        forget_before,
        outcome: "wrong password",
    };
    store
        .record_failure(&failed, &console(), now)
        .await
        .unwrap();
}

fn entry(name: Option<&str>) -> LedgerEntry {
    LedgerEntry {
        serial: Serial::random().unwrap(),
        alias: name.map(alias),
        role: name.map(|_| member()),
        key_sha256: [7; 32],
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
    let subjects = ["a".to_owned(), "b".to_owned()];
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
    store.prune_attempts(later).await.unwrap();
    assert_eq!(counts(store.attempts(&subjects).await.unwrap()), [1, 0]);
    store
        .record_success(&alias("a"), "a", &console(), later)
        .await
        .unwrap();
    assert_eq!(counts(store.attempts(&subjects).await.unwrap()), [0, 0]);
}

async fn a_success_is_remembered_and_clears_its_own_failures_alone(store: &dyn Store) {
    let subjects = ["a".to_owned(), "b".to_owned()];
    let forget = noon() - Duration::days(1);
    fail(store, &subjects, forget, noon()).await;
    assert_eq!(store.last_success("a").await.unwrap(), None);
    store
        .record_success(&alias("a"), "a", &console(), noon())
        .await
        .unwrap();
    let later = noon() + Duration::hours(1);
    store
        .record_success(&alias("a"), "a", &console(), later)
        .await
        .unwrap();
    assert_eq!(store.last_success("a").await.unwrap(), Some(later));
    assert_eq!(store.last_success("b").await.unwrap(), None);
    let found = store.attempts(&subjects).await.unwrap();
    assert!(found[0].is_none() && found[1].is_some());
    store.prune_successes(later).await.unwrap();
    assert_eq!(store.last_success("a").await.unwrap(), Some(later));
    let end = later + Duration::seconds(1);
    store.prune_successes(end).await.unwrap();
    assert_eq!(store.last_success("a").await.unwrap(), None);
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
    store.record_success(&name, "a", &by, noon()).await.unwrap();
    fail(store, &[], noon(), noon()).await;
    store.remove(&name, &by, noon()).await.unwrap();
    // What fails leaves no trace.
    assert!(store.enable(&name, &by, noon()).await.is_err());
    let entries = store.entries(0, 100).await.unwrap();
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
    assert_eq!(store.entries(8, 1).await.unwrap(), entries[8..9]);
    assert_eq!(store.last_entry().await.unwrap().as_ref(), entries.last());
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
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("snapshot");
    std::fs::write(&path, b"").unwrap();
    store.snapshot_to(&path).await.unwrap();
    add(store, "bob").await.unwrap();
    let root = Fingerprint::of(&b"root".as_slice().into());
    let copy: &dyn Store = &SqliteStore::open(&path, &root).await.unwrap();
    assert_eq!(copy.users().await.unwrap().len(), 1);
    assert!(
        store.snapshot_to(&path).await.is_err(),
        "it has content now"
    );
}

async fn after_a_restore_numbers_only_rise_and_a_list_is_due(store: &dyn Store) {
    store.next_crl_number().await.unwrap();
    let before = store.revocations().await.unwrap();
    store
        .resume_after_restore(1000, &console(), noon())
        .await
        .unwrap();
    assert_eq!(store.next_crl_number().await.unwrap(), 1001);
    assert!(store.revocations().await.unwrap() > before);
    let last = store.last_entry().await.unwrap().unwrap();
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
    another_role_revokes_and_stops_what_is_under_way,
    a_revoked_certificate_is_not_renewed,
    certificates_are_found_by_holder_end_and_revocation,
    a_hash_is_replaced_only_while_the_password_is_the_same,
    a_census_counts_everything,
    a_snapshot_opens_like_the_store,
    after_a_restore_numbers_only_rise_and_a_list_is_due,
);
