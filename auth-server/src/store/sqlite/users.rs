use common::identity::{Alias, Role};
use root_ca::RevocationReason;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use time::OffsetDateTime;

use super::allowances::spend;
use super::attempts::remember_success;
use super::audit_log::append;
use super::certificates::revoke_all;
use super::{SqliteStore, Write, count, damaged, read_time, seconds};
use crate::audit::{Action, Actor, Event, OK};
use crate::store::{
    Allowance, Answer, DISABLED, Details, NewUser, Password, PasswordChange, PasswordHash, REMOVED,
    ROLE_CHANGED, StoreError, SuccessfulLogin, User, UserState, UserStore,
};

fn read_user(row: &SqliteRow) -> Result<User, StoreError> {
    let alias: String = row.try_get("alias")?;
    let role: String = row.try_get("role")?;
    let state: String = row.try_get("state")?;
    let state = UserState::ALL
        .into_iter()
        .find(|known| known.as_str() == state);
    Ok(User {
        alias: alias.parse().map_err(|_| damaged("an impossible alias"))?,
        role: role.parse().map_err(|_| damaged("an impossible role"))?,
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

/// What a change sets, beside the time: one assignment of SQL with its value.
enum Set<'a> {
    State(UserState),
    Password(&'a Password),
    Details(&'a Details),
    Role(&'a Role),
    NoFailures,
}

/// A change of one person that was not removed.
struct Change<'a> {
    alias: &'a Alias,
    set: Set<'a>,
    /// Revokes all current certificates.
    revoke: Option<RevocationReason>,
    action: Action,
    /// What the audit log says beside the alias.
    remark: String,
    by: &'a Actor,
    now: OffsetDateTime,
}

impl Change<'_> {
    async fn update(&self, tx: &mut Write) -> Result<u64, StoreError> {
        let query = match &self.set {
            Set::State(UserState::Removed) => sqlx::query(
                "UPDATE users SET changed_at = ?1, state = 'removed', password = '',
                     one_time_until = NULL, display_name = '', email = ''
                 WHERE alias = ?2 AND state <> 'removed'",
            ),
            Set::State(_) => sqlx::query(
                "UPDATE users SET changed_at = ?1, state = ?3
                 WHERE alias = ?2 AND state <> 'removed'",
            ),
            Set::Password(_) => sqlx::query(
                "UPDATE users SET changed_at = ?1, password = ?3, one_time_until = ?4
                 WHERE alias = ?2 AND state <> 'removed'",
            ),
            Set::Details(_) => sqlx::query(
                "UPDATE users SET changed_at = ?1, display_name = ?3, email = ?4
                 WHERE alias = ?2 AND state <> 'removed'",
            ),
            Set::Role(_) => sqlx::query(
                "UPDATE users SET changed_at = ?1, role = ?3
                 WHERE alias = ?2 AND state <> 'removed'",
            ),
            Set::NoFailures => sqlx::query(
                "UPDATE users SET changed_at = ?1, failed_logins = 0
                 WHERE alias = ?2 AND state <> 'removed'",
            ),
        };
        let query = query
            .bind(self.now.unix_timestamp())
            .bind(self.alias.as_str());
        let query = match &self.set {
            Set::State(UserState::Removed) | Set::NoFailures => query,
            Set::State(state) => query.bind(state.as_str()),
            Set::Password(password) => query
                .bind(password.hash.expose())
                .bind(password.one_time_until.map(OffsetDateTime::unix_timestamp)),
            Set::Details(details) => query.bind(&details.display_name).bind(&details.email),
            Set::Role(role) => query.bind(role.as_str()),
        };
        Ok(query.execute(&mut **tx).await?.rows_affected())
    }
}

impl SqliteStore {
    /// Makes the change with everything that follows from it: how many certificates it revoked.
    async fn change(&self, change: Change<'_>) -> Result<u64, StoreError> {
        let mut tx = self.write().await?;
        let revoked = make(&mut tx, &change).await?;
        tx.commit().await?;
        Ok(revoked)
    }
}

async fn make(tx: &mut Write, change: &Change<'_>) -> Result<u64, StoreError> {
    if change.update(tx).await? == 0 {
        return Err(StoreError::NoSuchUser {
            alias: change.alias.clone(),
        });
    }
    let revoked = match change.revoke {
        Some(reason) => {
            let role_changed = matches!(change.set, Set::Role(_));
            revoke_all(tx, change.alias, reason, role_changed, change.now).await?
        }
        None => 0,
    };
    if matches!(change.set, Set::NoFailures) {
        // An alias holds no wildcard of LIKE.
        sqlx::query(
            "DELETE FROM attempts
             WHERE subject LIKE 'alias ' || ?1 || ' %' OR subject = 'strangers ' || ?1",
        )
        .bind(change.alias.as_str())
        .execute(&mut **tx)
        .await?;
    }
    let event = Event {
        by: change.by,
        action: change.action,
        object: format!("{}{}", change.alias, change.remark),
        outcome: OK,
    };
    append(tx, &event, change.now).await?;
    Ok(revoked)
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

    fn set_password<'a>(
        &'a self,
        alias: &'a Alias,
        password: &'a Password,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        let remark = match password.one_time_until {
            Some(_) => " (one-time)",
            None => "",
        };
        let change = Change {
            alias,
            set: Set::Password(password),
            revoke: None,
            action: Action::SetPassword,
            remark: remark.into(),
            by,
            now,
        };
        Box::pin(async move { self.change(change).await.map(drop) })
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
        allowance: &'a Allowance,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        let change = Change {
            alias,
            set: Set::Details(details),
            revoke: None,
            action: Action::SetDetails,
            remark: String::new(),
            by,
            now,
        };
        Box::pin(async move {
            let present = self.user(alias).await?;
            // A removed person's are empty, and not to be changed.
            if present
                .is_some_and(|user| user.state != UserState::Removed && user.details == *details)
            {
                return Ok(());
            }
            let mut tx = self.write().await?;
            spend(&mut tx, allowance, now).await?;
            make(&mut tx, &change).await?;
            Ok(tx.commit().await?)
        })
    }

    fn set_role<'a>(
        &'a self,
        alias: &'a Alias,
        role: &'a Role,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, u64> {
        Box::pin(self.change(Change {
            alias,
            set: Set::Role(role),
            revoke: Some(ROLE_CHANGED),
            action: Action::SetRole,
            remark: format!(" is {role}"),
            by,
            now,
        }))
    }

    fn enable<'a>(
        &'a self,
        alias: &'a Alias,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        let change = Change {
            alias,
            set: Set::State(UserState::Active),
            revoke: None,
            action: Action::EnableUser,
            remark: String::new(),
            by,
            now,
        };
        Box::pin(async move { self.change(change).await.map(drop) })
    }

    fn disable<'a>(
        &'a self,
        alias: &'a Alias,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, u64> {
        Box::pin(self.change(Change {
            alias,
            set: Set::State(UserState::Disabled),
            revoke: Some(DISABLED),
            action: Action::DisableUser,
            remark: String::new(),
            by,
            now,
        }))
    }

    fn revoke_user<'a>(
        &'a self,
        alias: &'a Alias,
        reason: RevocationReason,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, u64> {
        Box::pin(self.change(Change {
            alias,
            set: Set::State(UserState::Disabled),
            revoke: Some(reason),
            action: Action::RevokeUser,
            remark: format!(" ({reason})"),
            by,
            now,
        }))
    }

    fn remove<'a>(
        &'a self,
        alias: &'a Alias,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, u64> {
        Box::pin(self.change(Change {
            alias,
            set: Set::State(UserState::Removed),
            revoke: Some(REMOVED),
            action: Action::RemoveUser,
            remark: String::new(),
            by,
            now,
        }))
    }

    fn unlock<'a>(
        &'a self,
        alias: &'a Alias,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()> {
        let change = Change {
            alias,
            set: Set::NoFailures,
            revoke: None,
            action: Action::UnlockUser,
            remark: String::new(),
            by,
            now,
        };
        Box::pin(async move { self.change(change).await.map(drop) })
    }
}
