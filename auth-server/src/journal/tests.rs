use std::sync::Arc;

use super::*;
use crate::audit::{Action, Event, OK};
use crate::denials::Denials;
use crate::password::PasswordChecker;
use crate::publish::CrlPublisher;
use crate::store::sqlite::SqliteStore;
use crate::store::{AuditStore, Store};
use crate::throttle::Checks;
use common::identity::Alias;
use root_ca::{Authority, KeyType, Profile, ProfileConfig, SoftwareKey};

async fn app(folder: &std::path::Path, now: OffsetDateTime) -> App {
    let key = SoftwareKey::generate(KeyType::P256).unwrap();
    let authority = Authority::create("Acme", Box::new(key), now).unwrap();
    let path = folder.join("store.sqlite");
    std::fs::write(&path, b"").unwrap();
    let root = authority.root().fingerprint();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::create(&path, &root).await.unwrap());
    App {
        events: Arc::new(crate::events::Hub::new(1, 1, 1)),
        crl: CrlPublisher::start(&authority, store.as_ref(), now)
            .await
            .unwrap(),
        authority,
        profile: Profile::new(&ProfileConfig::default()).unwrap(),
        store,
        passwords: PasswordChecker::new(1).unwrap(),
        renewal_grace: Duration::ZERO,
        root_pem: String::new(),
        checks: Checks::default(),
        denials: Denials::default(),
        store_watch: crate::store_watch::StoreWatch::default(),
    }
}

async fn write(store: &dyn AuditStore, now: OffsetDateTime) {
    let alice: Alias = "alice".parse().unwrap();
    let event = Event {
        by: &Actor::console(),
        action: Action::UnlockUser,
        object: alice.to_string(),
        outcome: OK,
    };
    store.append(&event, now).await.unwrap();
}

#[tokio::test]
async fn the_root_key_signs_at_the_start_hourly_and_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let start = OffsetDateTime::now_utc();
    let app = app(folder.path(), start).await;
    let mut journal = Journal::open(&app, true, start).await.unwrap();
    let signed = async || {
        app.store
            .last_checkpoint()
            .await
            .unwrap()
            .map(|last| last.seq)
    };
    journal.turn(&app, start).await;
    assert_eq!(signed().await, None);
    write(app.store.as_ref(), start).await;
    for (minutes, expected) in [(1, None), (59, None), (60, Some(1)), (120, Some(1))] {
        journal
            .turn(&app, start + time::Duration::minutes(minutes))
            .await;
        assert_eq!(signed().await, expected, "after {minutes} minutes");
    }
    write(app.store.as_ref(), start).await;
    for (minutes, expected) in [(121, 1), (179, 1), (180, 2)] {
        journal
            .turn(&app, start + time::Duration::minutes(minutes))
            .await;
        assert_eq!(signed().await, Some(expected), "after {minutes} minutes");
    }
    assert_eq!(journal.told, 2);
    write(app.store.as_ref(), start).await;
    journal.close(&app).await;
    assert_eq!(signed().await, Some(3));
    let last = app.store.last_checkpoint().await.unwrap().unwrap();
    assert_eq!(last.verify(app.authority.root()), Ok(()));
    assert_eq!(app.store.audit_told().await.unwrap(), 3);
}

#[tokio::test]
async fn an_entry_that_is_vouched_for_and_not_told_is_told_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let now = OffsetDateTime::now_utc();
    let app = app(folder.path(), now).await;
    write(app.store.as_ref(), now).await;
    let mut journal = Journal::open(&app, true, now).await.unwrap();
    journal.turn(&app, now).await;
    assert_eq!(journal.told, 1);
    // It comes between, and the root key vouches for it; then the power fails.
    write(app.store.as_ref(), now).await;
    let vouched = checkpoint(&app, now).await.unwrap().unwrap();
    assert_eq!(vouched.seq, 2);
    drop(journal);
    let journal = Journal::open(&app, true, now).await.unwrap();
    assert_eq!(journal.told, 1);
    // At an orderly stop nothing that is vouched for stays untold.
    write(app.store.as_ref(), now).await;
    journal.close(&app).await;
    let vouched = app.store.last_checkpoint().await.unwrap().unwrap();
    assert_eq!(vouched.seq, 3);
    assert_eq!(app.store.audit_told().await.unwrap(), 3);
}

#[tokio::test]
async fn what_nobody_reads_is_vouched_for_and_is_not_taken_for_told() {
    let folder = tempfile::tempdir().unwrap();
    let now = OffsetDateTime::now_utc();
    let app = app(folder.path(), now).await;
    write(app.store.as_ref(), now).await;
    let mut journal = Journal::open(&app, true, now).await.unwrap();
    let (reader, written) = oneshot::channel();
    journal.under_way = Some(UnderWay { until: 1, written });
    journal.turn(&app, now).await;
    let vouched = app.store.last_checkpoint().await.unwrap().unwrap();
    assert_eq!(vouched.seq, 1);
    assert_eq!(app.store.audit_told().await.unwrap(), 0);
    reader.send(()).unwrap();
    journal.turn(&app, now).await;
    assert_eq!(app.store.audit_told().await.unwrap(), 1);
}

#[tokio::test]
async fn what_a_dialogue_does_not_show_is_left_to_a_later_server() {
    let folder = tempfile::tempdir().unwrap();
    let now = OffsetDateTime::now_utc();
    let app = app(folder.path(), now).await;
    write(app.store.as_ref(), now).await;
    let journal = Journal::open(&app, false, now).await.unwrap();
    journal.close(&app).await;
    let vouched = app.store.last_checkpoint().await.unwrap().unwrap();
    assert_eq!(vouched.seq, 1);
    assert_eq!(app.store.audit_told().await.unwrap(), 0);
}

#[tokio::test]
async fn entries_behind_a_cut_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let now = OffsetDateTime::now_utc();
    let app = app(folder.path(), now).await;
    write(app.store.as_ref(), now).await;
    // Somebody took entries away with their numbers, or wrote that all to come was told.
    app.store.set_audit_told(10).await.unwrap();
    let mut journal = Journal::open(&app, true, now).await.unwrap();
    journal.turn(&app, now).await;
    assert_eq!(app.store.audit_told().await.unwrap(), 1);
    write(app.store.as_ref(), now).await;
    journal.turn(&app, now).await;
    assert_eq!(app.store.audit_told().await.unwrap(), 2);
}
