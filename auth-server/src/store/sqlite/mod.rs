//! The embedded store: one SQLite file, in write-ahead mode, flushed at every commit, so that the
//! command line may work on it while the server runs.

mod allowances;
mod attempts;
mod audit_log;
mod certificates;
mod connections;
mod device;
mod layout;
mod ledger;
mod lock_holder;
mod right;
mod rows;
mod standing;
mod upkeep;
mod user_change;
mod users;

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use common::identity::Fingerprint;
use rusqlite::{Connection, ErrorCode};
use rusqlite_migration::{M, Migrations};

use super::{Answer, Store, StoreError};
use connections::Connections;

macro_rules! migration {
    ($name:literal) => {
        M::up(include_str!(concat!("../../../migrations/", $name, ".sql")))
    };
}

/// What is done to an empty file, in order. A store counts what it has had (`user_version`).
const STEPS: &[M<'static>] = &[
    migration!("0001_accounts_and_certificates"),
    migration!("0002_successful_logins"),
    migration!("0003_accounts"),
    migration!("0005_renewals"),
    migration!("0007_checkpoints"),
    migration!("0008_bounds"),
    migration!("0009_told_entries"),
    migration!("0011_origins"),
    migration!("0012_room"),
];
const MIGRATIONS: Migrations<'static> = Migrations::from_slice(STEPS);

/// A store in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    connections: Arc<Connections>,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let detail = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { detail },
            Some(_) => Self::Unusable { detail },
            // A value that its column cannot hold.
            None => Self::Damaged { detail },
        }
    }
}

impl From<rusqlite_migration::Error> for StoreError {
    fn from(error: rusqlite_migration::Error) -> Self {
        match error {
            rusqlite_migration::Error::RusqliteError { err, .. } => err.into(),
            error => Self::Unusable {
                detail: error.to_string(),
            },
        }
    }
}

fn damaged(detail: impl Into<String>) -> StoreError {
    StoreError::Damaged {
        detail: detail.into(),
    }
}

fn demand_content(path: &Path) -> Result<(), StoreError> {
    let file = OpenOptions::new().read(true).write(true).open(path);
    match file.and_then(|file| file.metadata()) {
        Ok(metadata) if metadata.len() == 0 => Err(damaged("the file is empty")),
        Ok(_) => Ok(()),
        Err(error) => Err(match error.kind() {
            ErrorKind::NotFound => StoreError::Missing,
            ErrorKind::PermissionDenied => StoreError::Unreadable,
            _ => StoreError::Unusable {
                detail: error.to_string(),
            },
        }),
    }
}

fn check(db: &Connection, root: &Fingerprint) -> Result<(), StoreError> {
    let verdict: String = rows::only(db, "PRAGMA integrity_check(1)", [], rows::value)?;
    if verdict != "ok" {
        return Err(damaged(verdict));
    }
    let named = "SELECT value FROM meta WHERE name = 'root'";
    let stored: Option<String> =
        rows::first(db, named, [], rows::value).map_err(|_| damaged("a table is missing"))?;
    match stored {
        Some(stored) if stored == root.to_string() => Ok(()),
        Some(_) => Err(StoreError::ForeignRoot),
        None => Err(damaged("it names no root certificate")),
    }
}

impl SqliteStore {
    /// Lays a new store out in the empty file `path`, for the organisation of that root.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn create(path: &Path, root: &Fingerprint) -> Result<Self, StoreError> {
        let store = Self::connect(path)?;
        let connections = &store.connections;
        connections
            .upkeep(|db| Ok(MIGRATIONS.to_latest(db)?))
            .await?;
        connections
            .write(|tx| {
                let name = "INSERT INTO meta (name, value) VALUES ('root', ?)";
                rows::execute(tx, name, [root.to_string()])
            })
            .await?;
        Ok(store)
    }

    /// Opens the store in `path`, checks it, and brings it up to date. Never makes a new one.
    ///
    /// # Errors
    /// When it is missing, damaged, or another organisation's.
    pub async fn open(path: &Path, root: &Fingerprint) -> Result<Self, StoreError> {
        demand_content(path)?;
        let store = Self::connect(path)?;
        store
            .connections
            .upkeep(|db| {
                check(db, root)?;
                Ok(MIGRATIONS.to_latest(db)?)
            })
            .await?;
        Ok(store)
    }

    /// The same for a file that somebody brought: nothing in it may be of another making than this
    /// program's, and it is looked at before anything is written.
    ///
    /// # Errors
    /// When it is damaged, laid out otherwise, or another organisation's.
    pub async fn open_foreign(path: &Path, root: &Fingerprint) -> Result<Self, StoreError> {
        demand_content(path)?;
        let store = Self::connect(path)?;
        let looked = store.connections.upkeep(|db| layout::demand_own(db)).await;
        store.close().await?;
        looked?;
        Self::open(path, root).await
    }

    /// Opens and checks the store in `path` without changing it; also says whether it is of this
    /// program's version.
    ///
    /// # Errors
    /// When it is missing, damaged, or another organisation's.
    pub async fn open_as_it_is(
        path: &Path,
        root: &Fingerprint,
    ) -> Result<(Self, bool), StoreError> {
        demand_content(path)?;
        let store = Self::connect(path)?;
        let current = store
            .connections
            .upkeep(|db| {
                check(db, root)?;
                Ok(MIGRATIONS.pending_migrations(db)? == 0)
            })
            .await?;
        Ok((store, current))
    }

    fn connect(path: &Path) -> Result<Self, StoreError> {
        Ok(Self {
            connections: Arc::new(Connections::open(path)?),
        })
    }
}

impl Store for SqliteStore {
    fn close(&self) -> Answer<'_, ()> {
        Box::pin(self.connections.close())
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::audit::{Action, Actor, Event, OK};
    use crate::metrics::metrics;
    use crate::store::AuditStore;

    async fn store(folder: &Path) -> SqliteStore {
        let path = folder.join("store.sqlite");
        std::fs::write(&path, b"").unwrap();
        SqliteStore::create(&path, &Fingerprint::of(&[1].as_slice().into()))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn who_looks_while_somebody_writes_waits_for_nobody_and_sees_nothing_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let root = |db: &Connection| {
            let named = "SELECT value FROM meta WHERE name = 'root'";
            rows::only(db, named, [], rows::value::<String>)
        };
        let before = store.connections.look(root).unwrap();
        let changed = store.connections.write(|tx| {
            rows::execute(tx, "UPDATE meta SET value = 'other'", [])?;
            assert_eq!(root(tx).unwrap(), "other");
            assert_eq!(store.connections.look(root).unwrap(), before);
            Ok(())
        });
        changed.await.unwrap();
        assert_eq!(store.connections.look(root).unwrap(), "other");
    }

    #[tokio::test]
    async fn what_is_rolled_back_is_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        // No other test of this process appends such an entry.
        let event = Event {
            by: &Actor::server(),
            action: Action::Backup,
            object: String::new(),
            outcome: OK,
        };
        let now = OffsetDateTime::now_utc();
        let counted = || metrics().counted(Action::Backup, OK);
        let before = counted();
        let rolled_back = store.connections.write(|tx| {
            audit_log::append(tx, &event, now)?;
            Err::<(), _>(damaged("something else failed"))
        });
        assert!(rolled_back.await.is_err());
        assert_eq!(counted(), before);
        let committed = store.connections.write(|tx| {
            audit_log::append(tx, &event, now)?;
            assert_eq!(counted(), before);
            Ok(())
        });
        committed.await.unwrap();
        assert_eq!(counted(), before + 1);
        assert_eq!(store.audit_end().await.unwrap().after, 1);
    }
}
