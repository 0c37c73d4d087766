use common::identity::{Alias, Role};
use rusqlite::{Row, params};
use time::OffsetDateTime;

use super::allowances::spend;
use super::attempts::remember_success;
use super::audit_log::append;
use super::connections::Write;
use super::rows::{all, column, count, execute, first, optional_time, time, value};
use super::user_change::{carry_out, until};
use super::{SqliteStore, damaged, right};
use crate::audit::{Action, Actor, Event, OK};
use crate::store::{
    Allowance, Answer, Details, NewUser, Password, PasswordChange, PasswordHash, StoreError,
    SuccessfulLogin, User, UserChange, UserState, UserStore, demand_free,
};

pub(super) fn read_role(role: &str) -> Result<Role, StoreError> {
    role.parse().map_err(|_| damaged("an impossible role"))
}

fn read_user(row: &Row<'_>) -> Result<User, StoreError> {
    let alias: String = column(row, "alias")?;
    let role: String = column(row, "role")?;
    let state: String = column(row, "state")?;
    Ok(User {
        alias: alias.parse().map_err(|_| damaged("an impossible alias"))?,
        role: read_role(&role)?,
        password: Password {
            hash: PasswordHash::new(column(row, "password")?),
            one_time_until: optional_time(row, "one_time_until")?,
        },
        state: read_state(&state)?,
        details: Details {
            display_name: column(row, "display_name")?,
            email: column(row, "email")?,
        },
        failed_logins: count(row, "failed_logins")?,
        created_at: time(row, "created_at")?,
        last_login_at: optional_time(row, "last_login_at")?,
    })
}

fn read_state(state: &str) -> Result<UserState, StoreError> {
    UserState::ALL
        .into_iter()
        .find(|known| known.as_str() == state)
        .ok_or_else(|| damaged("an unknown state of a user"))
}

/// The state of who has or had the alias.
pub(super) fn state_of(tx: &Write<'_>, alias: &Alias) -> Result<Option<UserState>, StoreError> {
    let state = "SELECT state FROM users WHERE alias = ?";
    first(tx, state, [alias.as_str()], |row| {
        read_state(&value::<String>(row)?)
    })
}

/// The role of who has or had the alias.
pub(super) fn role_of(tx: &Write<'_>, alias: &Alias) -> Result<Option<Role>, StoreError> {
    let role = "SELECT role FROM users WHERE alias = ?";
    first(tx, role, [alias.as_str()], |row| {
        read_role(&value::<String>(row)?)
    })
}

fn insert(tx: &Write<'_>, user: &NewUser, now: OffsetDateTime) -> Result<(), StoreError> {
    execute(
        tx,
        "INSERT INTO users (alias, role, password, one_time_until, display_name, email,
             state, created_at, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'active', ?7, ?7)",
        params![
            user.alias.as_str(),
            user.role.as_str(),
            user.password.hash.expose(),
            until(&user.password),
            user.details.display_name,
            user.details.email,
            now.unix_timestamp(),
        ],
    )
    .map(drop)
}

fn add(
    tx: &mut Write<'_>,
    users: &[NewUser],
    by: &Actor,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    right::demand(tx, by, now)?;
    for user in users {
        demand_free(&user.alias, state_of(tx, &user.alias)?)?;
        insert(tx, user, now)?;
        let event = Event {
            by,
            action: Action::AddUser,
            object: format!("{} as {}", user.alias, user.role),
            outcome: OK,
        };
        append(tx, &event, now)?;
    }
    Ok(())
}

fn replace_password(
    tx: &Write<'_>,
    change: &PasswordChange<'_>,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let changed = execute(
        tx,
        "UPDATE users SET changed_at = ?1, password = ?2, one_time_until = ?3
         WHERE alias = ?4 AND password = ?5 AND state = 'active'",
        params![
            now.unix_timestamp(),
            change.new.hash.expose(),
            until(change.new),
            change.alias.as_str(),
            change.old.expose(),
        ],
    )?;
    match changed {
        0 => Err(StoreError::PasswordReplaced),
        _ => Ok(()),
    }
}

/// Replaces the details of a person who was not removed: whether they are others.
fn replace_details(
    tx: &Write<'_>,
    alias: &Alias,
    details: &Details,
    now: OffsetDateTime,
) -> Result<bool, StoreError> {
    let (display_name, email) = (&details.display_name, &details.email);
    let are_the_same = first(
        tx,
        "SELECT display_name = ?1 AND email = ?2 FROM users
         WHERE alias = ?3 AND state <> 'removed'",
        params![display_name, email, alias.as_str()],
        value,
    )?;
    match are_the_same {
        None => Err(StoreError::NoSuchUser {
            alias: alias.clone(),
        }),
        Some(true) => Ok(false),
        Some(false) => execute(
            tx,
            "UPDATE users SET changed_at = ?1, display_name = ?2, email = ?3 WHERE alias = ?4",
            params![now.unix_timestamp(), display_name, email, alias.as_str()],
        )
        .map(|_| true),
    }
}

impl UserStore for SqliteStore {
    fn add_user<'a>(
        &'a self,
        alias: &'a Alias,
        role: &'a Role,
        password: &'a Password,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        let user = NewUser {
            alias: alias.clone(),
            role: role.clone(),
            password: password.clone(),
            details: Details::default(),
        };
        Box::pin(async move { self.add_users(&[user], by, now).await })
    }

    fn add_users<'a>(
        &'a self,
        users: &'a [NewUser],
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        Box::pin(self.connections.write(move |tx| add(tx, users, by, now)))
    }

    fn user<'a>(&'a self, alias: &'a Alias) -> Answer<'a, Option<User>> {
        let by_name = "SELECT * FROM users WHERE alias = ?";
        Box::pin(async move {
            self.connections
                .look(|db| first(db, by_name, [alias.as_str()], read_user))
        })
    }

    fn users(&self) -> Answer<'_, Vec<User>> {
        let present = "SELECT * FROM users WHERE state <> 'removed' ORDER BY alias";
        Box::pin(async move { self.connections.read(|db| all(db, present, [], read_user)) })
    }

    fn roles(&self) -> Answer<'_, Vec<Role>> {
        let roles = "SELECT DISTINCT role FROM users WHERE state <> 'removed' ORDER BY role";
        Box::pin(async move {
            self.connections
                .read(|db| all(db, roles, [], |row| read_role(&value::<String>(row)?)))
        })
    }

    fn change_user<'a>(
        &'a self,
        alias: &'a Alias,
        change: UserChange<'a>,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, Option<u64>> {
        Box::pin(self.connections.write(move |tx| {
            right::demand(tx, by, now)?;
            let Some(revoked) = carry_out(tx, alias, change, now)? else {
                return Ok(None);
            };
            right::demand_an_administrator(tx, by)?;
            let event = Event {
                by,
                action: change.action(),
                object: change.object(alias),
                outcome: OK,
            };
            append(tx, &event, now)?;
            Ok(Some(revoked))
        }))
    }

    fn change_password<'a>(
        &'a self,
        change: &'a PasswordChange<'a>,
        login: &'a SuccessfulLogin<'a>,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        Box::pin(self.connections.write(move |tx| {
            replace_password(tx, change, now)?;
            remember_success(tx, login, now)?;
            let event = Event {
                by,
                action: Action::SetPassword,
                object: change.alias.to_string(),
                outcome: OK,
            };
            append(tx, &event, now)
        }))
    }

    fn rehash<'a>(
        &'a self,
        alias: &'a Alias,
        old: &'a PasswordHash,
        new: &'a PasswordHash,
    ) -> Answer<'a, ()> {
        Box::pin(self.connections.write(move |tx| {
            execute(
                tx,
                "UPDATE users SET password = ? WHERE alias = ? AND password = ?",
                [new.expose(), alias.as_str(), old.expose()],
            )
            .map(drop)
        }))
    }

    fn set_details<'a>(
        &'a self,
        alias: &'a Alias,
        details: &'a Details,
        allowance: &'a Allowance,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        Box::pin(self.connections.write(move |tx| {
            if !replace_details(tx, alias, details, now)? {
                return Ok(());
            }
            spend(tx, allowance, now)?;
            let event = Event {
                by,
                action: Action::SetDetails,
                object: alias.to_string(),
                outcome: OK,
            };
            append(tx, &event, now)
        }))
    }
}
