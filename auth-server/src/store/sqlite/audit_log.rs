use rusqlite::{Connection, Row, params};
use time::OffsetDateTime;

use super::connections::Write;
use super::rows::{all, column, counted, execute, first, number, only, signed, time};
use super::{SqliteStore, damaged};
use crate::audit::{AuditPage, Checkpoint, Event, Hash, Record, Start};
use crate::store::{Answer, AuditStore, StoreError};

/// Appends an entry within the transaction of what it tells of. Its number follows the last one
/// ever given: where entries were taken away from the end, a gap stays.
pub(super) fn append(
    tx: &mut Write<'_>,
    event: &Event<'_>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let seq = only(
        tx,
        "UPDATE counters SET value = value + 1 WHERE name = 'audit' RETURNING value",
        [],
        counted,
    )?;
    let record = Record::new(seq, now, event, &end(tx)?.hash);
    execute(
        tx,
        "INSERT INTO audit (seq, at, actor, source, action, object, outcome, hash)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            signed(record.seq)?,
            record.at.unix_timestamp(),
            record.actor,
            record.source,
            record.action,
            record.object,
            record.outcome,
            record.hash.0,
        ],
    )?;
    tx.entries.push((event.action, event.outcome.to_owned()));
    Ok(())
}

fn end(db: &Connection) -> Result<Start, StoreError> {
    let last = "SELECT * FROM audit ORDER BY seq DESC LIMIT 1";
    Ok(match first(db, last, [], read_record)? {
        Some(record) => (&record).into(),
        None => Start::GENESIS,
    })
}

fn read_hash(row: &Row<'_>) -> Result<Hash, StoreError> {
    column::<Vec<u8>>(row, "hash")?
        .try_into()
        .map(Hash)
        .map_err(|_| damaged("a hash of the audit log has the wrong length"))
}

fn read_record(row: &Row<'_>) -> Result<Record, StoreError> {
    Ok(Record {
        seq: number(column(row, "seq")?)?,
        at: time(row, "at")?,
        actor: column(row, "actor")?,
        source: column(row, "source")?,
        action: column(row, "action")?,
        object: column(row, "object")?,
        outcome: column(row, "outcome")?,
        hash: read_hash(row)?,
    })
}

fn read_checkpoint(row: &Row<'_>) -> Result<Checkpoint, StoreError> {
    Ok(Checkpoint {
        seq: number(column(row, "seq")?)?,
        hash: read_hash(row)?,
        at: time(row, "at")?,
        signature: column(row, "signature")?,
    })
}

/// The entries behind a number alone.
fn news(db: &Connection, after: u64, limit: u32) -> Result<AuditPage, StoreError> {
    let behind = i64::try_from(after).unwrap_or(i64::MAX);
    let entries = all(
        db,
        "SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?",
        params![behind, limit],
        read_record,
    )?;
    let last = "SELECT value FROM counters WHERE name = 'audit'";
    Ok(AuditPage {
        entries,
        checkpoints: Vec::new(),
        last: only(db, last, [], counted)?,
    })
}

fn page(db: &Connection, after: u64, limit: u32) -> Result<AuditPage, StoreError> {
    let behind = i64::try_from(after).unwrap_or(i64::MAX);
    let AuditPage { entries, last, .. } = news(db, after, limit)?;
    let full = u32::try_from(entries.len()).is_ok_and(|length| length == limit);
    let until = match (full, entries.last()) {
        (true, Some(entry)) => signed(entry.seq)?,
        (true, None) => behind,
        (false, _) => i64::MAX,
    };
    let checkpoints = all(
        db,
        "SELECT * FROM audit_checkpoints WHERE seq > ? AND seq <= ? ORDER BY seq",
        [behind, until],
        read_checkpoint,
    )?;
    Ok(AuditPage {
        entries,
        checkpoints,
        last,
    })
}

impl AuditStore for SqliteStore {
    fn append<'a>(&'a self, event: &'a Event<'a>, now: OffsetDateTime) -> Answer<'a, ()> {
        Box::pin(self.connections.write(move |tx| append(tx, event, now)))
    }

    fn audit_page(&self, after: u64, limit: u32) -> Answer<'_, AuditPage> {
        Box::pin(async move { self.connections.read(|db| page(db, after, limit)) })
    }

    fn audit_news(&self, after: u64, limit: u32) -> Answer<'_, AuditPage> {
        Box::pin(async move { self.connections.look(|db| news(db, after, limit)) })
    }

    fn audit_end(&self) -> Answer<'_, Start> {
        Box::pin(async move { self.connections.look(end) })
    }

    fn add_checkpoint<'a>(&'a self, checkpoint: &'a Checkpoint) -> Answer<'a, ()> {
        Box::pin(self.connections.write(move |tx| {
            execute(
                tx,
                "INSERT INTO audit_checkpoints (seq, hash, at, signature) VALUES (?, ?, ?, ?)
                 ON CONFLICT (seq) DO NOTHING",
                params![
                    signed(checkpoint.seq)?,
                    checkpoint.hash.0,
                    checkpoint.at.unix_timestamp(),
                    checkpoint.signature,
                ],
            )
            .map(drop)
        }))
    }

    fn last_checkpoint(&self) -> Answer<'_, Option<Checkpoint>> {
        let last = "SELECT * FROM audit_checkpoints ORDER BY seq DESC LIMIT 1";
        Box::pin(async move {
            self.connections
                .look(|db| first(db, last, [], read_checkpoint))
        })
    }

    fn audit_told(&self) -> Answer<'_, u64> {
        let told = "SELECT value FROM counters WHERE name = 'audit_told'";
        Box::pin(async move { self.connections.look(|db| only(db, told, [], counted)) })
    }

    fn set_audit_told(&self, seq: u64) -> Answer<'_, ()> {
        Box::pin(self.connections.write(move |tx| {
            let told = "UPDATE counters SET value = ? WHERE name = 'audit_told'";
            execute(tx, told, [signed(seq)?]).map(drop)
        }))
    }
}
