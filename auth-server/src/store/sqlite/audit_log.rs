use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use time::OffsetDateTime;

use super::{SqliteStore, Write, damaged, number, read_time};
use crate::audit::{AuditPage, Checkpoint, Event, Hash, Record, Start};
use crate::store::{Answer, AuditStore, StoreError};

/// Appends an entry within the transaction of what it tells of. Its number follows the last one
/// ever given: where entries were taken away from the end, a gap stays.
pub(super) async fn append(
    tx: &mut Write,
    event: &Event<'_>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let seq: i64 = sqlx::query_scalar(
        "UPDATE counters SET value = value + 1 WHERE name = 'audit' RETURNING value",
    )
    .fetch_one(&mut **tx)
    .await?;
    let seq = number(seq)?;
    let previous = end(&mut *tx).await?.hash;
    let record = Record::new(seq, now, event, &previous);
    sqlx::query(
        "INSERT INTO audit (seq, at, actor, source, action, object, outcome, hash)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(signed(record.seq)?)
    .bind(record.at.unix_timestamp())
    .bind(&record.actor)
    .bind(&record.source)
    .bind(&record.action)
    .bind(&record.object)
    .bind(&record.outcome)
    .bind(record.hash.0.as_slice())
    .execute(&mut **tx)
    .await?;
    tx.entries.push((event.action, event.outcome.to_owned()));
    Ok(())
}

async fn end(connection: &mut SqliteConnection) -> Result<Start, StoreError> {
    let last = sqlx::query("SELECT * FROM audit ORDER BY seq DESC LIMIT 1")
        .fetch_optional(connection)
        .await?;
    match &last {
        Some(row) => Ok((&read_record(row)?).into()),
        None => Ok(Start::GENESIS),
    }
}

fn signed(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| damaged("a number out of range"))
}

fn read_hash(row: &SqliteRow) -> Result<Hash, StoreError> {
    let bytes: Vec<u8> = row.try_get("hash")?;
    bytes
        .try_into()
        .map(Hash)
        .map_err(|_| damaged("a hash of the audit log has the wrong length"))
}

fn read_record(row: &SqliteRow) -> Result<Record, StoreError> {
    Ok(Record {
        seq: number(row.try_get("seq")?)?,
        at: read_time(row, "at")?,
        actor: row.try_get("actor")?,
        source: row.try_get("source")?,
        action: row.try_get("action")?,
        object: row.try_get("object")?,
        outcome: row.try_get("outcome")?,
        hash: read_hash(row)?,
    })
}

fn read_checkpoint(row: &SqliteRow) -> Result<Checkpoint, StoreError> {
    Ok(Checkpoint {
        seq: number(row.try_get("seq")?)?,
        hash: read_hash(row)?,
        at: read_time(row, "at")?,
        signature: row.try_get("signature")?,
    })
}

impl AuditStore for SqliteStore {
    fn append<'a>(&'a self, event: &'a Event<'a>, now: OffsetDateTime) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            append(&mut tx, event, now).await?;
            Ok(tx.commit().await?)
        })
    }

    fn audit_page(&self, after: u64, limit: u32) -> Answer<'_, AuditPage> {
        Box::pin(async move {
            // One transaction: the parts of a page belong to one moment.
            let mut tx = self.pool.begin().await?;
            let behind = i64::try_from(after).unwrap_or(i64::MAX);
            let rows = sqlx::query("SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?")
                .bind(behind)
                .bind(limit)
                .fetch_all(&mut *tx)
                .await?;
            let entries: Vec<Record> = rows.iter().map(read_record).collect::<Result<_, _>>()?;
            let full = u32::try_from(entries.len()).is_ok_and(|length| length == limit);
            let until = match (full, entries.last()) {
                (true, Some(last)) => signed(last.seq)?,
                (true, None) => behind,
                (false, _) => i64::MAX,
            };
            let rows = sqlx::query(
                "SELECT * FROM audit_checkpoints WHERE seq > ? AND seq <= ? ORDER BY seq",
            )
            .bind(behind)
            .bind(until)
            .fetch_all(&mut *tx)
            .await?;
            let checkpoints = rows.iter().map(read_checkpoint).collect::<Result<_, _>>()?;
            let last: i64 = sqlx::query_scalar("SELECT value FROM counters WHERE name = 'audit'")
                .fetch_one(&mut *tx)
                .await?;
            Ok(AuditPage {
                entries,
                checkpoints,
                last: number(last)?,
            })
        })
    }

    fn audit_end(&self) -> Answer<'_, Start> {
        Box::pin(async move { end(&mut *self.pool.acquire().await?).await })
    }

    fn add_checkpoint<'a>(&'a self, checkpoint: &'a Checkpoint) -> Answer<'a, ()> {
        Box::pin(async move {
            sqlx::query(
                "INSERT INTO audit_checkpoints (seq, hash, at, signature) VALUES (?, ?, ?, ?)
                 ON CONFLICT (seq) DO NOTHING",
            )
            .bind(signed(checkpoint.seq)?)
            .bind(checkpoint.hash.0.as_slice())
            .bind(checkpoint.at.unix_timestamp())
            .bind(checkpoint.signature.as_slice())
            .execute(&self.pool)
            .await?;
            Ok(())
        })
    }

    fn last_checkpoint(&self) -> Answer<'_, Option<Checkpoint>> {
        Box::pin(async move {
            let row = sqlx::query("SELECT * FROM audit_checkpoints ORDER BY seq DESC LIMIT 1")
                .fetch_optional(&self.pool)
                .await?;
            row.as_ref().map(read_checkpoint).transpose()
        })
    }

    fn audit_told(&self) -> Answer<'_, u64> {
        Box::pin(async move {
            let told: i64 =
                sqlx::query_scalar("SELECT value FROM counters WHERE name = 'audit_told'")
                    .fetch_one(&self.pool)
                    .await?;
            number(told)
        })
    }

    fn set_audit_told(&self, seq: u64) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query("UPDATE counters SET value = ? WHERE name = 'audit_told'")
                .bind(signed(seq)?)
                .execute(&self.pool)
                .await?;
            Ok(())
        })
    }
}
