use common::identity::Alias;
use rusqlite::{Row, params};
use time::OffsetDateTime;

use super::SqliteStore;
use super::allowances::spend;
use super::audit_log::append;
use super::connections::Write;
use super::rows::{count, execute, first, signed, time};
use crate::audit::{Action, Actor, Event, OK};
use crate::store::{Answer, AttemptStore, Attempts, FailedLogin, Run, StoreError, SuccessfulLogin};

fn read_attempts(row: &Row<'_>) -> Result<Attempts, StoreError> {
    Ok(Attempts {
        failures: count(row, "failures")?,
        last_at: time(row, "last_at")?,
    })
}

/// What a right password changes, if it may as often: failures in a row end, and who it was is
/// remembered.
pub(super) fn remember_success(
    tx: &mut Write<'_>,
    login: &SuccessfulLogin<'_>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    spend(tx, &login.uses, now)?;
    if let Some(run) = &login.ends {
        end(tx, run)?;
    }
    execute(
        tx,
        "INSERT INTO successful_logins (subject, last_at) VALUES (?1, ?2)
         ON CONFLICT (subject) DO UPDATE SET last_at = ?2",
        params![login.remembers, now.unix_timestamp()],
    )?;
    execute(
        tx,
        "UPDATE users SET failed_logins = 0 WHERE alias = ?",
        [login.alias.as_str()],
    )
    .map(drop)
}

fn end(tx: &Write<'_>, run: &Run) -> Result<(), StoreError> {
    // Before they are forgotten.
    execute(
        tx,
        "UPDATE attempts SET failures = max(0, failures - coalesce(
             (SELECT own.failures FROM attempts AS own WHERE own.subject = ?1), 0))
         WHERE subject = ?2 AND failures < ?3",
        params![run.subject, run.counted_in, run.stays_from],
    )?;
    let forgotten = "DELETE FROM attempts WHERE subject = ?";
    execute(tx, forgotten, [&run.subject]).map(drop)
}

fn count_failure(
    tx: &mut Write<'_>,
    failed: &FailedLogin<'_>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    for counted in failed.counts_for {
        let one_after = counted.forget_one_after.map(|after| after.as_secs());
        // Nothing is divided by nothing, and a clock set back forgets none.
        execute(
            tx,
            "INSERT INTO attempts (subject, failures, last_at) VALUES (?1, 1, ?2)
             ON CONFLICT (subject) DO UPDATE SET last_at = ?2,
                 failures = CASE WHEN last_at < ?3 THEN 1 ELSE
                     max(0, failures - coalesce(max(0, ?2 - last_at) / ?4, 0)) + 1 END",
            params![
                counted.subject,
                now.unix_timestamp(),
                counted.forget_before.unix_timestamp(),
                one_after.map(signed).transpose()?,
            ],
        )?;
    }
    execute(
        tx,
        "UPDATE users SET failed_logins = failed_logins + 1 WHERE alias = ?",
        [failed.alias.map(Alias::as_str)],
    )
    .map(drop)
}

impl AttemptStore for SqliteStore {
    fn attempts<'a>(&'a self, subjects: &'a [String]) -> Answer<'a, Vec<Option<Attempts>>> {
        let failures = "SELECT failures, last_at FROM attempts WHERE subject = ?";
        Box::pin(async move {
            self.connections.read(|db| {
                let of = |subject| first(db, failures, [subject], read_attempts);
                subjects.iter().map(of).collect()
            })
        })
    }

    fn record_failure<'a>(
        &'a self,
        failed: &'a FailedLogin<'a>,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        Box::pin(self.connections.write(move |tx| {
            count_failure(tx, failed, now)?;
            let alias = failed.alias.map(Alias::as_str);
            let event = Event {
                by,
                action: Action::Login,
                object: alias.unwrap_or("(no alias)").to_owned(),
                outcome: failed.outcome,
            };
            append(tx, &event, now)
        }))
    }

    fn record_success<'a>(
        &'a self,
        login: &'a SuccessfulLogin<'a>,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        Box::pin(self.connections.write(move |tx| {
            remember_success(tx, login, now)?;
            execute(
                tx,
                "UPDATE users SET last_login_at = ? WHERE alias = ?",
                params![now.unix_timestamp(), login.alias.as_str()],
            )?;
            let event = Event {
                by,
                action: Action::Login,
                object: login.alias.to_string(),
                outcome: OK,
            };
            append(tx, &event, now)
        }))
    }

    fn last_success<'a>(&'a self, subject: &'a str) -> Answer<'a, Option<OffsetDateTime>> {
        let last = "SELECT last_at FROM successful_logins WHERE subject = ?";
        Box::pin(async move {
            self.connections
                .look(|db| first(db, last, [subject], |row| time(row, "last_at")))
        })
    }

    fn prune_attempts<'a>(&'a self, kind: &'a str, before: OffsetDateTime) -> Answer<'a, ()> {
        Box::pin(self.connections.write(move |tx| {
            let old = "DELETE FROM attempts WHERE subject LIKE ? || ' %' AND last_at < ?";
            execute(tx, old, params![kind, before.unix_timestamp()]).map(drop)
        }))
    }

    fn prune_successes(&self, before: OffsetDateTime) -> Answer<'_, ()> {
        Box::pin(self.connections.write(move |tx| {
            let old = "DELETE FROM successful_logins WHERE last_at < ?";
            execute(tx, old, [before.unix_timestamp()]).map(drop)
        }))
    }
}
