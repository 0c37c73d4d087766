use common::identity::Alias;
use sqlx::{QueryBuilder, Sqlite};
use time::OffsetDateTime;

use super::Write;
use super::certificates::revoke_all;
use crate::store::{StoreError, UserChange, UserState};

/// Makes a change with everything that follows from it: how many certificates it revoked.
pub(super) async fn carry_out(
    tx: &mut Write,
    alias: &Alias,
    change: UserChange<'_>,
    now: OffsetDateTime,
) -> Result<u64, StoreError> {
    update(tx, alias, change, now).await?;
    if matches!(change, UserChange::Unlock) {
        forget_failures(tx, alias).await?;
    }
    match change.revokes() {
        Some(reason) => {
            let role_changed = matches!(change, UserChange::Role(_));
            revoke_all(tx, alias, reason, role_changed, now).await
        }
        None => Ok(0),
    }
}

/// Makes a change to the row of a person who was not removed.
async fn update(
    tx: &mut Write,
    alias: &Alias,
    change: UserChange<'_>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new("UPDATE users SET changed_at = ");
    query.push_bind(now.unix_timestamp());
    let mut set = |column: &str, value: &str| {
        query
            .push(format_args!(", {column} = "))
            .push_bind(value.to_owned());
    };
    match change {
        UserChange::Password(password) => {
            set("password", password.hash.expose());
            let until = password.one_time_until.map(OffsetDateTime::unix_timestamp);
            query.push(", one_time_until = ").push_bind(until);
        }
        UserChange::Role(role) => set("role", role.as_str()),
        UserChange::Enable => set("state", UserState::Active.as_str()),
        UserChange::Disable | UserChange::Revoke(_) => set("state", UserState::Disabled.as_str()),
        UserChange::Remove => {
            set("state", UserState::Removed.as_str());
            for column in ["password", "display_name", "email"] {
                set(column, "");
            }
            query.push(", one_time_until = NULL");
        }
        UserChange::Unlock => {
            query.push(", failed_logins = 0");
        }
    }
    query.push(" WHERE state <> 'removed' AND alias = ");
    query.push_bind(alias.as_str());
    let done = query.build().execute(&mut **tx).await?;
    demand_found(alias, done.rows_affected())
}

/// Demands that a change has met somebody.
pub(super) fn demand_found(alias: &Alias, rows: u64) -> Result<(), StoreError> {
    let alias = alias.clone();
    (rows > 0)
        .then_some(())
        .ok_or(StoreError::NoSuchUser { alias })
}

async fn forget_failures(tx: &mut Write, alias: &Alias) -> Result<(), StoreError> {
    // An alias holds no wildcard of LIKE.
    sqlx::query(
        "DELETE FROM attempts
         WHERE subject LIKE 'alias ' || ?1 || ' %' OR subject = 'strangers ' || ?1",
    )
    .bind(alias.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
