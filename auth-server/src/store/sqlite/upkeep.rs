use std::path::Path;
use std::time::Instant;

use rusqlite::{Connection, Row, params};
use time::OffsetDateTime;

use super::SqliteStore;
use super::audit_log::append;
use super::certificates::count_revocation;
use super::lock_holder::write_lock_holder;
use super::rows::{execute, number, only, signed};
use crate::audit::{Action, Actor, Event, OK};
use crate::metrics::metrics;
use crate::store::{Answer, Census, StoreError, UpkeepStore, UserState};

fn counts<const N: usize>(row: &Row<'_>) -> Result<[u64; N], StoreError> {
    let mut counts = [0; N];
    for (column, count) in counts.iter_mut().enumerate() {
        *count = number(row.get(column)?)?;
    }
    Ok(counts)
}

fn census(db: &Connection, now: OffsetDateTime) -> Result<Census, StoreError> {
    let [active, disabled, removed] = only(
        db,
        "SELECT count(*) FILTER (WHERE state = 'active'),
                count(*) FILTER (WHERE state = 'disabled'),
                count(*) FILTER (WHERE state = 'removed') FROM users",
        [],
        counts,
    )?;
    let [revoked, unsigned, expired, valid] = only(
        db,
        "SELECT count(*) FILTER (WHERE revoked_at IS NOT NULL),
                count(*) FILTER (WHERE revoked_at IS NULL AND state <> 'signed'),
                count(*) FILTER (WHERE revoked_at IS NULL AND state = 'signed'
                                 AND not_after < ?1),
                count(*) FILTER (WHERE revoked_at IS NULL AND state = 'signed'
                                 AND not_after >= ?1) FROM certificates",
        params![now.unix_timestamp()],
        counts,
    )?;
    let [revocations, crl_number] = only(
        db,
        "SELECT (SELECT value FROM counters WHERE name = 'revocations'),
                (SELECT value FROM counters WHERE name = 'crl_number')",
        [],
        counts,
    )?;
    Ok(Census {
        users: [
            (UserState::Active, active),
            (UserState::Disabled, disabled),
            (UserState::Removed, removed),
        ],
        valid,
        expired,
        revoked,
        unsigned,
        revocations,
        crl_number,
    })
}

impl UpkeepStore for SqliteStore {
    fn version(&self) -> Answer<'_, u64> {
        Box::pin(async move { self.connections.version() })
    }

    fn census(&self, now: OffsetDateTime) -> Answer<'_, Census> {
        Box::pin(async move {
            let began = Instant::now();
            let census = self.connections.read(|db| census(db, now))?;
            metrics().store("count", began.elapsed());
            Ok(census)
        })
    }

    fn accepts_changes(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            let Err(error) = self.connections.write(|_| Ok(())).await else {
                return Ok(());
            };
            let path = self.connections.look(|db| Ok(db.path().map(str::to_owned)));
            Err(
                match path
                    .ok()
                    .flatten()
                    .and_then(|path| write_lock_holder(&path))
                {
                    Some(holder) => StoreError::Unusable {
                        detail: format!("{holder} holds its write lock"),
                    },
                    None => error,
                },
            )
        })
    }

    fn snapshot_to<'a>(&'a self, path: &'a Path) -> Answer<'a, ()> {
        Box::pin(self.connections.upkeep(move |db| {
            let name = path.to_str().ok_or_else(|| StoreError::Unusable {
                detail: "the path is not text in UTF-8".into(),
            })?;
            // One read transaction: writers go on meanwhile.
            execute(db, "VACUUM INTO ?", [name]).map(drop)
        }))
    }

    fn resume_after_restore<'a>(
        &'a self,
        crl_number: u64,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        Box::pin(self.connections.write(move |tx| {
            let moved = execute(
                tx,
                "UPDATE counters SET value = ?1 WHERE name = 'crl_number' AND value < ?1",
                [signed(crl_number)?],
            )?;
            if moved != 1 {
                return Err(StoreError::Unusable {
                    detail: "its last CRL number is not below the new one".into(),
                });
            }
            // Peers may have a newer one.
            execute(tx, "DELETE FROM last_crl", [])?;
            count_revocation(tx)?;
            let event = Event {
                by,
                action: Action::Restore,
                object: format!("CRL numbers go on after {crl_number}"),
                outcome: OK,
            };
            append(tx, &event, now)
        }))
    }
}
