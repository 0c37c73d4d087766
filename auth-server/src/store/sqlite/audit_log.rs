use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use time::OffsetDateTime;

use super::{SqliteStore, Write, damaged, number, read_time};
use crate::audit::{Event, GENESIS, Hash, Record};
use crate::store::{Answer, AuditStore, Checkpoint, StoreError};

/// Appends an entry within the transaction of what it tells of.
pub(super) async fn append(
    tx: &mut Write,
    event: &Event<'_>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let last = sqlx::query("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
        .fetch_optional(&mut **tx)
        .await?;
    let (seq, previous) = match &last {
        Some(row) => (number(row.try_get("seq")?)? + 1, read_hash(row)?),
        None => (1, Hash(GENESIS)),
    };
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
    event.tell();
    Ok(())
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

    fn entries(&self, after: u64, limit: u32) -> Answer<'_, Vec<Record>> {
        Box::pin(async move {
            let rows = sqlx::query("SELECT * FROM audit WHERE seq > ? ORDER BY seq LIMIT ?")
                .bind(signed(after)?)
                .bind(limit)
                .fetch_all(&self.pool)
                .await?;
            rows.iter().map(read_record).collect()
        })
    }

    fn last_entry(&self) -> Answer<'_, Option<Record>> {
        Box::pin(async move {
            let row = sqlx::query("SELECT * FROM audit ORDER BY seq DESC LIMIT 1")
                .fetch_optional(&self.pool)
                .await?;
            row.as_ref().map(read_record).transpose()
        })
    }

    fn add_checkpoint<'a>(&'a self, checkpoint: &'a Checkpoint) -> Answer<'a, ()> {
        Box::pin(async move {
            sqlx::query("INSERT INTO audit_checkpoints (seq, at, signature) VALUES (?, ?, ?)")
                .bind(signed(checkpoint.seq)?)
                .bind(checkpoint.at.unix_timestamp())
                .bind(checkpoint.signature.as_slice())
                .execute(&self.pool)
                .await?;
            Ok(())
        })
    }

    fn checkpoints(&self) -> Answer<'_, Vec<Checkpoint>> {
        Box::pin(async move {
            let rows = sqlx::query("SELECT * FROM audit_checkpoints ORDER BY seq")
                .fetch_all(&self.pool)
                .await?;
            rows.iter().map(read_checkpoint).collect()
        })
    }
}
