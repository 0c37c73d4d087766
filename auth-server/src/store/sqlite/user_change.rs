use common::identity::Alias;
use rusqlite::params_from_iter;
use rusqlite::types::{Null, Value};
use time::OffsetDateTime;

use super::certificates::{is_left_to_revoke, revoke_all};
use super::connections::Write;
use super::rows::{execute, only, value};
use super::users::{role_of, state_of};
use crate::store::{Password, StoreError, UserChange, UserState};

/// Makes a change with everything that follows from it: how many certificates it revoked; nothing when
/// nothing had to be done.
pub(super) fn carry_out(
    tx: &mut Write<'_>,
    alias: &Alias,
    change: UserChange<'_>,
    now: OffsetDateTime,
) -> Result<Option<u64>, StoreError> {
    if !is_needed(tx, alias, change, now)? {
        return Ok(None);
    }
    update(tx, alias, change, now)?;
    if matches!(change, UserChange::Unlock) {
        forget_failures(tx, alias)?;
    }
    let revoked = match change.revokes() {
        Some(reason) => {
            let role_changed = matches!(change, UserChange::Role(_));
            revoke_all(tx, alias, reason, role_changed, now)?
        }
        None => 0,
    };
    Ok(Some(revoked))
}

/// Whether the change would make a difference to a person who was not removed.
fn is_needed(
    tx: &Write<'_>,
    alias: &Alias,
    change: UserChange<'_>,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let state = state_of(tx, alias)?.filter(|state| *state != UserState::Removed);
    let state = state.ok_or_else(|| StoreError::NoSuchUser {
        alias: alias.clone(),
    })?;
    match change {
        UserChange::Enable => Ok(state != UserState::Active),
        UserChange::Disable => Ok(state != UserState::Disabled),
        UserChange::Unlock => has_failed(tx, alias),
        UserChange::Role(role) => Ok(role_of(tx, alias)?.as_ref() != Some(role)),
        UserChange::Revoke(_) => {
            Ok(state != UserState::Disabled || is_left_to_revoke(tx, alias, now)?)
        }
        _ => Ok(true),
    }
}

/// Whether failed logins are counted for a person, by anybody and anywhere.
fn has_failed(tx: &Write<'_>, alias: &Alias) -> Result<bool, StoreError> {
    only(
        tx,
        "SELECT EXISTS (SELECT 1 FROM users WHERE alias = ?1 AND failed_logins > 0)
             OR EXISTS (SELECT 1 FROM attempts
                 WHERE subject LIKE 'alias ' || ?1 || ' %' OR subject = 'strangers ' || ?1)",
        [alias.as_str()],
        value,
    )
}

/// Until when a password is good, if it was given for once: seconds since 1970.
pub(super) fn until(password: &Password) -> Option<i64> {
    password.one_time_until.map(OffsetDateTime::unix_timestamp)
}

/// The columns that a change sets.
fn columns(change: UserChange<'_>) -> Vec<(&'static str, Value)> {
    let text = |text: &str| Value::from(text.to_owned());
    let state = |state: UserState| ("state", text(state.as_str()));
    match change {
        UserChange::Password(password) => vec![
            ("password", text(password.hash.expose())),
            ("one_time_until", until(password).into()),
        ],
        UserChange::Role(role) => vec![("role", text(role.as_str()))],
        UserChange::Enable => vec![state(UserState::Active)],
        UserChange::Disable | UserChange::Revoke(_) => vec![state(UserState::Disabled)],
        UserChange::Remove => vec![
            state(UserState::Removed),
            ("password", text("")),
            ("one_time_until", Null.into()),
            ("display_name", text("")),
            ("email", text("")),
        ],
        UserChange::Unlock => vec![("failed_logins", 0.into())],
    }
}

/// Makes a change to the row of a person.
fn update(
    tx: &Write<'_>,
    alias: &Alias,
    change: UserChange<'_>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut statement = "UPDATE users SET changed_at = ?".to_owned();
    let mut values = vec![Value::from(now.unix_timestamp())];
    for (column, value) in columns(change) {
        statement.push_str(", ");
        statement.push_str(column);
        statement.push_str(" = ?");
        values.push(value);
    }
    statement.push_str(" WHERE alias = ?");
    values.push(alias.to_string().into());
    execute(tx, &statement, params_from_iter(values)).map(drop)
}

fn forget_failures(tx: &Write<'_>, alias: &Alias) -> Result<(), StoreError> {
    // An alias holds no wildcard of LIKE.
    execute(
        tx,
        "DELETE FROM attempts
         WHERE subject LIKE 'alias ' || ?1 || ' %' OR subject = 'strangers ' || ?1",
        [alias.as_str()],
    )
    .map(drop)
}
