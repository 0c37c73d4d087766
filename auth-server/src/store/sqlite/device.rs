//! A device in the ledger: the line of certificates that took each other's place.

use root_ca::{RevocationReason, Serial};
use rusqlite::params;
use time::OffsetDateTime;

use super::certificates::serial;
use super::connections::Write;
use super::rows::{all, execute, first, only, value};
use crate::store::{MAX_GRACE, StoreError};

/// The certificate by which the device of another one goes.
fn device_of(tx: &Write<'_>, named: &Serial) -> Result<Serial, StoreError> {
    first(
        tx,
        "SELECT COALESCE(device, serial) AS serial FROM certificates WHERE serial = ?",
        [named.as_bytes()],
        serial,
    )?
    .ok_or(StoreError::NoSuchCertificate { serial: *named })
}

/// Whether it is the certificate that the auth server uses: the last one that it got, which it shows
/// until it is started anew, revoked or not.
fn is_the_servers(tx: &Write<'_>, named: &Serial, now: OffsetDateTime) -> Result<bool, StoreError> {
    only(
        tx,
        "SELECT EXISTS (SELECT 1 FROM certificates AS own
             WHERE own.serial = ?1 AND own.alias IS NULL AND own.state = 'signed'
               AND own.revoked_at IS NULL AND own.not_after >= ?2
               AND NOT EXISTS (SELECT 1 FROM certificates AS later
                   WHERE later.alias IS NULL AND later.state = 'signed'
                     AND (later.created_at, later.rowid) > (own.created_at, own.rowid)))",
        params![named.as_bytes(), now.unix_timestamp()],
        value,
    )
}

/// Those that were handed out and are believed until now.
fn in_force(
    tx: &Write<'_>,
    device: &Serial,
    now: OffsetDateTime,
) -> Result<Vec<Serial>, StoreError> {
    all(
        tx,
        "SELECT serial FROM certificates
         WHERE (device = ?1 OR serial = ?1) AND state = 'signed'
           AND revoked_at IS NULL AND not_after >= ?2
         ORDER BY created_at, serial",
        params![device.as_bytes(), now.unix_timestamp()],
        serial,
    )
}

/// Revokes the named certificate, and all of its device that have not ended or might still be
/// renewed. Says which were in force; nothing when nothing was left to be revoked.
pub(super) fn revoke(
    tx: &mut Write<'_>,
    named: &Serial,
    reason: RevocationReason,
    now: OffsetDateTime,
) -> Result<Option<Vec<Serial>>, StoreError> {
    let device = device_of(tx, named)?;
    if is_the_servers(tx, named, now)? {
        return Err(StoreError::OwnCertificate { serial: *named });
    }
    let in_force = in_force(tx, &device, now)?;
    let revoked = execute(
        tx,
        "UPDATE certificates
         SET revoked_at = COALESCE(revoked_at, ?1), reason = ?2, role_changed = 0
         WHERE (device = ?3 OR serial = ?3) AND (not_after >= ?4 OR serial = ?5)
           AND (revoked_at IS NULL OR role_changed)",
        params![
            now.unix_timestamp(),
            reason.code(),
            device.as_bytes(),
            (now - MAX_GRACE).unix_timestamp(),
            named.as_bytes(),
        ],
    )?;
    Ok((revoked > 0).then_some(in_force))
}
