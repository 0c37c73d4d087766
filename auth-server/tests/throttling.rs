//! Guessers and honest people behind one address, on a clock that the tests set.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use auth_server::audit::Actor;
use auth_server::store::sqlite::SqliteStore;
use auth_server::store::{Password, PasswordHash, UserStore};
use auth_server::throttle::{Attempt, Source, prune};
use common::identity::Fingerprint;
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

fn noon() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::days(20_000)
}

fn root() -> Fingerprint {
    Fingerprint::of(&b"root".as_slice().into())
}

async fn store() -> (TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    std::fs::write(&path, b"").unwrap();
    let store = SqliteStore::create(&path, &root()).await.unwrap();
    (dir, store)
}

fn attempt(alias: &str) -> Attempt {
    let source = Source::of("192.0.2.1".parse().unwrap());
    Attempt::new(Some(&alias.parse().unwrap()), source)
}

async fn succeed(store: &SqliteStore, alias: &str, now: OffsetDateTime) {
    let success = attempt(alias);
    let alias = alias.parse().unwrap();
    success.succeeded(store, &alias, now).await.unwrap();
}

async fn is_held_up(store: &SqliteStore, alias: &str, now: OffsetDateTime) -> bool {
    attempt(alias)
        .must_wait(store, now)
        .await
        .unwrap()
        .is_some()
}

async fn strangers_fail(store: &SqliteStore, now: OffsetDateTime) {
    for n in 0..40 {
        attempt(&format!("ghost{n}"))
            .failed(store, "wrong password", now)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn who_logged_in_from_there_lately_is_not_held_up_by_others() {
    let (dir, store) = store().await;
    succeed(&store, "alice", noon()).await;
    let almost = noon() + Duration::days(30);
    strangers_fail(&store, almost).await;
    prune(&store, almost).await.unwrap();
    drop(store);
    let path = dir.path().join("store.sqlite");
    let store = SqliteStore::open(&path, &root()).await.unwrap();
    assert!(!is_held_up(&store, "alice", almost).await);
    assert!(is_held_up(&store, "bob", almost).await);
    // Elsewhere she is as unknown as anybody.
    let elsewhere = Source::of("192.0.2.2".parse().unwrap());
    for n in 0..40 {
        let ghost = format!("ghost{n}").parse().unwrap();
        let attempt = Attempt::new(Some(&ghost), elsewhere);
        attempt
            .failed(&store, "wrong password", almost)
            .await
            .unwrap();
    }
    let alice = Attempt::new(Some(&"alice".parse().unwrap()), elsewhere);
    assert!(alice.must_wait(&store, almost).await.unwrap().is_some());
    // And after 30 days here too.
    let over = almost + Duration::seconds(1);
    assert!(is_held_up(&store, "alice", over).await);
}

#[tokio::test]
async fn who_logged_in_from_there_is_still_held_up_by_guesses_at_his_own_password() {
    let (_dir, store) = store().await;
    succeed(&store, "alice", noon()).await;
    for _ in 0..5 {
        assert!(!is_held_up(&store, "alice", noon()).await);
        attempt("alice")
            .failed(&store, "wrong password", noon())
            .await
            .unwrap();
    }
    assert!(is_held_up(&store, "alice", noon()).await);
}

#[tokio::test]
async fn logging_in_between_guesses_at_colleagues_does_not_help() {
    let (_dir, store) = store().await;
    let mut guesses = 0;
    for n in 0..100 {
        if n % 20 == 0 {
            succeed(&store, "mallory", noon()).await;
        }
        let colleague = format!("colleague{n}");
        if !is_held_up(&store, &colleague, noon()).await {
            attempt(&colleague)
                .failed(&store, "wrong password", noon())
                .await
                .unwrap();
            guesses += 1;
        }
    }
    assert_eq!(guesses, 30);
}

#[tokio::test]
async fn own_successes_do_not_clear_the_count_of_one_colleague() {
    let (_dir, store) = store().await;
    succeed(&store, "bob", noon()).await;
    for _ in 0..5 {
        attempt("bob")
            .failed(&store, "wrong password", noon())
            .await
            .unwrap();
        succeed(&store, "mallory", noon()).await;
    }
    assert!(is_held_up(&store, "bob", noon()).await);
    assert!(!is_held_up(&store, "mallory", noon()).await);
}

/// An attempt from the n-th of many places.
fn from_afar(alias: &str, n: u16) -> Attempt {
    let source = std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, n, 0, 0, 0, 1);
    Attempt::new(Some(&alias.parse().unwrap()), Source::of(source.into()))
}

async fn waits(store: &SqliteStore, attempt: &Attempt, now: OffsetDateTime) -> Option<u64> {
    let wait = attempt.must_wait(store, now).await.unwrap();
    wait.map(|wait| wait.as_secs())
}

async fn a_hundred_places_fail(store: &SqliteStore, alias: &str) {
    for n in 0..100 {
        let guess = from_afar(alias, n);
        assert_eq!(waits(store, &guess, noon()).await, None, "guess {n}");
        guess.failed(store, "wrong password", noon()).await.unwrap();
    }
}

#[tokio::test]
async fn after_a_hundred_failures_only_who_is_at_home_may_try_an_alias() {
    let (_dir, store) = store().await;
    let name = "alice".parse().unwrap();
    succeed(&store, "alice", noon()).await;
    a_hundred_places_fail(&store, "alice").await;
    let stranger = from_afar("alice", 1000);
    assert_eq!(waits(&store, &stranger, noon()).await, Some(900));
    // Waiting does not help, and the hourly tidying up neither.
    let later = noon() + Duration::days(29);
    prune(&store, later).await.unwrap();
    assert_eq!(waits(&store, &stranger, later).await, Some(900));
    assert!(!is_held_up(&store, "alice", later).await);
    let device = from_afar("alice", 1000).by_device_of(&name);
    assert_eq!(waits(&store, &device, later).await, None);
    let foreign = from_afar("alice", 1000).by_device_of(&"bob".parse().unwrap());
    assert_eq!(waits(&store, &foreign, later).await, Some(900));
    // Her own logins let no stranger in again; the administrator does.
    succeed(&store, "alice", later).await;
    device.succeeded(&store, &name, later).await.unwrap();
    assert_eq!(
        waits(&store, &from_afar("alice", 1001), later).await,
        Some(900)
    );
    // Where her device was, she is at home now.
    assert_eq!(waits(&store, &stranger, later).await, None);
    assert_eq!(waits(&store, &from_afar("bob", 1001), later).await, None);
}

#[tokio::test]
async fn an_alias_that_nobody_has_is_counted_like_any_other() {
    let (_dir, store) = store().await;
    let password = Password::chosen(PasswordHash::new("x".into()));
    let (alias, role) = ("alice".parse().unwrap(), "member".parse().unwrap());
    let by = Actor::console();
    store
        .add_user(&alias, &role, &password, &by, noon())
        .await
        .unwrap();
    for name in ["alice", "nobody"] {
        a_hundred_places_fail(&store, name).await;
    }
    for days in [0, 1, 30, 364, 365, 366, 1000] {
        let now = noon() + Duration::days(days);
        prune(&store, now).await.unwrap();
        let [alice, nobody] = ["alice", "nobody"].map(|name| from_afar(name, 1000));
        let wait = waits(&store, &alice, now).await;
        assert_eq!(wait, waits(&store, &nobody, now).await);
        assert_eq!(wait.is_some(), days <= 365, "after {days} days");
    }
    let user = store.user(&alias).await.unwrap().unwrap();
    assert_eq!(user.failed_logins, 100);
}

#[tokio::test]
async fn guesses_with_a_stolen_device_are_slowed_down_wherever_it_is() {
    let (_dir, store) = store().await;
    let name = "alice".parse().unwrap();
    for n in 0..5 {
        let guess = from_afar("alice", n).by_device_of(&name);
        assert_eq!(waits(&store, &guess, noon()).await, None);
        guess
            .failed(&store, "wrong password", noon())
            .await
            .unwrap();
    }
    let guess = from_afar("alice", 9).by_device_of(&name);
    assert_eq!(waits(&store, &guess, noon()).await, Some(4));
    // She herself, elsewhere and without it, is not.
    assert!(!is_held_up(&store, "alice", noon()).await);
}
