use common::identity::{Alias, Role};
use root_ca::{LedgerEntry, Profile, Serial};
use rusqlite::{Connection, Row, params};
use time::{Duration, OffsetDateTime};

use super::certificates::optional_serial;
use super::connections::Write;
use super::rows::{column, count, counted, execute, only, optional_time, signed};
use crate::store::{
    Issuance, LISTED_AT_LEAST, MAX_CURRENT, MAX_CURRENT_OF_DEVICE, MAX_ISSUED, MAX_LISTABLE,
    MAX_RENEWALS, StoreError, WINDOW,
};

/// Enters a certificate that is about to be signed, if nothing stands against it.
pub(super) fn begin(
    tx: &mut Write<'_>,
    entry: &LedgerEntry,
    issuance: &Issuance<'_>,
) -> Result<(), StoreError> {
    if let Some(renews) = &issuance.renews {
        demand_seldom_renewed(tx, renews, issuance.now)?;
    }
    if let Some(alias) = &entry.alias {
        demand_few(tx, alias, issuance.now)?;
        demand_room(tx, issuance.now)?;
    }
    let device = demand_right(tx, entry, issuance)?;
    execute(
        tx,
        "INSERT INTO certificates (serial, alias, role, key_sha256, not_before, not_after,
                                   renews, state, created_at, device)
         VALUES (?, ?, ?, ?, ?, ?, ?, 'about_to_sign', ?, ?)",
        params![
            entry.serial.as_bytes(),
            entry.alias.as_ref().map(Alias::as_str),
            entry.role.as_ref().map(Role::as_str),
            entry.key_sha256,
            entry.not_before.unix_timestamp(),
            entry.not_after.unix_timestamp(),
            issuance.renews.as_ref().map(Serial::as_bytes),
            issuance.now.unix_timestamp(),
            device.as_ref().unwrap_or(&entry.serial).as_bytes(),
        ],
    )
    .map(drop)
}

/// Refuses a key that is somebody else's, or for a renewal was certified before; a holder who may not
/// have this certificate; and a renewal of one that may not be renewed. Tells whose line a renewal
/// belongs to.
fn demand_right(
    tx: &Write<'_>,
    entry: &LedgerEntry,
    issuance: &Issuance<'_>,
) -> Result<Option<Serial>, StoreError> {
    let (is_taken, is_allowed, device) = only(
        tx,
        "SELECT EXISTS (SELECT 1 FROM certificates
                    WHERE key_sha256 = ?1 AND (?4 IS NOT NULL OR alias IS NOT ?2)) AS taken,
                (?2 IS NULL OR EXISTS (SELECT 1 FROM users
                    WHERE alias = ?2 AND role = ?3 AND state = 'active'
                      AND (?4 IS NULL OR one_time_until IS NULL)))
                AND (?4 IS NULL OR EXISTS (SELECT 1 FROM certificates
                    WHERE serial = ?4 AND alias = ?2 AND state = 'signed'
                      AND (revoked_at IS NULL OR role_changed))) AS allowed,
                (SELECT COALESCE(device, serial) FROM certificates WHERE serial = ?4) AS device",
        params![
            entry.key_sha256,
            entry.alias.as_ref().map(Alias::as_str),
            entry.role.as_ref().map(Role::as_str),
            issuance.renews.as_ref().map(Serial::as_bytes),
        ],
        |row| {
            Ok((
                column::<bool>(row, "taken")?,
                column::<bool>(row, "allowed")?,
                optional_serial(row, "device")?,
            ))
        },
    )?;
    match (is_taken, is_allowed) {
        (true, _) => Err(StoreError::KeyInUse),
        (false, false) => Err(StoreError::IssueBlocked),
        (false, true) => Ok(device),
    }
}

/// Refuses the renewal of a device that has renewed too often, or has too many certificates that are
/// good.
fn demand_seldom_renewed(
    tx: &Write<'_>,
    renews: &Serial,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    // What was made before the longest life has ended.
    let line = only(
        tx,
        "SELECT count(*) FILTER (WHERE renews IS NOT NULL AND created_at > ?2 - ?3
                                   AND created_at < ?2 + ?3) AS issued,
                min(created_at) FILTER (WHERE renews IS NOT NULL AND created_at > ?2 - ?3) AS first,
                count(*) FILTER (WHERE not_after >= ?2 AND revoked_at IS NULL) AS current,
                min(not_after) FILTER (WHERE not_after >= ?2 AND revoked_at IS NULL) AS ends
         FROM certificates
         WHERE device = (SELECT COALESCE(device, serial) FROM certificates WHERE serial = ?1)
           AND created_at > ?2 - ?3 - ?4",
        params![
            renews.as_bytes(),
            now.unix_timestamp(),
            WINDOW.whole_seconds(),
            Profile::MAX_LIFETIME.whole_seconds(),
        ],
        read_holdings,
    )?;
    match line.free_at((MAX_RENEWALS, MAX_CURRENT_OF_DEVICE), now) {
        None => Ok(()),
        Some(free) => Err(StoreError::TooManyRenewals {
            wait: until(free, now),
        }),
    }
}

/// The certificates of a person or a device: those that were made lately, and those that are good.
struct Holdings {
    issued: u32,
    first: Option<OffsetDateTime>,
    current: u32,
    ends: Option<OffsetDateTime>,
}

impl Holdings {
    /// When there may be one more, with so many at most that were made lately and that are good;
    /// nothing when that is now.
    fn free_at(&self, most: (u32, u32), now: OffsetDateTime) -> Option<OffsetDateTime> {
        let (most_issued, most_current) = most;
        if self.issued >= most_issued {
            Some(self.first.unwrap_or(now) + WINDOW)
        } else if self.current >= most_current {
            Some(self.ends.unwrap_or(now) + Duration::SECOND)
        } else {
            None
        }
    }
}

fn read_holdings(row: &Row<'_>) -> Result<Holdings, StoreError> {
    Ok(Holdings {
        issued: count(row, "issued")?,
        first: optional_time(row, "first")?,
        current: count(row, "current")?,
        ends: optional_time(row, "ends")?,
    })
}

/// Refuses a person who got too many certificates lately, or has too many that are good.
fn demand_few(tx: &Write<'_>, alias: &Alias, now: OffsetDateTime) -> Result<(), StoreError> {
    // Of what was made within the window, nothing ended before it.
    let holdings = only(
        tx,
        "SELECT count(*) FILTER (WHERE created_at > ?2 - ?3 AND created_at < ?2 + ?3) AS issued,
                min(created_at) FILTER (WHERE created_at > ?2 - ?3) AS first,
                count(*) FILTER (WHERE not_after >= ?2 AND revoked_at IS NULL) AS current,
                min(not_after) FILTER (WHERE not_after >= ?2 AND revoked_at IS NULL) AS ends
         FROM certificates WHERE alias = ?1 AND not_after > ?2 - ?3",
        params![alias.as_str(), now.unix_timestamp(), WINDOW.whole_seconds()],
        read_holdings,
    )?;
    match holdings.free_at((MAX_ISSUED, MAX_CURRENT), now) {
        None => Ok(()),
        Some(free) => Err(StoreError::TooManyCertificates {
            wait: until(free, now),
        }),
    }
}

/// Refuses everybody when the list of revoked certificates could become too long. To count those that
/// it may name takes the longer the more there are: a number that is never below theirs rises with
/// each certificate, and is counted anew only when it has reached the bound.
fn demand_room(tx: &Write<'_>, now: OffsetDateTime) -> Result<(), StoreError> {
    let bound = u64::from(MAX_LISTABLE);
    let last = "SELECT value FROM counters WHERE name = 'listable'";
    let at_most = match only(tx, last, [], counted)? {
        at_most if at_most < bound => at_most,
        _ => listable(tx, now - LISTED_AT_LEAST)?,
    };
    if at_most >= bound {
        return Err(StoreError::LedgerFull);
    }
    let next = "UPDATE counters SET value = ? WHERE name = 'listable'";
    execute(tx, next, [signed(at_most + 1)?]).map(drop)
}

/// Members' certificates that ended at `since` or later.
pub(super) fn listable(db: &Connection, since: OffsetDateTime) -> Result<u64, StoreError> {
    only(
        db,
        "SELECT count(*) FROM certificates WHERE not_after >= ? AND alias IS NOT NULL",
        [since.unix_timestamp()],
        counted,
    )
}

fn until(free: OffsetDateTime, now: OffsetDateTime) -> std::time::Duration {
    (free - now).try_into().unwrap_or_default()
}
