//! Statements, prepared once, and the columns of what they find.

use rusqlite::types::FromSql;
use rusqlite::{Connection, Params, Row};
use time::OffsetDateTime;

use super::damaged;
use crate::store::StoreError;

/// Reads one row.
pub(super) type Read<T> = fn(&Row<'_>) -> Result<T, StoreError>;

/// Executes a statement: how many rows it changed.
pub(super) fn execute(
    db: &Connection,
    statement: &str,
    parameters: impl Params,
) -> Result<usize, StoreError> {
    Ok(db.prepare_cached(statement)?.execute(parameters)?)
}

/// Every row that a query finds.
pub(super) fn all<T>(
    db: &Connection,
    query: &str,
    parameters: impl Params,
    read: Read<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = db.prepare_cached(query)?;
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// The first row that a query finds, if any. A statement that changes rows runs to its end.
pub(super) fn first<T>(
    db: &Connection,
    query: &str,
    parameters: impl Params,
    read: Read<T>,
) -> Result<Option<T>, StoreError> {
    Ok(all(db, query, parameters, read)?.into_iter().next())
}

/// The only row of a query that always finds one.
pub(super) fn only<T>(
    db: &Connection,
    query: &str,
    parameters: impl Params,
    read: Read<T>,
) -> Result<T, StoreError> {
    first(db, query, parameters, read)?.ok_or_else(|| damaged("a row is missing"))
}

/// The value of a column.
pub(super) fn column<T: FromSql>(row: &Row<'_>, name: &str) -> Result<T, StoreError> {
    Ok(row.get(name)?)
}

/// The value of the first column.
pub(super) fn value<T: FromSql>(row: &Row<'_>) -> Result<T, StoreError> {
    Ok(row.get(0)?)
}

/// The first column, a number that cannot be negative.
pub(super) fn counted(row: &Row<'_>) -> Result<u64, StoreError> {
    number(value(row)?)
}

/// A time, in seconds since 1970, or nothing.
pub(super) fn optional_time(
    row: &Row<'_>,
    name: &str,
) -> Result<Option<OffsetDateTime>, StoreError> {
    column::<Option<i64>>(row, name)?
        .map(|seconds| {
            OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| damaged("a time out of range"))
        })
        .transpose()
}

/// A time, in seconds since 1970.
pub(super) fn time(row: &Row<'_>, name: &str) -> Result<OffsetDateTime, StoreError> {
    optional_time(row, name)?.ok_or_else(|| damaged("a time is missing"))
}

/// A small number that cannot be negative.
pub(super) fn count(row: &Row<'_>, name: &str) -> Result<u32, StoreError> {
    u32::try_from(column::<i64>(row, name)?).map_err(|_| damaged("an impossible count"))
}

pub(super) fn number(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| damaged("a negative number"))
}

/// A number as the file holds it.
pub(super) fn signed(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| damaged("a number out of range"))
}
