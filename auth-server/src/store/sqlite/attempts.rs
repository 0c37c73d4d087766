use common::identity::Alias;
use sqlx::sqlite::SqliteRow;
use time::OffsetDateTime;

use super::allowances::spend;
use super::audit_log::append;
use super::{SqliteStore, Write, count, read_time};
use crate::audit::{Action, Actor, Event, OK};
use crate::store::{Answer, AttemptStore, Attempts, FailedLogin, StoreError, SuccessfulLogin};

fn read_attempts(row: &SqliteRow) -> Result<Attempts, StoreError> {
    Ok(Attempts {
        failures: count(row, "failures")?,
        last_at: read_time(row, "last_at")?,
    })
}

/// What a right password changes, if it may as often: failures are forgotten, and who it was is
/// remembered.
pub(super) async fn remember_success(
    tx: &mut Write,
    login: &SuccessfulLogin<'_>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    spend(tx, &login.uses, now).await?;
    // Before they are forgotten.
    sqlx::query(
        "UPDATE attempts SET failures = max(0, failures - coalesce(
             (SELECT own.failures FROM attempts AS own WHERE own.subject = ?1), 0))
         WHERE subject = ?2",
    )
    .bind(&login.clears)
    .bind(&login.takes_from)
    .execute(&mut **tx)
    .await?;
    sqlx::query("DELETE FROM attempts WHERE subject = ?")
        .bind(&login.clears)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "INSERT INTO successful_logins (subject, last_at) VALUES (?1, ?2)
         ON CONFLICT (subject) DO UPDATE SET last_at = ?2",
    )
    .bind(&login.remembers)
    .bind(now.unix_timestamp())
    .execute(&mut **tx)
    .await?;
    sqlx::query("UPDATE users SET failed_logins = 0 WHERE alias = ?")
        .bind(login.alias.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

impl AttemptStore for SqliteStore {
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
        failed: &'a FailedLogin<'a>,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            for counted in failed.counts_for {
                sqlx::query(
                    "INSERT INTO attempts (subject, failures, last_at) VALUES (?1, 1, ?2)
                     ON CONFLICT (subject) DO UPDATE SET last_at = ?2,
                         failures = CASE WHEN last_at < ?3 THEN 1 ELSE failures + 1 END",
                )
                .bind(&counted.subject)
                .bind(now.unix_timestamp())
                .bind(counted.forget_before.unix_timestamp())
                .execute(&mut *tx)
                .await?;
            }
            let alias = failed.alias.map(Alias::as_str);
            sqlx::query("UPDATE users SET failed_logins = failed_logins + 1 WHERE alias = ?")
                .bind(alias)
                .execute(&mut *tx)
                .await?;
            let event = Event {
                by,
                action: Action::Login,
                object: alias.unwrap_or("(no alias)").to_owned(),
                outcome: failed.outcome,
            };
            append(&mut tx, &event, now).await?;
            Ok(tx.commit().await?)
        })
    }

    fn record_success<'a>(
        &'a self,
        login: &'a SuccessfulLogin<'a>,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            remember_success(&mut tx, login, now).await?;
            sqlx::query("UPDATE users SET last_login_at = ? WHERE alias = ?")
                .bind(now.unix_timestamp())
                .bind(login.alias.as_str())
                .execute(&mut *tx)
                .await?;
            let event = Event {
                by,
                action: Action::Login,
                object: login.alias.to_string(),
                outcome: OK,
            };
            append(&mut tx, &event, now).await?;
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

    fn prune_attempts<'a>(&'a self, kind: &'a str, before: OffsetDateTime) -> Answer<'a, ()> {
        Box::pin(async move {
            sqlx::query("DELETE FROM attempts WHERE subject LIKE ? || ' %' AND last_at < ?")
                .bind(kind)
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
}
