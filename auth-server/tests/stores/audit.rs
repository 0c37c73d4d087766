//! The audit log and its checkpoints.

use super::*;

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
        .set_details(&name, &details, &allowance(1), &by, noon())
        .await
        .unwrap();
    let subjects = ["strangers alice".to_owned()];
    fail(store, &subjects, noon(), noon()).await;
    for done in [
        UserChange::Role(&admin),
        UserChange::Unlock,
        UserChange::Revoke(RevocationReason::KeyCompromise),
        UserChange::Enable,
    ] {
        change(store, "alice", done, noon()).await.unwrap();
    }
    store
        .record_success(&success(&name, "k a"), &by, noon())
        .await
        .unwrap();
    fail(store, &[], noon(), noon()).await;
    change(store, "alice", UserChange::Remove, noon())
        .await
        .unwrap();
    // What fails leaves no trace.
    let again = change(store, "alice", UserChange::Enable, noon()).await;
    assert!(again.is_err());
    let page = store.audit_page(0, 100).await.unwrap();
    assert_eq!(page.last, 11);
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
            "login (no alias) wrong password".to_owned(),
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
    assert_eq!((none.entries.len(), none.last), (0, 11));
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

async fn how_far_the_log_was_told_is_remembered_whatever_is_vouched_for(store: &dyn Store) {
    let told = async || store.audit_told().await.unwrap();
    assert_eq!(told().await, 0);
    for name in ["alice", "bob", "carol"] {
        add(store, name).await.unwrap();
    }
    store.set_audit_told(2).await.unwrap();
    let last = store.audit_page(2, 1).await.unwrap().entries.remove(0);
    let vouched = Checkpoint {
        seq: last.seq,
        hash: last.hash,
        at: noon(),
        signature: vec![7; 64],
    };
    store.add_checkpoint(&vouched).await.unwrap();
    store
        .resume_after_restore(1000, &console(), noon())
        .await
        .unwrap();
    assert_eq!(told().await, 2);
}

suite!(
    how_far_the_log_was_told_is_remembered_whatever_is_vouched_for,
    every_change_is_in_the_audit_log_in_one_chain,
    checkpoints_come_with_their_entries,
);
