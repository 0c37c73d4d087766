use std::path::Path;
use std::time::Instant;

use sqlx::Row;
use time::OffsetDateTime;

use super::audit_log::append;
use super::certificates::count_revocation;
use super::{SqliteStore, damaged, number};
use crate::audit::{Action, Actor, Event, OK};
use crate::metrics::metrics;
use crate::store::{Answer, Census, StoreError, UpkeepStore, UserState};

impl SqliteStore {
    async fn counted(&self, query: &'static str, now: i64) -> Result<Vec<u64>, StoreError> {
        let row = sqlx::query(query).bind(now).fetch_one(&self.pool).await?;
        (0..row.len())
            .map(|at| number(row.try_get(at)?))
            .collect::<Result<_, _>>()
    }
}

fn exactly<const N: usize>(counts: Vec<u64>) -> Result<[u64; N], StoreError> {
    counts
        .try_into()
        .map_err(|_| damaged("a count has the wrong form"))
}

impl UpkeepStore for SqliteStore {
    fn census(&self, now: OffsetDateTime) -> Answer<'_, Census> {
        Box::pin(async move {
            let began = Instant::now();
            let now = now.unix_timestamp();
            let users = "SELECT count(*) FILTER (WHERE state = 'active'),
                        count(*) FILTER (WHERE state = 'disabled'),
                        count(*) FILTER (WHERE state = 'removed') FROM users WHERE ?1 = ?1";
            let certificates = "SELECT
                        count(*) FILTER (WHERE revoked_at IS NOT NULL),
                        count(*) FILTER (WHERE revoked_at IS NULL AND state <> 'signed'),
                        count(*) FILTER (WHERE revoked_at IS NULL AND state = 'signed'
                                         AND not_after < ?1),
                        count(*) FILTER (WHERE revoked_at IS NULL AND state = 'signed'
                                         AND not_after >= ?1) FROM certificates";
            let counters = "SELECT
                        (SELECT value FROM counters WHERE name = 'revocations'),
                        (SELECT value FROM counters WHERE name = 'crl_number') WHERE ?1 = ?1";
            let [active, disabled, removed] = exactly(self.counted(users, now).await?)?;
            let [revoked, unsigned, expired, valid] =
                exactly(self.counted(certificates, now).await?)?;
            let [revocations, crl_number] = exactly(self.counted(counters, now).await?)?;
            metrics().store("count", began.elapsed());
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
        })
    }

    fn snapshot_to<'a>(&'a self, path: &'a Path) -> Answer<'a, ()> {
        Box::pin(async move {
            let name = path.to_str().ok_or_else(|| StoreError::Unusable {
                detail: "the path is not text in UTF-8".into(),
            })?;
            // One read transaction: writers go on meanwhile.
            sqlx::query("VACUUM INTO ?")
                .bind(name)
                .execute(&self.pool)
                .await?;
            Ok(())
        })
    }

    fn resume_after_restore<'a>(
        &'a self,
        crl_number: u64,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let wanted = i64::try_from(crl_number).map_err(|_| damaged("a number out of range"))?;
            let mut tx = self.write().await?;
            let moved = sqlx::query(
                "UPDATE counters SET value = ?1 WHERE name = 'crl_number' AND value < ?1",
            )
            .bind(wanted)
            .execute(&mut *tx)
            .await?;
            if moved.rows_affected() != 1 {
                return Err(StoreError::Unusable {
                    detail: "its last CRL number is not below the new one".into(),
                });
            }
            // Peers may have a newer one.
            sqlx::query("DELETE FROM last_crl")
                .execute(&mut *tx)
                .await?;
            count_revocation(&mut tx).await?;
            let event = Event {
                by,
                action: Action::Restore,
                object: format!("CRL numbers go on after {crl_number}"),
                outcome: OK,
            };
            append(&mut tx, &event, now).await?;
            Ok(tx.commit().await?)
        })
    }
}
