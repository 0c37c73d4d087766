//! Guessers and honest people behind one address, on a clock that the tests set.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use auth_server::store::sqlite::SqliteStore;
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
    attempt("alice").succeeded(&store, noon()).await.unwrap();
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
    attempt("alice").succeeded(&store, noon()).await.unwrap();
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
            attempt("mallory").succeeded(&store, noon()).await.unwrap();
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
    attempt("bob").succeeded(&store, noon()).await.unwrap();
    for _ in 0..5 {
        attempt("bob")
            .failed(&store, "wrong password", noon())
            .await
            .unwrap();
        attempt("mallory").succeeded(&store, noon()).await.unwrap();
    }
    assert!(is_held_up(&store, "bob", noon()).await);
    assert!(!is_held_up(&store, "mallory", noon()).await);
}
