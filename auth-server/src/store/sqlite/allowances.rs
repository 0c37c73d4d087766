use time::OffsetDateTime;

use super::audit_log::append;
use super::{SqliteStore, Write, count, read_time};
use crate::audit::Event;
use crate::store::{Allowance, AllowanceStore, Answer, StoreError};

/// Uses the allowance up by one, within the transaction of what it is for.
pub(super) async fn spend(
    tx: &mut Write,
    allowance: &Allowance,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT since, spent FROM allowances WHERE subject = ?")
        .bind(&allowance.subject)
        .fetch_optional(&mut **tx)
        .await?;
    let present = match &row {
        Some(row) => Some((read_time(row, "since")?, count(row, "spent")?)),
        None => None,
    };
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
    sqlx::query(
        "INSERT INTO allowances (subject, since, spent) VALUES (?1, ?2, ?3)
         ON CONFLICT (subject) DO UPDATE SET since = ?2, spent = ?3",
    )
    .bind(&allowance.subject)
    .bind(since.unix_timestamp())
    .bind(spent + 1)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

impl AllowanceStore for SqliteStore {
    fn append_within<'a>(
        &'a self,
        event: &'a Event<'a>,
        allowance: &'a Allowance,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            spend(&mut tx, allowance, now).await?;
            append(&mut tx, event, now).await?;
            Ok(tx.commit().await?)
        })
    }

    fn prune_allowances(&self, before: OffsetDateTime) -> Answer<'_, ()> {
        Box::pin(async move {
            sqlx::query("DELETE FROM allowances WHERE since < ?")
                .bind(before.unix_timestamp())
                .execute(&self.pool)
                .await?;
            Ok(())
        })
    }
}
