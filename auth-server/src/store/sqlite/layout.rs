//! Whether a store is laid out as this program lays one out. A file from elsewhere could hold triggers,
//! views or defaults of its own: what looks like one number changed would fill a disk, or more.

use rusqlite::Connection;

use super::rows::{self, value};
use super::{MIGRATIONS, STEPS, damaged};
use crate::store::StoreError;

/// Kind, name, table and definition of everything in a store; an index of a constraint has none.
type Layout = Vec<(String, String, String, Option<String>)>;

fn layout(db: &Connection) -> Result<Layout, StoreError> {
    let all = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name";
    rows::all(db, all, [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })
}

/// Compares it with an empty store of the same version.
///
/// # Errors
/// When anything is there that this program did not make, or is not as it makes it.
pub(super) fn demand_own(db: &Connection) -> Result<(), StoreError> {
    let version: u32 = rows::only(db, "PRAGMA user_version", [], value)?;
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    if version > STEPS.len() {
        return Err(damaged("it is of a newer version than this program"));
    }
    let mut empty = Connection::open_in_memory()?;
    MIGRATIONS.to_version(&mut empty, version)?;
    match layout(db)? == layout(&empty)? {
        true => Ok(()),
        false => Err(damaged("it is not laid out as this program does it")),
    }
}
