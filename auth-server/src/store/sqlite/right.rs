use rusqlite::params;
use time::OffsetDateTime;

use super::connections::Write;
use super::rows::{column, first, only, value};
use crate::audit::{Actor, Right};
use crate::store::{ADMIN_ROLE, Denied, StoreError};

/// Demands that `by` may give orders. The write lock of `tx` keeps it true until the order has been
/// carried out.
pub(super) fn demand(tx: &Write<'_>, by: &Actor, now: OffsetDateTime) -> Result<(), StoreError> {
    let serial = match by.right() {
        Right::Machine => return Ok(()),
        Right::Nothing => return Err(Denied::Role.into()),
        Right::Certificate(serial) => serial,
    };
    let found = first(
        tx,
        "SELECT u.role = ?1 AS is_admin, u.one_time_until IS NOT NULL AS is_pending
         FROM certificates c JOIN users u ON u.alias = c.alias
         WHERE c.serial = ?2 AND c.alias = ?3 AND c.state = 'signed' AND c.revoked_at IS NULL
           AND c.not_after >= ?4 AND u.state = 'active'",
        params![
            ADMIN_ROLE,
            serial.as_bytes(),
            by.name(),
            now.unix_timestamp()
        ],
        |row| Ok((column(row, "is_admin")?, column(row, "is_pending")?)),
    )?;
    match found {
        None => Err(Denied::Certificate.into()),
        Some((false, _)) => Err(Denied::Role.into()),
        Some((true, true)) => Err(Denied::PasswordPending.into()),
        Some((true, false)) => Ok(()),
    }
}

/// Demands that after an order from afar somebody is left who can administer from there: an active
/// administrator with a password of his own choice. On the machine itself everything can be mended.
pub(super) fn demand_an_administrator(tx: &Write<'_>, by: &Actor) -> Result<(), StoreError> {
    if by.right() == Right::Machine {
        return Ok(());
    }
    let one_is_left: bool = only(
        tx,
        "SELECT EXISTS (SELECT 1 FROM users
         WHERE role = ? AND state = 'active' AND one_time_until IS NULL)",
        [ADMIN_ROLE],
        value,
    )?;
    one_is_left
        .then_some(())
        .ok_or(StoreError::LastAdministrator)
}
