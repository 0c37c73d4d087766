use common::identity::{Alias, Role};
use root_ca::{LedgerEntry, RevocationReason, RevokedCertificate, Serial};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite};
use time::OffsetDateTime;

use super::audit_log::append;
use super::{SqliteStore, Write, damaged, ledger, number, read_time, seconds};
use crate::audit::{Action, Actor, Event, OK};
use crate::store::{
    Answer, CertificateFilter, CertificateRecord, CertificateStore, Issuance, LastCrl, MAX_GRACE,
    StoreError,
};

/// Revokes every certificate of a person that has not ended, signed or about to be; and, unless it
/// is only for another role, those too that have ended and might still be renewed. Says how many
/// were in force.
pub(super) async fn revoke_all(
    tx: &mut Write,
    alias: &Alias,
    reason: RevocationReason,
    role_changed: bool,
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    let in_force: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM certificates
         WHERE alias = ? AND revoked_at IS NULL AND not_after >= ?",
    )
    .bind(alias.as_str())
    .bind(now.unix_timestamp())
    .fetch_one(&mut **tx)
    .await?;
    let since = if role_changed { now } else { now - MAX_GRACE };
    sqlx::query(
        "UPDATE certificates
         SET revoked_at = COALESCE(revoked_at, ?1), reason = ?2, role_changed = ?3
         WHERE alias = ?4 AND not_after >= ?5
           AND (revoked_at IS NULL OR (role_changed AND NOT ?3))",
    )
    .bind(now.unix_timestamp())
    .bind(reason.code())
    .bind(role_changed)
    .bind(alias.as_str())
    .bind(since.unix_timestamp())
    .execute(&mut **tx)
    .await?;
    count_revocation(tx).await?;
    number(in_force)
}

/// The certificate by which a device goes.
async fn device_of(tx: &mut Write, serial: &Serial) -> Result<Serial, StoreError> {
    let device: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT COALESCE(device, serial) FROM certificates WHERE serial = ?")
            .bind(serial.as_bytes().as_slice())
            .fetch_optional(&mut **tx)
            .await?;
    read_serial(&device.ok_or(StoreError::NoSuchCertificate { serial: *serial })?)
}

/// Which certificates of a device a revocation ends.
struct Line<'a> {
    device: Serial,
    named: &'a Serial,
    now: OffsetDateTime,
}

impl Line<'_> {
    /// Those that were handed out and are believed until now.
    async fn in_force(&self, tx: &mut Write) -> Result<Vec<Serial>, StoreError> {
        let rows = sqlx::query_scalar::<_, Vec<u8>>(
            "SELECT serial FROM certificates
             WHERE (device = ?1 OR serial = ?1) AND state = 'signed'
               AND revoked_at IS NULL AND not_after >= ?2
             ORDER BY created_at, serial",
        )
        .bind(self.device.as_bytes().as_slice())
        .bind(self.now.unix_timestamp())
        .fetch_all(&mut **tx)
        .await?;
        rows.iter().map(|serial| read_serial(serial)).collect()
    }

    /// Revokes the named one, and all that have not ended or might still be renewed; says how many.
    async fn revoke(&self, tx: &mut Write, reason: RevocationReason) -> Result<u64, StoreError> {
        let done = sqlx::query(
            "UPDATE certificates
             SET revoked_at = COALESCE(revoked_at, ?1), reason = ?2, role_changed = 0
             WHERE (device = ?3 OR serial = ?3) AND (not_after >= ?4 OR serial = ?5)
               AND (revoked_at IS NULL OR role_changed)",
        )
        .bind(self.now.unix_timestamp())
        .bind(reason.code())
        .bind(self.device.as_bytes().as_slice())
        .bind((self.now - MAX_GRACE).unix_timestamp())
        .bind(self.named.as_bytes().as_slice())
        .execute(&mut **tx)
        .await?;
        Ok(done.rows_affected())
    }
}

pub(super) async fn count_revocation(tx: &mut Write) -> Result<(), StoreError> {
    sqlx::query("UPDATE counters SET value = value + 1 WHERE name = 'revocations'")
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn read_serial(bytes: &[u8]) -> Result<Serial, StoreError> {
    Serial::from_bytes(bytes).ok_or_else(|| damaged("an impossible serial number"))
}

fn read_revocation(
    row: &SqliteRow,
) -> Result<Option<(OffsetDateTime, RevocationReason)>, StoreError> {
    let Some(at) = seconds(row, "revoked_at")? else {
        return Ok(None);
    };
    let reason: i64 = row.try_get("reason")?;
    let reason = u8::try_from(reason)
        .ok()
        .and_then(RevocationReason::from_code);
    Ok(Some((
        at,
        reason.ok_or_else(|| damaged("an unknown reason"))?,
    )))
}

fn read_certificate(row: &SqliteRow) -> Result<CertificateRecord, StoreError> {
    let alias: Option<String> = row.try_get("alias")?;
    let role: Option<String> = row.try_get("role")?;
    let key: Vec<u8> = row.try_get("key_sha256")?;
    let renews: Option<Vec<u8>> = row.try_get("renews")?;
    let device: Option<Vec<u8>> = row.try_get("device")?;
    let serial = read_serial(row.try_get("serial")?)?;
    let state: String = row.try_get("state")?;
    let alias = alias.map(|alias| alias.parse::<Alias>()).transpose();
    let role = role.map(|role| role.parse::<Role>()).transpose();
    Ok(CertificateRecord {
        serial,
        alias: alias.map_err(|_| damaged("an impossible alias"))?,
        role: role.map_err(|_| damaged("an impossible role"))?,
        key_sha256: key
            .try_into()
            .map_err(|_| damaged("a digest of the wrong length"))?,
        not_before: read_time(row, "not_before")?,
        not_after: read_time(row, "not_after")?,
        signed: state == "signed",
        renews: renews.as_deref().map(read_serial).transpose()?,
        device: match &device {
            Some(device) => read_serial(device)?,
            None => serial,
        },
        created_at: read_time(row, "created_at")?,
        revoked: read_revocation(row)?,
        role_changed: row.try_get("role_changed")?,
    })
}

fn read_revoked(row: &SqliteRow) -> Result<RevokedCertificate, StoreError> {
    let (revoked_at, reason) = read_revocation(row)?.ok_or_else(|| damaged("a time is missing"))?;
    Ok(RevokedCertificate {
        serial: read_serial(row.try_get("serial")?)?,
        revoked_at,
        reason,
    })
}

impl CertificateStore for SqliteStore {
    fn about_to_sign<'a>(
        &'a self,
        entry: &'a LedgerEntry,
        issuance: &'a Issuance<'a>,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            ledger::begin(&mut tx, entry, issuance).await?;
            Ok(tx.commit().await?)
        })
    }

    fn signed<'a>(&'a self, serial: &'a Serial, issuance: &'a Issuance<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            let holder: Option<Option<String>> = sqlx::query_scalar(
                "UPDATE certificates SET state = 'signed'
                 WHERE serial = ? AND state = 'about_to_sign' AND revoked_at IS NULL
                 RETURNING alias",
            )
            .bind(serial.as_bytes().as_slice())
            .fetch_optional(&mut *tx)
            .await?;
            let holder = holder.ok_or(StoreError::IssueBlocked)?;
            let holder = holder.as_deref().unwrap_or("auth-server");
            let event = match issuance.renews {
                None => Event {
                    by: issuance.by,
                    action: Action::Issue,
                    object: format!("{serial} of {holder}"),
                    outcome: OK,
                },
                Some(old) => Event {
                    by: issuance.by,
                    action: Action::Renew,
                    object: format!("{serial} of {holder} after {old}"),
                    outcome: OK,
                },
            };
            append(&mut tx, &event, issuance.now).await?;
            Ok(tx.commit().await?)
        })
    }

    fn certificate<'a>(&'a self, serial: &'a Serial) -> Answer<'a, Option<CertificateRecord>> {
        Box::pin(async move {
            let row = sqlx::query("SELECT * FROM certificates WHERE serial = ?")
                .bind(serial.as_bytes().as_slice())
                .fetch_optional(&self.pool)
                .await?;
            row.as_ref().map(read_certificate).transpose()
        })
    }

    fn certificates<'a>(
        &'a self,
        filter: &'a CertificateFilter,
    ) -> Answer<'a, Vec<CertificateRecord>> {
        Box::pin(async move {
            let mut query: QueryBuilder<Sqlite> =
                QueryBuilder::new("SELECT * FROM certificates WHERE 1 = 1");
            if let Some(alias) = &filter.alias {
                query.push(" AND alias = ").push_bind(alias.to_string());
            }
            if let Some(role) = &filter.role {
                query.push(" AND role = ").push_bind(role.to_string());
            }
            if let Some(serial) = filter.device_of {
                query
                    .push(
                        " AND COALESCE(device, serial) =
                            (SELECT COALESCE(device, serial) FROM certificates WHERE serial = ",
                    )
                    .push_bind(serial.as_bytes().to_vec())
                    .push(")");
            }
            if let Some(moment) = filter.ends_before {
                query
                    .push(" AND not_after < ")
                    .push_bind(moment.unix_timestamp());
            }
            if let Some(moment) = filter.ends_after {
                query
                    .push(" AND not_after >= ")
                    .push_bind(moment.unix_timestamp());
            }
            match filter.revoked {
                Some(true) => query.push(" AND revoked_at IS NOT NULL"),
                Some(false) => query.push(" AND revoked_at IS NULL"),
                None => &mut query,
            };
            query
                .push(" ORDER BY created_at DESC, serial LIMIT ")
                .push_bind(filter.limit);
            let rows = query.build().fetch_all(&self.pool).await?;
            rows.iter().map(read_certificate).collect()
        })
    }

    fn revoke<'a>(
        &'a self,
        serial: &'a Serial,
        reason: RevocationReason,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, Option<u64>> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            let line = Line {
                device: device_of(&mut tx, serial).await?,
                named: serial,
                now,
            };
            let mut told = line.in_force(&mut tx).await?;
            let in_force = told.len();
            if line.revoke(&mut tx, reason).await? == 0 {
                return Ok(None);
            }
            count_revocation(&mut tx).await?;
            if !told.contains(serial) {
                told.push(*serial);
            }
            for serial in told {
                let event = Event {
                    by,
                    action: Action::RevokeCertificate,
                    object: format!("{serial} ({reason})"),
                    outcome: OK,
                };
                append(&mut tx, &event, now).await?;
            }
            tx.commit().await?;
            Ok(u64::try_from(in_force).ok())
        })
    }

    fn revoked(&self, since: OffsetDateTime) -> Answer<'_, Vec<RevokedCertificate>> {
        Box::pin(async move {
            let rows = sqlx::query(
                "SELECT serial, revoked_at, reason FROM certificates
                 WHERE revoked_at IS NOT NULL AND not_after >= ? ORDER BY revoked_at, serial",
            )
            .bind(since.unix_timestamp())
            .fetch_all(&self.pool)
            .await?;
            rows.iter().map(read_revoked).collect()
        })
    }

    fn revocations(&self) -> Answer<'_, u64> {
        Box::pin(async move {
            let value: i64 =
                sqlx::query_scalar("SELECT value FROM counters WHERE name = 'revocations'")
                    .fetch_one(&self.pool)
                    .await?;
            number(value)
        })
    }

    fn next_crl_number(&self) -> Answer<'_, u64> {
        Box::pin(async move {
            let value: i64 = sqlx::query_scalar(
                "UPDATE counters SET value = value + 1 WHERE name = 'crl_number' RETURNING value",
            )
            .fetch_one(&self.pool)
            .await?;
            number(value)
        })
    }

    fn keep_crl<'a>(&'a self, number: u64, der: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(async move {
            let number = i64::try_from(number).map_err(|_| damaged("a number out of range"))?;
            sqlx::query(
                "INSERT INTO last_crl (only, number, der) VALUES (1, ?1, ?2)
                 ON CONFLICT (only) DO UPDATE SET number = ?1, der = ?2 WHERE number < ?1",
            )
            .bind(number)
            .bind(der)
            .execute(&self.pool)
            .await?;
            Ok(())
        })
    }

    fn last_crl(&self) -> Answer<'_, Option<LastCrl>> {
        Box::pin(async move {
            let row = sqlx::query("SELECT number, der FROM last_crl")
                .fetch_optional(&self.pool)
                .await?;
            row.map(|row| {
                Ok(LastCrl {
                    number: number(row.try_get("number")?)?,
                    der: row.try_get("der")?,
                })
            })
            .transpose()
        })
    }
}
