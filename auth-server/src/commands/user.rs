//! `user add|list|passwd|disable|enable|rm`. They work on the store alone, so that they need no
//! passphrase and may be used while the server runs; it notices within a second.

use common::identity::{Alias, OrgRoot, Role};
use secrecy::SecretString;
use time::OffsetDateTime;
use time::macros::format_description;

use super::secrets;
use crate::failure::Failure;
use crate::home::Home;
use crate::options::PasswordSource;
use crate::password;
use crate::store::sqlite::SqliteStore;
use crate::store::{PasswordHash, Store, StoreError, User, UserState};
use crate::ui;

async fn open(home: &Home) -> Result<(OrgRoot, SqliteStore), Failure> {
    let root = home.root()?;
    let store = home.store(&root).await?;
    Ok((root, store))
}

/// Hashes off the threads that serve.
///
/// # Errors
/// When the system has no random numbers or memory.
pub async fn hash(password: SecretString) -> Result<PasswordHash, Failure> {
    tokio::task::spawn_blocking(move || password::hash(&password))
        .await
        .map_err(|_| Failure::other("the password could not be hashed"))?
        .map_err(|error| Failure::other(error.to_string()))
}

/// Refuses an alias that somebody has or had.
///
/// # Errors
/// When it is taken.
pub async fn demand_free(store: &dyn Store, alias: &Alias) -> Result<(), StoreError> {
    let alias = alias.clone();
    match store.user(&alias).await?.map(|user| user.state) {
        None => Ok(()),
        Some(UserState::Removed) => Err(StoreError::AliasRetired { alias }),
        Some(_) => Err(StoreError::AliasTaken { alias }),
    }
}

/// Adds a user.
///
/// # Errors
/// When the alias is taken or the password weak.
pub async fn add(
    home: &Home,
    alias: &Alias,
    role: &Role,
    source: PasswordSource,
) -> Result<(), Failure> {
    let (root, store) = open(home).await?;
    demand_free(&store, alias).await?;
    let names = [alias.as_str(), root.display_name()];
    let password = secrets::new_password(source, &names).await?;
    let hash = hash(password).await?;
    store
        .add_user(alias, role, &hash, OffsetDateTime::now_utc())
        .await?;
    store.close().await?;
    ui::message(&format!("Added {alias} as {role}."));
    Ok(())
}

/// Lists the users.
///
/// # Errors
/// When the store fails.
pub async fn list(home: &Home) -> Result<(), Failure> {
    let (_, store) = open(home).await?;
    let users = store.users().await?;
    store.close().await?;
    if users.is_empty() {
        ui::message("There are no users yet; add one with: auth-server user add ALIAS");
        return Ok(());
    }
    ui::data(&format!(
        "{:<32} {:<16} {:<9} ADDED",
        "ALIAS", "ROLE", "STATE"
    ));
    for user in &users {
        ui::data(&line(user));
    }
    Ok(())
}

fn line(user: &User) -> String {
    let added = user
        .created_at
        .format(format_description!("[year]-[month]-[day] [hour]:[minute]Z"))
        .unwrap_or_default();
    format!(
        "{:<32} {:<16} {:<9} {added}",
        user.alias.as_str(),
        user.role.as_str(),
        user.state.as_str()
    )
}

/// Replaces a password.
///
/// # Errors
/// When there is no such user or the password is weak.
pub async fn passwd(home: &Home, alias: &Alias, source: PasswordSource) -> Result<(), Failure> {
    let (root, store) = open(home).await?;
    let known = store.user(alias).await?;
    if known.is_none_or(|user| user.state == UserState::Removed) {
        return Err(StoreError::NoSuchUser {
            alias: alias.clone(),
        }
        .into());
    }
    let names = [alias.as_str(), root.display_name()];
    let password = secrets::new_password(source, &names).await?;
    let hash = hash(password).await?;
    store
        .set_password(alias, &hash, OffsetDateTime::now_utc())
        .await?;
    store.close().await?;
    ui::message(&format!("Changed the password of {alias}."));
    Ok(())
}

/// Disables a user.
///
/// # Errors
/// When there is no such user.
pub async fn disable(home: &Home, alias: &Alias) -> Result<(), Failure> {
    let (_, store) = open(home).await?;
    let revoked = store.disable(alias, OffsetDateTime::now_utc()).await?;
    store.close().await?;
    ui::message(&format!(
        "Disabled {alias} and revoked {}.",
        certificates(revoked)
    ));
    Ok(())
}

/// Enables a user.
///
/// # Errors
/// When there is no such user.
pub async fn enable(home: &Home, alias: &Alias) -> Result<(), Failure> {
    let (_, store) = open(home).await?;
    store.enable(alias, OffsetDateTime::now_utc()).await?;
    store.close().await?;
    ui::message(&format!("Enabled {alias}; a new login is needed."));
    Ok(())
}

/// Removes a user.
///
/// # Errors
/// When there is no such user.
pub async fn remove(home: &Home, alias: &Alias) -> Result<(), Failure> {
    let (_, store) = open(home).await?;
    let revoked = store.remove(alias, OffsetDateTime::now_utc()).await?;
    store.close().await?;
    ui::message(&format!(
        "Removed {alias} and revoked {}.",
        certificates(revoked)
    ));
    Ok(())
}

fn certificates(count: u64) -> String {
    match count {
        1 => "1 certificate".to_owned(),
        count => format!("{count} certificates"),
    }
}
