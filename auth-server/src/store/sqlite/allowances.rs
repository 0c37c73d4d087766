use rusqlite::params;
use time::OffsetDateTime;

use super::SqliteStore;
use super::audit_log::append;
use super::connections::Write;
use super::rows::{count, execute, first, time};
use crate::audit::Event;
use crate::store::{Allowance, AllowanceStore, Answer, StoreError};

/// Uses the allowance up by one, within the transaction of what it is for.
pub(super) fn spend(
    tx: &mut Write<'_>,
    allowance: &Allowance,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let present = first(
        tx,
        "SELECT since, spent FROM allowances WHERE subject = ?",
        [&allowance.subject],
        |row| Ok((time(row, "since")?, count(row, "spent")?)),
    )?;
    // A period from the future is another clock's.
    let present = present.filter(|(since, _)| (*since..*since + allowance.period).contains(&now));
    let (since, spent) = present.unwrap_or((now, 0));
    if spent >= allowance.most {
        return Err(StoreError::TooOften {
            wait: (since + allowance.period - now)
                .try_into()
                .unwrap_or_default(),
        });
    }
    execute(
        tx,
        "INSERT INTO allowances (subject, since, spent) VALUES (?1, ?2, ?3)
         ON CONFLICT (subject) DO UPDATE SET since = ?2, spent = ?3",
        params![allowance.subject, since.unix_timestamp(), spent + 1],
    )
    .map(drop)
}

impl AllowanceStore for SqliteStore {
    fn append_within<'a>(
        &'a self,
        event: &'a Event<'a>,
        allowance: &'a Allowance,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        Box::pin(self.connections.write(move |tx| {
            spend(tx, allowance, now)?;
            append(tx, event, now)
        }))
    }

    fn prune_allowances(&self, before: OffsetDateTime) -> Answer<'_, ()> {
        Box::pin(self.connections.write(move |tx| {
            let old = "DELETE FROM allowances WHERE since < ?";
            execute(tx, old, [before.unix_timestamp()]).map(drop)
        }))
    }
}
