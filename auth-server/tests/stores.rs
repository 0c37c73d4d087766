//! One suite for any store. Each function takes a fresh one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use auth_server::store::sqlite::SqliteStore;
use auth_server::store::{PasswordHash, Store, StoreError, UserState};
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
    let role: Role = "member".parse().unwrap();
    let hash = PasswordHash::new("$argon2id$...".into());
    store.add_user(&alias(name), &role, &hash, noon()).await
}

fn entry(name: Option<&str>) -> LedgerEntry {
    LedgerEntry {
        serial: Serial::random().unwrap(),
        alias: name.map(alias),
        key_sha256: [7; 32],
        not_before: noon(),
        not_after: noon() + Duration::hours(24),
    }
}

async fn issue(store: &dyn Store, name: &str) -> LedgerEntry {
    let entry = entry(Some(name));
    store.about_to_sign(&entry, noon()).await.unwrap();
    store.signed(&entry.serial).await.unwrap();
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
    store.remove(&alias("alice"), noon()).await.unwrap();
    let gone = store.user(&alias("alice")).await.unwrap().unwrap();
    assert_eq!(
        (gone.state, gone.password.expose()),
        (UserState::Removed, "")
    );
    assert!(store.users().await.unwrap().is_empty());
    assert!(matches!(
        add(store, "alice").await,
        Err(StoreError::AliasRetired { .. })
    ));
    let hash = PasswordHash::new("x".into());
    for refused in [
        store.enable(&alias("alice"), noon()).await,
        store.set_password(&alias("alice"), &hash, noon()).await,
        store.disable(&alias("alice"), noon()).await.map(drop),
    ] {
        assert!(matches!(refused, Err(StoreError::NoSuchUser { .. })));
    }
}

async fn certificates_are_recorded_before_and_after(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let first = entry(Some("alice"));
    assert!(store.signed(&first.serial).await.is_err());
    store.about_to_sign(&first, noon()).await.unwrap();
    assert!(store.about_to_sign(&first, noon()).await.is_err());
    store.signed(&first.serial).await.unwrap();
    assert!(store.signed(&first.serial).await.is_err());
    let own = entry(None);
    store.about_to_sign(&own, noon()).await.unwrap();
    store.signed(&own.serial).await.unwrap();
}

async fn disabling_revokes_everything_current_and_blocks(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    add(store, "bob").await.unwrap();
    let (one, two) = (issue(store, "alice").await, issue(store, "alice").await);
    let bobs = issue(store, "bob").await;
    let unfinished = entry(Some("alice"));
    store.about_to_sign(&unfinished, noon()).await.unwrap();
    let before = store.revocations().await.unwrap();
    assert_eq!(store.disable(&alias("alice"), noon()).await.unwrap(), 3);
    assert!(store.revocations().await.unwrap() > before);
    let blocked = store.signed(&unfinished.serial).await;
    assert!(matches!(blocked, Err(StoreError::IssueBlocked)));
    let blocked = store.about_to_sign(&entry(Some("alice")), noon()).await;
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
    store.enable(&alias("alice"), noon()).await.unwrap();
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
    assert_eq!(store.disable(&alias("alice"), later).await.unwrap(), 0);
}

async fn nobody_gets_a_certificate_without_an_account(store: &dyn Store) {
    let blocked = store.about_to_sign(&entry(Some("nobody")), noon()).await;
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
    store
        .record_failure(&subjects, forget, noon())
        .await
        .unwrap();
    store
        .record_failure(&subjects[..1], forget, noon())
        .await
        .unwrap();
    let counts = |found: Vec<Option<auth_server::store::Attempts>>| -> Vec<u32> {
        found
            .iter()
            .map(|attempts| attempts.map_or(0, |a| a.failures))
            .collect()
    };
    assert_eq!(counts(store.attempts(&subjects).await.unwrap()), [2, 1]);
    let later = noon() + Duration::days(3);
    store
        .record_failure(&subjects[..1], later - Duration::days(1), later)
        .await
        .unwrap();
    assert_eq!(counts(store.attempts(&subjects).await.unwrap()), [1, 1]);
    store.prune_attempts(later).await.unwrap();
    assert_eq!(counts(store.attempts(&subjects).await.unwrap()), [1, 0]);
    store.record_success("a", later).await.unwrap();
    assert_eq!(counts(store.attempts(&subjects).await.unwrap()), [0, 0]);
}

async fn a_success_is_remembered_and_clears_its_own_failures_alone(store: &dyn Store) {
    let subjects = ["a".to_owned(), "b".to_owned()];
    let forget = noon() - Duration::days(1);
    store
        .record_failure(&subjects, forget, noon())
        .await
        .unwrap();
    assert_eq!(store.last_success("a").await.unwrap(), None);
    store.record_success("a", noon()).await.unwrap();
    let later = noon() + Duration::hours(1);
    store.record_success("a", later).await.unwrap();
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
);
