//! Failed and successful logins.

use super::*;

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
    change(store, "alice", UserChange::Unlock, noon())
        .await
        .unwrap();
    let left = store.attempts(&subjects).await.unwrap();
    let left: Vec<bool> = left.iter().map(Option::is_some).collect();
    assert_eq!(left, [false, false, false, true, true, true]);
}

suite!(
    failures_are_counted_until_cleared_or_old,
    a_success_is_remembered_and_clears_its_own_failures_alone,
    a_success_takes_its_own_failures_out_of_a_common_count,
    unlocking_forgets_all_failures_of_one_alias_alone,
);
