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
    let login = |stays_from| SuccessfulLogin {
        ends: Some(Run {
            subject: "pair a".into(),
            counted_in: "all a".into(),
            stays_from,
        }),
        ..success(&name, "pair a")
    };
    for _ in 0..2 {
        store
            .record_success(&login(8), &console(), noon())
            .await
            .unwrap();
        let found = store.attempts(&subjects).await.unwrap();
        assert_eq!(found[0], None);
        assert_eq!(found[1].unwrap().failures, 4);
    }
    fail(store, &subjects, forget, noon()).await;
    // Once the common count has come so far, it stays.
    store
        .record_success(&login(5), &console(), noon())
        .await
        .unwrap();
    let found = store.attempts(&subjects).await.unwrap();
    assert_eq!(found[0], None);
    assert_eq!(found[1].unwrap().failures, 5);
}

async fn failures_are_forgotten_one_by_one(store: &dyn Store) {
    let subject = ["k a".to_owned()];
    let fail_at = async |now| {
        let counted = Counted {
            subject: subject[0].clone(),
            forget_before: now - Duration::days(1),
            forget_one_after: Some(std::time::Duration::from_secs(60)),
        };
        let failed = FailedLogin {
            alias: None,
            counts_for: &[counted],
            outcome: "wrong password",
        };
        store
            .record_failure(&failed, &console(), now)
            .await
            .unwrap();
        store.attempts(&subject).await.unwrap()[0].unwrap().failures
    };
    for n in 1..=5 {
        assert_eq!(fail_at(noon()).await, n);
    }
    for (seconds, left) in [
        (59, 6),
        (119, 6),
        (299, 4),
        (3_000, 1),
        (0, 2),
        (200_000, 1),
    ] {
        let now = noon() + Duration::seconds(seconds);
        assert_eq!(fail_at(now).await, left, "after {seconds} s");
    }
}

async fn unlocking_forgets_all_failures_of_one_alias_alone(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let subjects = [
        "alias alice source 192.0.2.1",
        "alias alice source 192.0.2.1 in a row",
        "alias alice device 00ff",
        "strangers alice",
        "strangers alice2",
        "alias alice2 device 00ff",
        "source 192.0.2.1",
    ]
    .map(str::to_owned);
    fail(store, &subjects, noon(), noon()).await;
    change(store, "alice", UserChange::Unlock, noon())
        .await
        .unwrap();
    let left = store.attempts(&subjects).await.unwrap();
    let left: Vec<bool> = left.iter().map(Option::is_some).collect();
    assert_eq!(left, [false, false, false, false, true, true, true]);
}

suite!(
    failures_are_counted_until_cleared_or_old,
    a_success_is_remembered_and_clears_its_own_failures_alone,
    a_success_takes_its_own_failures_out_of_a_common_count,
    failures_are_forgotten_one_by_one,
    unlocking_forgets_all_failures_of_one_alias_alone,
);
