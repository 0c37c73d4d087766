//! The embedded store: one SQLite file, in write-ahead mode, flushed at every commit, so that the
//! command line may work on it while the server runs.

use std::path::Path;
use std::time::Duration;

use common::identity::{Alias, Fingerprint, Role};
use root_ca::{LedgerEntry, RevocationReason, RevokedCertificate, Serial};
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Row, Sqlite, Transaction};
use time::OffsetDateTime;

use super::{
    Answer, Attempts, DISABLED, PasswordHash, REMOVED, Store, StoreError, User, UserState,
};

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
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.len() == 0 => return Err(damaged("the file is empty")),
            Ok(_) => {}
            Err(_) => return Err(StoreError::Missing),
        }
        let store = Self::connect(path).await?;
        store.check(root).await?;
        MIGRATIONS.run(&store.pool).await?;
        Ok(store)
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
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Changes a person's state and, unless it becomes active, revokes the current certificates.
    async fn change_state(
        &self,
        alias: &Alias,
        state: UserState,
        reason: Option<RevocationReason>,
        now: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        let mut tx = self.write().await?;
        let changed = sqlx::query(
            "UPDATE users SET state = ?1, changed_at = ?2,
                 password = CASE ?1 WHEN 'removed' THEN '' ELSE password END
             WHERE alias = ?3 AND state <> 'removed'",
        )
        .bind(state.as_str())
        .bind(now.unix_timestamp())
        .bind(alias.as_str())
        .execute(&mut *tx)
        .await?;
        if changed.rows_affected() == 0 {
            return Err(StoreError::NoSuchUser {
                alias: alias.clone(),
            });
        }
        let revoked = match reason {
            Some(reason) => revoke_all(&mut tx, alias, reason, now).await?,
            None => 0,
        };
        tx.commit().await?;
        Ok(revoked)
    }
}

/// Revokes every certificate of a person that has not ended, signed or about to be.
async fn revoke_all(
    tx: &mut Transaction<'static, Sqlite>,
    alias: &Alias,
    reason: RevocationReason,
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    let revoked = sqlx::query(
        "UPDATE certificates SET revoked_at = ?, reason = ?
         WHERE alias = ? AND revoked_at IS NULL AND not_after >= ?",
    )
    .bind(now.unix_timestamp())
    .bind(reason.code())
    .bind(alias.as_str())
    .bind(now.unix_timestamp())
    .execute(&mut **tx)
    .await?
    .rows_affected();
    sqlx::query("UPDATE counters SET value = value + 1 WHERE name = 'revocations'")
        .execute(&mut **tx)
        .await?;
    Ok(revoked)
}

fn read_time(row: &SqliteRow, column: &str) -> Result<OffsetDateTime, StoreError> {
    let seconds: i64 = row.try_get(column)?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| damaged("a time out of range"))
}

fn read_user(row: &SqliteRow) -> Result<User, StoreError> {
    let alias: String = row.try_get("alias")?;
    let role: String = row.try_get("role")?;
    let state: String = row.try_get("state")?;
    let state = match state.as_str() {
        "active" => UserState::Active,
        "disabled" => UserState::Disabled,
        "removed" => UserState::Removed,
        _ => return Err(damaged("an unknown state of a user")),
    };
    Ok(User {
        alias: alias.parse().map_err(|_| damaged("an impossible alias"))?,
        role: role.parse().map_err(|_| damaged("an impossible role"))?,
        password: PasswordHash::new(row.try_get("password")?),
        state,
        created_at: read_time(row, "created_at")?,
    })
}

fn read_revoked(row: &SqliteRow) -> Result<RevokedCertificate, StoreError> {
    let serial: Vec<u8> = row.try_get("serial")?;
    let reason: i64 = row.try_get("reason")?;
    let reason = u8::try_from(reason)
        .ok()
        .and_then(RevocationReason::from_code);
    Ok(RevokedCertificate {
        serial: Serial::from_bytes(&serial).ok_or_else(|| damaged("an impossible serial"))?,
        revoked_at: read_time(row, "revoked_at")?,
        reason: reason.ok_or_else(|| damaged("an unknown reason"))?,
    })
}

fn number(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| damaged("a negative counter"))
}

impl Store for SqliteStore {
    fn add_user<'a>(
        &'a self,
        alias: &'a Alias,
        role: &'a Role,
        password: &'a PasswordHash,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            let state: Option<String> =
                sqlx::query_scalar("SELECT state FROM users WHERE alias = ?")
                    .bind(alias.as_str())
                    .fetch_optional(&mut *tx)
                    .await?;
            let alias_owned = alias.clone();
            match state.as_deref() {
                None => {}
                Some("removed") => return Err(StoreError::AliasRetired { alias: alias_owned }),
                Some(_) => return Err(StoreError::AliasTaken { alias: alias_owned }),
            }
            sqlx::query(
                "INSERT INTO users (alias, role, password, state, created_at, changed_at)
                 VALUES (?1, ?2, ?3, 'active', ?4, ?4)",
            )
            .bind(alias.as_str())
            .bind(role.as_str())
            .bind(password.expose())
            .bind(now.unix_timestamp())
            .execute(&mut *tx)
            .await?;
            Ok(tx.commit().await?)
        })
    }

    fn user<'a>(&'a self, alias: &'a Alias) -> Answer<'a, Option<User>> {
        Box::pin(async move {
            let row = sqlx::query("SELECT * FROM users WHERE alias = ?")
                .bind(alias.as_str())
                .fetch_optional(&self.pool)
                .await?;
            row.as_ref().map(read_user).transpose()
        })
    }

    fn users(&self) -> Answer<'_, Vec<User>> {
        Box::pin(async move {
            let rows = sqlx::query("SELECT * FROM users WHERE state <> 'removed' ORDER BY alias")
                .fetch_all(&self.pool)
                .await?;
            rows.iter().map(read_user).collect()
        })
    }

    fn set_password<'a>(
        &'a self,
        alias: &'a Alias,
        password: &'a PasswordHash,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let changed = sqlx::query(
                "UPDATE users SET password = ?, changed_at = ?
                 WHERE alias = ? AND state <> 'removed'",
            )
            .bind(password.expose())
            .bind(now.unix_timestamp())
            .bind(alias.as_str())
            .execute(&self.pool)
            .await?;
            match changed.rows_affected() {
                0 => Err(StoreError::NoSuchUser {
                    alias: alias.clone(),
                }),
                _ => Ok(()),
            }
        })
    }

    fn enable<'a>(&'a self, alias: &'a Alias, now: OffsetDateTime) -> Answer<'a, ()> {
        Box::pin(async move {
            self.change_state(alias, UserState::Active, None, now)
                .await
                .map(drop)
        })
    }

    fn disable<'a>(&'a self, alias: &'a Alias, now: OffsetDateTime) -> Answer<'a, u64> {
        Box::pin(self.change_state(alias, UserState::Disabled, Some(DISABLED), now))
    }

    fn remove<'a>(&'a self, alias: &'a Alias, now: OffsetDateTime) -> Answer<'a, u64> {
        Box::pin(self.change_state(alias, UserState::Removed, Some(REMOVED), now))
    }

    fn about_to_sign<'a>(&'a self, entry: &'a LedgerEntry, now: OffsetDateTime) -> Answer<'a, ()> {
        Box::pin(async move {
            let alias = entry.alias.as_ref().map(Alias::as_str);
            let inserted = sqlx::query(
                "INSERT INTO certificates
                     (serial, alias, key_sha256, not_before, not_after, state, created_at)
                 SELECT ?1, ?2, ?3, ?4, ?5, 'about_to_sign', ?6
                 WHERE ?2 IS NULL
                    OR EXISTS (SELECT 1 FROM users WHERE alias = ?2 AND state = 'active')",
            )
            .bind(entry.serial.as_bytes().as_slice())
            .bind(alias)
            .bind(entry.key_sha256.as_slice())
            .bind(entry.not_before.unix_timestamp())
            .bind(entry.not_after.unix_timestamp())
            .bind(now.unix_timestamp())
            .execute(&self.pool)
            .await?;
            match inserted.rows_affected() {
                1 => Ok(()),
                _ => Err(StoreError::IssueBlocked),
            }
        })
    }

    fn signed<'a>(&'a self, serial: &'a Serial) -> Answer<'a, ()> {
        Box::pin(async move {
            let updated = sqlx::query(
                "UPDATE certificates SET state = 'signed'
                 WHERE serial = ? AND state = 'about_to_sign' AND revoked_at IS NULL",
            )
            .bind(serial.as_bytes().as_slice())
            .execute(&self.pool)
            .await?;
            match updated.rows_affected() {
                1 => Ok(()),
                _ => Err(StoreError::IssueBlocked),
            }
        })
    }

    fn revoked(&self, since: OffsetDateTime) -> Answer<'_, Vec<RevokedCertificate>> {
        Box::pin(async move {
            let rows = sqlx::query(
                "SELECT serial, revoked_at, reason FROM certificates
                 WHERE revoked_at IS NOT NULL AND not_after >= ? ORDER BY revoked_at, serial",
            )
            .bind(since.unix_timestamp())
            .fetch_all(&self.pool)
            .await?;
            rows.iter().map(read_revoked).collect()
        })
    }

    fn revocations(&self) -> Answer<'_, u64> {
        Box::pin(async move {
            let value: i64 =
                sqlx::query_scalar("SELECT value FROM counters WHERE name = 'revocations'")
                    .fetch_one(&self.pool)
                    .await?;
            number(value)
        })
    }

    fn next_crl_number(&self) -> Answer<'_, u64> {
        Box::pin(async move {
            let value: i64 = sqlx::query_scalar(
                "UPDATE counters SET value = value + 1 WHERE name = 'crl_number' RETURNING value",
            )
            .fetch_one(&self.pool)
            .await?;
            number(value)
        })
    }

    fn attempts<'a>(&'a self, subjects: &'a [String]) -> Answer<'a, Vec<Option<Attempts>>> {
        Box::pin(async move {
            let mut found = Vec::with_capacity(subjects.len());
            for subject in subjects {
                let row = sqlx::query("SELECT failures, last_at FROM attempts WHERE subject = ?")
                    .bind(subject)
                    .fetch_optional(&self.pool)
                    .await?;
                found.push(row.as_ref().map(read_attempts).transpose()?);
            }
            Ok(found)
        })
    }

    fn record_failure<'a>(
        &'a self,
        subjects: &'a [String],
        forget_before: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            for subject in subjects {
                sqlx::query(
                    "INSERT INTO attempts (subject, failures, last_at) VALUES (?1, 1, ?2)
                     ON CONFLICT (subject) DO UPDATE SET last_at = ?2,
                         failures = CASE WHEN last_at < ?3 THEN 1 ELSE failures + 1 END",
                )
                .bind(subject)
                .bind(now.unix_timestamp())
                .bind(forget_before.unix_timestamp())
                .execute(&mut *tx)
                .await?;
            }
            Ok(tx.commit().await?)
        })
    }

    fn record_success<'a>(&'a self, subject: &'a str, now: OffsetDateTime) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            sqlx::query("DELETE FROM attempts WHERE subject = ?")
                .bind(subject)
                .execute(&mut *tx)
                .await?;
            sqlx::query(
                "INSERT INTO successful_logins (subject, last_at) VALUES (?1, ?2)
                 ON CONFLICT (subject) DO UPDATE SET last_at = ?2",
            )
            .bind(subject)
            .bind(now.unix_timestamp())
            .execute(&mut *tx)
            .await?;
            Ok(tx.commit().await?)
        })
    }

    fn last_success<'a>(&'a self, subject: &'a str) -> Answer<'a, Option<OffsetDateTime>> {
        Box::pin(async move {
            let row = sqlx::query("SELECT last_at FROM successful_logins WHERE subject = ?")
                .bind(subject)
                .fetch_optional(&self.pool)
                .await?;
            row.as_ref()
                .map(|row| read_time(row, "last_at"))
                .transpose()
        })
    }

    fn prune_attempts(&self, before: OffsetDateTime) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query("DELETE FROM attempts WHERE last_at < ?")
                .bind(before.unix_timestamp())
                .execute(&self.pool)
                .await?;
            Ok(())
        })
    }

    fn prune_successes(&self, before: OffsetDateTime) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query("DELETE FROM successful_logins WHERE last_at < ?")
                .bind(before.unix_timestamp())
                .execute(&self.pool)
                .await?;
            Ok(())
        })
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.pool.close().await;
            Ok(())
        })
    }
}

fn read_attempts(row: &SqliteRow) -> Result<Attempts, StoreError> {
    let failures: i64 = row.try_get("failures")?;
    Ok(Attempts {
        failures: u32::try_from(failures).map_err(|_| damaged("a negative counter"))?,
        last_at: read_time(row, "last_at")?,
    })
}
