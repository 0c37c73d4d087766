use time::OffsetDateTime;

use super::Write;
use crate::audit::{Actor, Right};
use crate::store::{ADMIN_ROLE, Denied, StoreError};

/// Demands that `by` may give orders. The write lock of `tx` keeps it true until the order has been
/// carried out.
pub(super) async fn demand(
    tx: &mut Write,
    by: &Actor,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let serial = match by.right() {
        Right::Machine => return Ok(()),
        Right::Nothing => return Err(Denied::Role.into()),
        Right::Certificate(serial) => serial,
    };
    let found: Option<(bool, bool)> = sqlx::query_as(
        "SELECT u.role = ?1, u.one_time_until IS NOT NULL
         FROM certificates c JOIN users u ON u.alias = c.alias
         WHERE c.serial = ?2 AND c.alias = ?3 AND c.state = 'signed' AND c.revoked_at IS NULL
           AND c.not_after >= ?4 AND u.state = 'active'",
    )
    .bind(ADMIN_ROLE)
    .bind(serial.as_bytes().as_slice())
    .bind(by.name())
    .bind(now.unix_timestamp())
    .fetch_optional(&mut **tx)
    .await?;
    match found {
        None => Err(Denied::Certificate.into()),
        Some((false, _)) => Err(Denied::Role.into()),
        Some((true, true)) => Err(Denied::PasswordPending.into()),
        Some((true, false)) => Ok(()),
    }
}

/// Demands that after an order from afar somebody is left who can administer from there: an active
/// administrator with a password of his own choice. On the machine itself everything can be mended.
pub(super) async fn demand_an_administrator(tx: &mut Write, by: &Actor) -> Result<(), StoreError> {
    if by.right() == Right::Machine {
        return Ok(());
    }
    let one_is_left: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM users
         WHERE role = ? AND state = 'active' AND one_time_until IS NULL)",
    )
    .bind(ADMIN_ROLE)
    .fetch_one(&mut **tx)
    .await?;
    one_is_left
        .then_some(())
        .ok_or(StoreError::LastAdministrator)
}
