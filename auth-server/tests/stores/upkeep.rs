//! Counting, copying, restoring.

use super::*;

async fn a_census_counts_everything(store: &dyn Store) {
    for name in ["alice", "bob", "carol"] {
        add(store, name).await.unwrap();
    }
    for (name, done) in [("bob", UserChange::Disable), ("carol", UserChange::Remove)] {
        change(store, name, done, noon()).await.unwrap();
    }
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

async fn its_version_changes_with_what_is_written_and_with_nothing_else(store: &dyn Store) {
    let version = async || store.version().await.unwrap();
    let first = version().await;
    store.census(noon()).await.unwrap();
    store.audit_page(0, 10).await.unwrap();
    assert_eq!(version().await, first);
    add(store, "alice").await.unwrap();
    let second = version().await;
    assert_ne!(second, first);
    assert_eq!(version().await, second);
    change(store, "alice", UserChange::Disable, noon())
        .await
        .unwrap();
    assert_ne!(version().await, second);
}

async fn asking_whether_it_takes_changes_changes_nothing(store: &dyn Store) {
    add(store, "alice").await.unwrap();
    let before = store.census(noon()).await.unwrap();
    store.accepts_changes().await.unwrap();
    assert_eq!(store.census(noon()).await.unwrap(), before);
    // Nor does it keep what it took.
    add(store, "bob").await.unwrap();
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

suite!(
    its_version_changes_with_what_is_written_and_with_nothing_else,
    a_census_counts_everything,
    asking_whether_it_takes_changes_changes_nothing,
    a_snapshot_opens_like_the_store,
    after_a_restore_numbers_only_rise_and_a_list_is_due,
);
