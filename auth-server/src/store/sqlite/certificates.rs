use common::identity::{Alias, DeviceName, Role};
use root_ca::{LedgerEntry, RevocationReason, RevokedCertificate, Serial};
use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};
use time::OffsetDateTime;

use super::audit_log::append;
use super::connections::Write;
use super::rows::{
    all, column, counted, execute, first, number, only, optional_time, signed, time, value,
};
use super::{SqliteStore, damaged, device, ledger, right, standing};
use crate::audit::{Action, Actor, Event, OK};
use crate::store::{
    Answer, CertificateFilter, CertificateRecord, CertificateStore, Issuance, LastCrl, MAX_GRACE,
    Origin, Standing, StoreError,
};

/// Revokes every certificate of a person that has not ended, signed or about to be; and, unless it
/// is only for another role, those too that have ended and might still be renewed. Says how many
/// were in force.
pub(super) fn revoke_all(
    tx: &mut Write<'_>,
    alias: &Alias,
    reason: RevocationReason,
    role_changed: bool,
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    let in_force = only(
        tx,
        "SELECT count(*) FROM certificates
         WHERE alias = ? AND revoked_at IS NULL AND not_after >= ?",
        params![alias.as_str(), now.unix_timestamp()],
        counted,
    )?;
    let since = if role_changed { now } else { now - MAX_GRACE };
    execute(
        tx,
        "UPDATE certificates
         SET revoked_at = COALESCE(revoked_at, ?1), reason = ?2, role_changed = ?3
         WHERE alias = ?4 AND not_after >= ?5
           AND (revoked_at IS NULL OR (role_changed AND NOT ?3))",
        params![
            now.unix_timestamp(),
            reason.code(),
            role_changed,
            alias.as_str(),
            since.unix_timestamp(),
        ],
    )?;
    count_revocation(tx)?;
    Ok(in_force)
}

/// Whether a person has a certificate that could be used or renewed once the person is back, and so
/// something that [`revoke_all`] would revoke for good.
pub(super) fn is_left_to_revoke(
    tx: &Write<'_>,
    alias: &Alias,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    only(
        tx,
        "SELECT EXISTS (SELECT 1 FROM certificates
             WHERE alias = ? AND not_after >= ? AND (revoked_at IS NULL OR role_changed))",
        params![alias.as_str(), (now - MAX_GRACE).unix_timestamp()],
        value,
    )
}

pub(super) fn count_revocation(tx: &Write<'_>) -> Result<(), StoreError> {
    let counter = "UPDATE counters SET value = value + 1 WHERE name = 'revocations'";
    execute(tx, counter, []).map(drop)
}

fn read_serial(bytes: &[u8]) -> Result<Serial, StoreError> {
    Serial::from_bytes(bytes).ok_or_else(|| damaged("an impossible serial number"))
}

/// The serial number in that column, if there is one.
pub(super) fn optional_serial(row: &Row<'_>, name: &str) -> Result<Option<Serial>, StoreError> {
    column::<Option<Vec<u8>>>(row, name)?
        .map(|bytes| read_serial(&bytes))
        .transpose()
}

/// The serial number in the column of that name.
pub(super) fn serial(row: &Row<'_>) -> Result<Serial, StoreError> {
    read_serial(&column::<Vec<u8>>(row, "serial")?)
}

fn read_revocation(
    row: &Row<'_>,
) -> Result<Option<(OffsetDateTime, RevocationReason)>, StoreError> {
    let Some(at) = optional_time(row, "revoked_at")? else {
        return Ok(None);
    };
    let reason = u8::try_from(column::<i64>(row, "reason")?)
        .ok()
        .and_then(RevocationReason::from_code);
    Ok(Some((
        at,
        reason.ok_or_else(|| damaged("an unknown reason"))?,
    )))
}

/// The holder's alias in the column of that name, if it is a member's certificate.
pub(super) fn alias(row: &Row<'_>) -> Result<Option<Alias>, StoreError> {
    let alias: Option<String> = column(row, "alias")?;
    alias
        .map(|alias| alias.parse())
        .transpose()
        .map_err(|_| damaged("an impossible alias"))
}

/// The digest of the public key in the column of that name.
pub(super) fn key_sha256(row: &Row<'_>) -> Result<[u8; 32], StoreError> {
    column::<Vec<u8>>(row, "key_sha256")?
        .try_into()
        .map_err(|_| damaged("a digest of the wrong length"))
}

/// The device's own name in the column of that name, if it has told one.
pub(super) fn device_name(row: &Row<'_>) -> Result<Option<DeviceName>, StoreError> {
    let name: Option<String> = column(row, "device_name")?;
    name.map(|name| name.parse())
        .transpose()
        .map_err(|_| damaged("an impossible name of a device"))
}

fn read_origin(row: &Row<'_>) -> Result<Origin, StoreError> {
    Ok(Origin {
        source: column(row, "source")?,
        login_source: column(row, "login_source")?,
        device_name: device_name(row)?,
    })
}

fn read_certificate(row: &Row<'_>) -> Result<CertificateRecord, StoreError> {
    let role: Option<String> = column(row, "role")?;
    let role = role.map(|role| role.parse::<Role>()).transpose();
    let serial = serial(row)?;
    Ok(CertificateRecord {
        serial,
        alias: alias(row)?,
        role: role.map_err(|_| damaged("an impossible role"))?,
        key_sha256: key_sha256(row)?,
        not_before: time(row, "not_before")?,
        not_after: time(row, "not_after")?,
        signed: column::<String>(row, "state")? == "signed",
        renews: optional_serial(row, "renews")?,
        device: optional_serial(row, "device")?.unwrap_or(serial),
        origin: read_origin(row)?,
        created_at: time(row, "created_at")?,
        revoked: read_revocation(row)?,
        role_changed: column(row, "role_changed")?,
    })
}

fn read_revoked(row: &Row<'_>) -> Result<RevokedCertificate, StoreError> {
    let (revoked_at, reason) = read_revocation(row)?.ok_or_else(|| damaged("a time is missing"))?;
    Ok(RevokedCertificate {
        serial: serial(row)?,
        revoked_at,
        reason,
    })
}

fn read_last_crl(row: &Row<'_>) -> Result<LastCrl, StoreError> {
    Ok(LastCrl {
        number: number(column(row, "number")?)?,
        der: column(row, "der")?,
    })
}

/// The query for a filter, and what it compares with.
fn query(filter: &CertificateFilter) -> (String, Vec<Value>) {
    let mut query = "SELECT * FROM certificates WHERE 1 = 1".to_owned();
    let mut values = Vec::new();
    let mut demand = |condition: &str, value: Value| {
        query.push_str(" AND ");
        query.push_str(condition);
        values.push(value);
    };
    if let Some(alias) = &filter.alias {
        demand("alias = ?", alias.to_string().into());
    }
    if let Some(role) = &filter.role {
        demand("role = ?", role.to_string().into());
    }
    if let Some(serial) = filter.device_of {
        demand(
            "COALESCE(device, serial) =
                 (SELECT COALESCE(device, serial) FROM certificates WHERE serial = ?)",
            serial.as_bytes().to_vec().into(),
        );
    }
    if let Some(moment) = filter.ends_before {
        demand("not_after < ?", moment.unix_timestamp().into());
    }
    if let Some(moment) = filter.ends_after {
        demand("not_after >= ?", moment.unix_timestamp().into());
    }
    if let Some(revoked) = filter.revoked {
        demand("(revoked_at IS NOT NULL) = ?", i64::from(revoked).into());
    }
    query.push_str(" ORDER BY created_at DESC, serial LIMIT ?");
    values.push(i64::from(filter.limit).into());
    (query, values)
}

/// Records that the certificate was signed, and for whom: its holder. What is not told of its device is
/// what was known of the certificate before it.
fn record_signed(
    tx: &Write<'_>,
    serial: &Serial,
    by: &Actor,
) -> Result<Option<String>, StoreError> {
    first(
        tx,
        "UPDATE certificates SET state = 'signed', source = ?2,
             login_source = CASE WHEN renews IS NULL THEN ?2 ELSE
                 (SELECT old.login_source FROM certificates AS old
                  WHERE old.serial = certificates.renews) END,
             device_name = COALESCE(?3,
                 (SELECT old.device_name FROM certificates AS old
                  WHERE old.serial = certificates.renews))
         WHERE serial = ?1 AND state = 'about_to_sign' AND revoked_at IS NULL
         RETURNING alias",
        params![
            serial.as_bytes(),
            by.source(),
            by.device_name().map(DeviceName::as_str),
        ],
        |row| column(row, "alias"),
    )?
    .ok_or(StoreError::IssueBlocked)
}

impl CertificateStore for SqliteStore {
    fn about_to_sign<'a>(
        &'a self,
        entry: &'a LedgerEntry,
        issuance: &'a Issuance<'a>,
    ) -> Answer<'a, ()> {
        // The certificate leaves the server only behind `signed`, which is flushed, and this with it.
        Box::pin(
            self.connections
                .write_ahead(move |tx| ledger::begin(tx, entry, issuance)),
        )
    }

    fn signed<'a>(&'a self, serial: &'a Serial, issuance: &'a Issuance<'a>) -> Answer<'a, ()> {
        Box::pin(self.connections.write(move |tx| {
            let holder = record_signed(tx, serial, issuance.by)?;
            let holder = holder.as_deref().unwrap_or("auth-server");
            let (action, object) = match issuance.renews {
                None => (Action::Issue, format!("{serial} of {holder}")),
                Some(old) => (Action::Renew, format!("{serial} of {holder} after {old}")),
            };
            let event = Event {
                by: issuance.by,
                action,
                object,
                outcome: OK,
            };
            append(tx, &event, issuance.now)
        }))
    }

    fn certificate<'a>(&'a self, serial: &'a Serial) -> Answer<'a, Option<CertificateRecord>> {
        let by_number = "SELECT * FROM certificates WHERE serial = ?";
        Box::pin(async move {
            self.connections
                .look(|db| first(db, by_number, [serial.as_bytes()], read_certificate))
        })
    }

    fn standing<'a>(&'a self, serial: &'a Serial) -> Answer<'a, Option<Standing>> {
        Box::pin(async move { self.connections.look(|db| standing::of(db, serial)) })
    }

    fn certificates<'a>(
        &'a self,
        filter: &'a CertificateFilter,
    ) -> Answer<'a, Vec<CertificateRecord>> {
        Box::pin(async move {
            let (query, values) = query(filter);
            self.connections
                .read(|db| all(db, &query, params_from_iter(values), read_certificate))
        })
    }

    fn revoke<'a>(
        &'a self,
        serial: &'a Serial,
        reason: RevocationReason,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, Option<u64>> {
        Box::pin(self.connections.write(move |tx| {
            right::demand(tx, by, now)?;
            let Some(in_force) = device::revoke(tx, serial, reason, now)? else {
                return Ok(None);
            };
            count_revocation(tx)?;
            let named = in_force.iter().filter(|other| *other != serial);
            for serial in named.chain([serial]) {
                let event = Event {
                    by,
                    action: Action::RevokeCertificate,
                    object: format!("{serial} ({reason})"),
                    outcome: OK,
                };
                append(tx, &event, now)?;
            }
            Ok(u64::try_from(in_force.len()).ok())
        }))
    }

    fn listable(&self, since: OffsetDateTime) -> Answer<'_, u64> {
        Box::pin(async move { self.connections.read(|db| ledger::listable(db, since)) })
    }

    fn revoked(&self, since: OffsetDateTime) -> Answer<'_, Vec<RevokedCertificate>> {
        let revoked = "SELECT serial, revoked_at, reason FROM certificates
             WHERE revoked_at IS NOT NULL AND not_after >= ? ORDER BY revoked_at, serial";
        Box::pin(async move {
            self.connections
                .read(|db| all(db, revoked, [since.unix_timestamp()], read_revoked))
        })
    }

    fn revocations(&self) -> Answer<'_, u64> {
        let counter = "SELECT value FROM counters WHERE name = 'revocations'";
        Box::pin(async move { self.connections.look(|db| only(db, counter, [], counted)) })
    }

    fn next_crl_number(&self) -> Answer<'_, u64> {
        Box::pin(self.connections.write_first(|tx| {
            let next = "UPDATE counters SET value = value + 1 WHERE name = 'crl_number'
                 RETURNING value";
            only(tx, next, [], counted)
        }))
    }

    fn keep_crl<'a>(&'a self, number: u64, der: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(self.connections.write_first(move |tx| {
            execute(
                tx,
                "INSERT INTO last_crl (only, number, der) VALUES (1, ?1, ?2)
                 ON CONFLICT (only) DO UPDATE SET number = ?1, der = ?2 WHERE number < ?1",
                params![signed(number)?, der],
            )
            .map(drop)
        }))
    }

    fn last_crl(&self) -> Answer<'_, Option<LastCrl>> {
        let last = "SELECT number, der FROM last_crl";
        Box::pin(async move {
            self.connections
                .look(|db| first(db, last, [], read_last_crl))
        })
    }
}
