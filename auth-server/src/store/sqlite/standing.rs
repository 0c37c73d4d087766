//! Who shows a certificate: one statement for the certificate and its holder, so that both are of the
//! same moment.

use root_ca::Serial;
use rusqlite::{Connection, Row};

use super::certificates::{alias, device_name, key_sha256, serial};
use super::rows::{column, first, time};
use super::users::read_role;
use crate::store::{Standing, StoreError};

/// What counts when somebody shows the certificate with that number.
pub(super) fn of(db: &Connection, shown: &Serial) -> Result<Option<Standing>, StoreError> {
    first(
        db,
        "SELECT shown.alias, key_sha256, not_after, shown.state = 'signed' AS signed,
                COALESCE(device, serial) AS serial, device_name,
                revoked_at IS NOT NULL AS revoked,
                revoked_at IS NULL OR role_changed AS renewable,
                holder.role, one_time_until IS NOT NULL AS password_pending
         FROM certificates AS shown
         LEFT JOIN users AS holder ON holder.alias = shown.alias AND holder.state = 'active'
         WHERE shown.serial = ?",
        [shown.as_bytes()],
        read,
    )
}

fn read(row: &Row<'_>) -> Result<Standing, StoreError> {
    let role: Option<String> = column(row, "role")?;
    Ok(Standing {
        alias: alias(row)?,
        key_sha256: key_sha256(row)?,
        not_after: time(row, "not_after")?,
        signed: column(row, "signed")?,
        device: serial(row)?,
        device_name: device_name(row)?,
        revoked: column(row, "revoked")?,
        renewable: column(row, "renewable")?,
        role: role.map(|role| read_role(&role)).transpose()?,
        password_pending: column(row, "password_pending")?,
    })
}
