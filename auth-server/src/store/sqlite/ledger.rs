use common::identity::{Alias, Role};
use root_ca::{LedgerEntry, Serial};
use time::OffsetDateTime;

use super::{Write, count, read_time};
use crate::store::{Issuance, MAX_RENEWALS, RENEWAL_WINDOW, StoreError};

/// Enters a certificate that is about to be signed, if nothing stands against it.
pub(super) async fn begin(
    tx: &mut Write,
    entry: &LedgerEntry,
    issuance: &Issuance<'_>,
) -> Result<(), StoreError> {
    if let Some(renews) = &issuance.renews {
        demand_moderation(tx, renews, issuance.now).await?;
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
async fn demand_moderation(
    tx: &mut Write,
    renews: &Serial,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let row = sqlx::query(
        "SELECT count(*) AS renewals, min(created_at) AS first FROM certificates
         WHERE device = (SELECT COALESCE(device, serial) FROM certificates WHERE serial = ?)
           AND renews IS NOT NULL AND created_at > ?",
    )
    .bind(renews.as_bytes().as_slice())
    .bind((now - RENEWAL_WINDOW).unix_timestamp())
    .fetch_one(&mut **tx)
    .await?;
    if count(&row, "renewals")? < MAX_RENEWALS {
        return Ok(());
    }
    let free = read_time(&row, "first")? + RENEWAL_WINDOW;
    Err(StoreError::TooManyRenewals {
        wait: (free - now).try_into().unwrap_or_default(),
    })
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
