use common::identity::{Alias, Role};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use time::OffsetDateTime;

use super::attempts::remember_success;
use super::audit_log::append;
use super::user_change::{carry_out, demand_found};
use super::{SqliteStore, Write, count, damaged, read_time, right, seconds};
use crate::audit::{Action, Actor, Event, OK};
use crate::store::{
    Answer, Details, NewUser, Password, PasswordChange, PasswordHash, StoreError, SuccessfulLogin,
    User, UserChange, UserState, UserStore,
};

fn read_role(role: &str) -> Result<Role, StoreError> {
    role.parse().map_err(|_| damaged("an impossible role"))
}

fn read_user(row: &SqliteRow) -> Result<User, StoreError> {
    let alias: String = row.try_get("alias")?;
    let role: String = row.try_get("role")?;
    let state: String = row.try_get("state")?;
    let state = UserState::ALL
        .into_iter()
        .find(|known| known.as_str() == state);
    Ok(User {
        alias: alias.parse().map_err(|_| damaged("an impossible alias"))?,
        role: read_role(&role)?,
        password: Password {
            hash: PasswordHash::new(row.try_get("password")?),
            one_time_until: seconds(row, "one_time_until")?,
        },
        state: state.ok_or_else(|| damaged("an unknown state of a user"))?,
        details: Details {
            display_name: row.try_get("display_name")?,
            email: row.try_get("email")?,
        },
        failed_logins: count(row, "failed_logins")?,
        created_at: read_time(row, "created_at")?,
        last_login_at: seconds(row, "last_login_at")?,
    })
}

async fn demand_free(tx: &mut Write, alias: &Alias) -> Result<(), StoreError> {
    let state: Option<String> = sqlx::query_scalar("SELECT state FROM users WHERE alias = ?")
        .bind(alias.as_str())
        .fetch_optional(&mut **tx)
        .await?;
    let alias = alias.clone();
    match state.as_deref() {
        None => Ok(()),
        Some("removed") => Err(StoreError::AliasRetired { alias }),
        Some(_) => Err(StoreError::AliasTaken { alias }),
    }
}

async fn insert(tx: &mut Write, user: &NewUser, now: OffsetDateTime) -> Result<(), StoreError> {
    let until = user.password.one_time_until;
    sqlx::query(
        "INSERT INTO users (alias, role, password, one_time_until, display_name, email,
             state, created_at, changed_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'active', ?7, ?7)",
    )
    .bind(user.alias.as_str())
    .bind(user.role.as_str())
    .bind(user.password.hash.expose())
    .bind(until.map(OffsetDateTime::unix_timestamp))
    .bind(&user.details.display_name)
    .bind(&user.details.email)
    .bind(now.unix_timestamp())
    .execute(&mut **tx)
    .await?;
    Ok(())
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
        Box::pin(async move {
            let mut tx = self.write().await?;
            right::demand(&mut tx, by, now).await?;
            for user in users {
                demand_free(&mut tx, &user.alias).await?;
                insert(&mut tx, user, now).await?;
                let event = Event {
                    by,
                    action: Action::AddUser,
                    object: format!("{} as {}", user.alias, user.role),
                    outcome: OK,
                };
                append(&mut tx, &event, now).await?;
            }
            Ok(tx.commit().await?)
        })
    }

    fn user<'a>(&'a self, alias: &'a Alias) -> Answer<'a, Option<User>> {
        Box::pin(async move {
            let row = sqlx::query("SELECT * FROM users WHERE alias = ?")
                .bind(alias.as_str())
                .fetch_optional(&self.pool)
                .await?;
            row.as_ref().map(read_user).transpose()
        })
    }

    fn users(&self) -> Answer<'_, Vec<User>> {
        Box::pin(async move {
            let rows = sqlx::query("SELECT * FROM users WHERE state <> 'removed' ORDER BY alias")
                .fetch_all(&self.pool)
                .await?;
            rows.iter().map(read_user).collect()
        })
    }

    fn roles(&self) -> Answer<'_, Vec<Role>> {
        Box::pin(async move {
            let roles: Vec<String> = sqlx::query_scalar(
                "SELECT DISTINCT role FROM users WHERE state <> 'removed' ORDER BY role",
            )
            .fetch_all(&self.pool)
            .await?;
            roles.iter().map(|role| read_role(role)).collect()
        })
    }

    fn change_user<'a>(
        &'a self,
        alias: &'a Alias,
        change: UserChange<'a>,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, u64> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            right::demand(&mut tx, by, now).await?;
            let revoked = carry_out(&mut tx, alias, change, now).await?;
            right::demand_an_administrator(&mut tx, by).await?;
            let event = Event {
                by,
                action: change.action(),
                object: change.object(alias),
                outcome: OK,
            };
            append(&mut tx, &event, now).await?;
            tx.commit().await?;
            Ok(revoked)
        })
    }

    fn change_password<'a>(
        &'a self,
        change: &'a PasswordChange<'a>,
        login: &'a SuccessfulLogin<'a>,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            let until = change.new.one_time_until;
            let changed = sqlx::query(
                "UPDATE users SET changed_at = ?1, password = ?2, one_time_until = ?3
                 WHERE alias = ?4 AND password = ?5 AND state = 'active'",
            )
            .bind(now.unix_timestamp())
            .bind(change.new.hash.expose())
            .bind(until.map(OffsetDateTime::unix_timestamp))
            .bind(change.alias.as_str())
            .bind(change.old.expose())
            .execute(&mut *tx)
            .await?;
            if changed.rows_affected() == 0 {
                return Err(StoreError::PasswordReplaced);
            }
            remember_success(&mut tx, login, now).await?;
            let event = Event {
                by,
                action: Action::SetPassword,
                object: change.alias.to_string(),
                outcome: OK,
            };
            append(&mut tx, &event, now).await?;
            Ok(tx.commit().await?)
        })
    }

    fn rehash<'a>(
        &'a self,
        alias: &'a Alias,
        old: &'a PasswordHash,
        new: &'a PasswordHash,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            sqlx::query("UPDATE users SET password = ? WHERE alias = ? AND password = ?")
                .bind(new.expose())
                .bind(alias.as_str())
                .bind(old.expose())
                .execute(&self.pool)
                .await?;
            Ok(())
        })
    }

    fn set_details<'a>(
        &'a self,
        alias: &'a Alias,
        details: &'a Details,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let mut tx = self.write().await?;
            let changed = sqlx::query(
                "UPDATE users SET changed_at = ?1, display_name = ?2, email = ?3
                 WHERE alias = ?4 AND state <> 'removed'",
            )
            .bind(now.unix_timestamp())
            .bind(&details.display_name)
            .bind(&details.email)
            .bind(alias.as_str())
            .execute(&mut *tx)
            .await?;
            demand_found(alias, changed.rows_affected())?;
            let event = Event {
                by,
                action: Action::SetDetails,
                object: alias.to_string(),
                outcome: OK,
            };
            append(&mut tx, &event, now).await?;
            Ok(tx.commit().await?)
        })
    }
}
