use common::identity::{Alias, Role};
use root_ca::{LedgerEntry, Serial};
use sqlx::SqliteConnection;
use time::{Duration, OffsetDateTime};

use super::{Write, count, number, read_time};
use crate::store::{
    Issuance, LISTED_AT_LEAST, MAX_CURRENT, MAX_ISSUED, MAX_LISTABLE, MAX_RENEWALS, StoreError,
    WINDOW,
};

/// Enters a certificate that is about to be signed, if nothing stands against it.
pub(super) async fn begin(
    tx: &mut Write,
    entry: &LedgerEntry,
    issuance: &Issuance<'_>,
) -> Result<(), StoreError> {
    if let Some(renews) = &issuance.renews {
        demand_seldom_renewed(tx, renews, issuance.now).await?;
    }
    if let Some(alias) = &entry.alias {
        demand_few(tx, alias, issuance.now).await?;
        demand_room(tx, issuance.now).await?;
    }
    let inserted = sqlx::query(
        "INSERT INTO certificates (serial, alias, role, key_sha256, not_before, not_after,
                                   renews, state, created_at, device)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, 'about_to_sign', ?8,
                CASE WHEN ?7 IS NULL THEN ?1 ELSE (SELECT COALESCE(device, serial)
                    FROM certificates WHERE serial = ?7) END
         WHERE (?2 IS NULL OR EXISTS (SELECT 1 FROM users
                    WHERE alias = ?2 AND role = ?3 AND state = 'active'
                      AND (?7 IS NULL OR one_time_until IS NULL)))
           AND (?7 IS NULL OR EXISTS (SELECT 1 FROM certificates
                    WHERE serial = ?7 AND alias = ?2 AND state = 'signed'
                      AND (revoked_at IS NULL OR role_changed)))
           AND NOT EXISTS (SELECT 1 FROM certificates
                    WHERE key_sha256 = ?4 AND (?7 IS NOT NULL OR alias IS NOT ?2))",
    )
    .bind(entry.serial.as_bytes().as_slice())
    .bind(entry.alias.as_ref().map(Alias::as_str))
    .bind(entry.role.as_ref().map(Role::as_str))
    .bind(entry.key_sha256.as_slice())
    .bind(entry.not_before.unix_timestamp())
    .bind(entry.not_after.unix_timestamp())
    .bind(issuance.renews.map(|serial| serial.as_bytes().to_vec()))
    .bind(issuance.now.unix_timestamp())
    .execute(&mut **tx)
    .await?;
    match inserted.rows_affected() {
        1 => Ok(()),
        _ => Err(obstacle(tx, entry, issuance.renews.is_some()).await?),
    }
}

/// Refuses the renewal of a device that has renewed too often.
async fn demand_seldom_renewed(
    tx: &mut Write,
    renews: &Serial,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let row = sqlx::query(
        "SELECT count(*) AS renewals, min(created_at) AS first FROM certificates
         WHERE device = (SELECT COALESCE(device, serial) FROM certificates WHERE serial = ?1)
           AND renews IS NOT NULL AND created_at > ?2 - ?3 AND created_at < ?2 + ?3",
    )
    .bind(renews.as_bytes().as_slice())
    .bind(now.unix_timestamp())
    .bind(WINDOW.whole_seconds())
    .fetch_one(&mut **tx)
    .await?;
    if count(&row, "renewals")? < MAX_RENEWALS {
        return Ok(());
    }
    Err(StoreError::TooManyRenewals {
        wait: until(read_time(&row, "first")? + WINDOW, now),
    })
}

/// Refuses a person who got too many certificates lately, or has too many that are good.
async fn demand_few(tx: &mut Write, alias: &Alias, now: OffsetDateTime) -> Result<(), StoreError> {
    // Of what was made within the window, nothing ended before it.
    let row = sqlx::query(
        "SELECT count(*) FILTER (WHERE created_at > ?2 - ?3 AND created_at < ?2 + ?3) AS issued,
                min(created_at) FILTER (WHERE created_at > ?2 - ?3) AS first,
                count(*) FILTER (WHERE not_after >= ?2 AND revoked_at IS NULL) AS current,
                min(not_after) FILTER (WHERE not_after >= ?2 AND revoked_at IS NULL) AS ends
         FROM certificates WHERE alias = ?1 AND not_after > ?2 - ?3",
    )
    .bind(alias.as_str())
    .bind(now.unix_timestamp())
    .bind(WINDOW.whole_seconds())
    .fetch_one(&mut **tx)
    .await?;
    let free = if count(&row, "issued")? >= MAX_ISSUED {
        read_time(&row, "first")? + WINDOW
    } else if count(&row, "current")? >= MAX_CURRENT {
        read_time(&row, "ends")? + Duration::SECOND
    } else {
        return Ok(());
    };
    Err(StoreError::TooManyCertificates {
        wait: until(free, now),
    })
}

/// Refuses everybody when the list of revoked certificates could become too long.
async fn demand_room(tx: &mut Write, now: OffsetDateTime) -> Result<(), StoreError> {
    match listable(tx, now - LISTED_AT_LEAST).await? {
        listable if listable < u64::from(MAX_LISTABLE) => Ok(()),
        _ => Err(StoreError::LedgerFull),
    }
}

/// Members' certificates that ended at `since` or later.
pub(super) async fn listable(
    connection: &mut SqliteConnection,
    since: OffsetDateTime,
) -> Result<u64, StoreError> {
    let listable: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM certificates WHERE not_after >= ? AND alias IS NOT NULL",
    )
    .bind(since.unix_timestamp())
    .fetch_one(connection)
    .await?;
    number(listable)
}

fn until(free: OffsetDateTime, now: OffsetDateTime) -> std::time::Duration {
    (free - now).try_into().unwrap_or_default()
}

/// Why the ledger takes no entry.
async fn obstacle(
    tx: &mut Write,
    entry: &LedgerEntry,
    is_renewal: bool,
) -> Result<StoreError, StoreError> {
    let taken: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM certificates
                        WHERE key_sha256 = ? AND (? OR alias IS NOT ?))",
    )
    .bind(entry.key_sha256.as_slice())
    .bind(is_renewal)
    .bind(entry.alias.as_ref().map(Alias::as_str))
    .fetch_one(&mut **tx)
    .await?;
    Ok(match taken {
        true => StoreError::KeyInUse,
        false => StoreError::IssueBlocked,
    })
}
