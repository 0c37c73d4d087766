//! The embedded store: one SQLite file, in write-ahead mode, flushed at every commit, so that the
//! command line may work on it while the server runs.

mod attempts;
mod audit_log;
mod certificates;
mod ledger;
mod right;
mod upkeep;
mod user_change;
mod users;

use std::path::Path;
use std::time::{Duration, Instant};

use common::identity::Fingerprint;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Row, Sqlite, Transaction};
use time::OffsetDateTime;

use super::{Answer, Store, StoreError};
use crate::metrics::metrics;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// How long a writer waits for another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_CONNECTIONS: u32 = 4;

/// A store in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    pool: SqlitePool,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let detail = error.to_string();
        let code = error
            .as_database_error()
            .and_then(|error| error.code())
            .and_then(|code| code.parse::<u32>().ok())
            .map(|code| code & 0xff);
        match code {
            // SQLITE_CORRUPT and SQLITE_NOTADB.
            Some(11 | 26) => Self::Damaged { detail },
            // SQLITE_CANTOPEN.
            Some(14) => Self::Missing,
            _ => Self::Unusable { detail },
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) => error.into(),
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
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() == 0 => Err(damaged("the file is empty")),
        Ok(_) => Ok(()),
        Err(_) => Err(StoreError::Missing),
    }
}

impl SqliteStore {
    /// Lays a new store out in the empty file `path`, for the organisation of that root.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub async fn create(path: &Path, root: &Fingerprint) -> Result<Self, StoreError> {
        let store = Self::connect(path).await?;
        MIGRATIONS.run(&store.pool).await?;
        sqlx::query("INSERT INTO meta (name, value) VALUES ('root', ?)")
            .bind(root.to_string())
            .execute(&store.pool)
            .await?;
        Ok(store)
    }

    /// Opens the store in `path`, checks it, and brings it up to date. Never makes a new one.
    ///
    /// # Errors
    /// When it is missing, damaged, or another organisation's.
    pub async fn open(path: &Path, root: &Fingerprint) -> Result<Self, StoreError> {
        demand_content(path)?;
        let store = Self::connect(path).await?;
        store.check(root).await?;
        MIGRATIONS.run(&store.pool).await?;
        Ok(store)
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
        let store = Self::connect(path).await?;
        store.check(root).await?;
        let done: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations WHERE success")
            .fetch_one(&store.pool)
            .await?;
        let current = usize::try_from(done).is_ok_and(|done| done == MIGRATIONS.iter().count());
        Ok((store, current))
    }

    async fn connect(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .connect_with(options)
            .await?;
        Ok(Self { pool })
    }

    async fn check(&self, root: &Fingerprint) -> Result<(), StoreError> {
        let verdict: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
            .fetch_one(&self.pool)
            .await?;
        if verdict != "ok" {
            return Err(damaged(verdict));
        }
        let stored: Option<String> =
            sqlx::query_scalar("SELECT value FROM meta WHERE name = 'root'")
                .fetch_optional(&self.pool)
                .await
                .map_err(|_| damaged("a table is missing"))?;
        match stored {
            Some(stored) if stored == root.to_string() => Ok(()),
            Some(_) => Err(StoreError::ForeignRoot),
            None => Err(damaged("it names no root certificate")),
        }
    }

    /// A transaction that holds the write lock from its first moment: what it reads stays true.
    async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        let began = Instant::now();
        let transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        metrics().store("write_lock", began.elapsed());
        Ok(transaction)
    }
}

impl Store for SqliteStore {
    fn close(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.pool.close().await;
            Ok(())
        })
    }
}

type Write = Transaction<'static, Sqlite>;

fn seconds(row: &SqliteRow, column: &str) -> Result<Option<OffsetDateTime>, StoreError> {
    row.try_get::<Option<i64>, _>(column)?
        .map(|seconds| {
            OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| damaged("a time out of range"))
        })
        .transpose()
}

fn read_time(row: &SqliteRow, column: &str) -> Result<OffsetDateTime, StoreError> {
    seconds(row, column)?.ok_or_else(|| damaged("a time is missing"))
}

fn number(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| damaged("a negative number"))
}

fn count(row: &SqliteRow, column: &str) -> Result<u32, StoreError> {
    u32::try_from(row.try_get::<i64, _>(column)?).map_err(|_| damaged("an impossible count"))
}
