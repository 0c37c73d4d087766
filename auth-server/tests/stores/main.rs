//! One suite for any store. Each function takes a fresh one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use auth_server::audit::{Actor, Checkpoint, GENESIS, Hash, Record, Start};
use auth_server::store::sqlite::SqliteStore;
use auth_server::store::{
    Allowance, CertificateFilter, Counted, Denied, Details, FailedLogin, Issuance, MAX_RENEWALS,
    NewUser, Password, PasswordChange, PasswordHash, Run, Store, StoreError, SuccessfulLogin,
    UserChange, UserState, WINDOW,
};
use auth_server::throttle::Source;
use common::identity::{Alias, Fingerprint, Role};
use root_ca::{LedgerEntry, RevocationReason, Serial};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

/// A test for each function, on a fresh store of each kind.
macro_rules! suite {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $test() {
                    let (_dir, store) = crate::fresh_sqlite().await;
                    super::$test(&store).await;
                }
            )+
        }
    };
}

mod attempts;
mod audit;
mod bounds;
mod crls;
mod ledger;
mod orders;
mod renewals;
mod upkeep;
mod users;

async fn fresh_sqlite() -> (TempDir, SqliteStore) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    std::fs::write(&path, b"").unwrap();
    let root = Fingerprint::of(&b"root".as_slice().into());
    let store = SqliteStore::create(&path, &root).await.unwrap();
    (dir, store)
}

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

/// What the console changes about somebody.
async fn change(
    store: &dyn Store,
    name: &str,
    change: UserChange<'_>,
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    store
        .change_user(&alias(name), change, &console(), now)
        .await
        .map(Option::unwrap_or_default)
}

/// One of each kind, the one after which nothing is left to change at the end.
fn every_change<'a>(password: &'a Password, role: &'a Role) -> [UserChange<'a>; 7] {
    [
        UserChange::Password(password),
        UserChange::Role(role),
        UserChange::Enable,
        UserChange::Disable,
        UserChange::Revoke(RevocationReason::KeyCompromise),
        UserChange::Unlock,
        UserChange::Remove,
    ]
}

fn member() -> Role {
    "member".parse().unwrap()
}

fn console() -> Actor {
    Actor::console()
}

async fn begin(store: &dyn Store, entry: &LedgerEntry) -> Result<(), StoreError> {
    begin_at(store, entry, noon()).await
}

async fn begin_at(
    store: &dyn Store,
    entry: &LedgerEntry,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let issuance = Issuance {
        by: &console(),
        renews: None,
        now,
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
        forget_one_after: None,
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

fn allowance(most: u32) -> Allowance {
    Allowance {
        subject: "password a".into(),
        most,
        period: Duration::hours(1),
    }
}

fn success<'a>(alias: &'a Alias, subject: &str) -> SuccessfulLogin<'a> {
    SuccessfulLogin {
        alias,
        uses: allowance(1000),
        ends: Some(Run {
            subject: subject.into(),
            counted_in: "nothing".into(),
            stays_from: 100,
        }),
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
