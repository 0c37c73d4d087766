//! `user ...`: people. On the store of this machine it needs no passphrase and may be used while
//! the server runs, which notices within a second.

use common::identity::{Alias, Role};
use root_ca::RevocationReason;
use secrecy::ExposeSecret;
use time::OffsetDateTime;
use time::macros::format_description;

use super::desk::Desk;
use super::{import, secrets};
use crate::administration::{
    AdminError, BUILT_IN_ROLES, GivenRole, NewPassword, OneTimePassword, UserView,
};
use crate::failure::Failure;
use crate::options::{Format, PasswordChoice, PasswordSource, UserAction};
use crate::store::{ADMIN_ROLE, StoreError, UserState};
use crate::ui::{self, counted};

/// Does what was asked.
///
/// # Errors
/// Why it could not be done.
pub async fn run(desk: &Desk, action: UserAction) -> Result<(), Failure> {
    match action {
        UserAction::Add(alias, role, choice) => add(desk, &alias, &role, choice).await,
        UserAction::Import(import) => import::run(desk, &import).await,
        UserAction::List(format) => list(desk, format).await,
        UserAction::Show(alias, format) => show(desk, &alias, format).await,
        UserAction::Passwd(alias, choice) => passwd(desk, &alias, choice).await,
        UserAction::Role(alias, role) => change_role(desk, &alias, &role).await,
        UserAction::Enable(alias) => enable(desk, &alias).await,
        UserAction::Disable(alias) => disable(desk, &alias).await,
        UserAction::Unlock(alias) => unlock(desk, &alias).await,
        UserAction::Revoke(alias, reason) => revoke(desk, &alias, reason).await,
        UserAction::Remove(alias) => remove(desk, &alias).await,
    }
}

async fn add(
    desk: &Desk,
    alias: &Alias,
    role: &GivenRole,
    choice: PasswordChoice,
) -> Result<(), Failure> {
    if is_typed(&choice) {
        demand_free(desk, alias).await?;
    }
    let password = new_password(desk, alias, choice).await?;
    let told = desk
        .administration()
        .add_user(alias, role, password)
        .await?;
    let role = &role.role;
    ui::message(&format!("Added {alias} as {role}."));
    mention_custom(role);
    tell(alias, told);
    Ok(())
}

/// Whether the password is asked for: then nobody types one for an order that is refused anyway.
fn is_typed(choice: &PasswordChoice) -> bool {
    *choice == PasswordChoice::Given(PasswordSource::Prompt)
}

async fn demand_free(desk: &Desk, alias: &Alias) -> Result<(), Failure> {
    let owner = owner(desk, alias).await?;
    let alias = alias.clone();
    match owner.map(|user| user.state) {
        None => Ok(()),
        Some(UserState::Removed) => Err(StoreError::AliasRetired { alias }.into()),
        Some(_) => Err(StoreError::AliasTaken { alias }.into()),
    }
}

/// Who has or had the alias.
pub(super) async fn owner(desk: &Desk, alias: &Alias) -> Result<Option<UserView>, Failure> {
    match desk.administration().user(alias).await {
        Ok(user) => Ok(Some(user)),
        Err(AdminError::Store(StoreError::NoSuchUser { .. })) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn new_password(
    desk: &Desk,
    alias: &Alias,
    choice: PasswordChoice,
) -> Result<NewPassword, Failure> {
    match choice {
        PasswordChoice::OneTime => Ok(NewPassword::OneTime),
        PasswordChoice::Given(source) => {
            let names = [alias.as_str(), desk.organisation()];
            let secret = secrets::new_password(source, &names).await?;
            Ok(NewPassword::Chosen(secret))
        }
    }
}

fn tell(alias: &Alias, told: Option<OneTimePassword>) {
    if let Some(password) = told {
        ui::message(&format!(
            "{alias} logs in with this password once, within a week, and chooses another one then:"
        ));
        ui::data(password.expose_secret());
    }
}

fn mention_custom(role: &Role) {
    if !BUILT_IN_ROLES.contains(&role.as_str()) {
        ui::message(&format!(
            "{role} is a role of your own: it may do what the rules of shares say."
        ));
    }
}

async fn list(desk: &Desk, format: Format) -> Result<(), Failure> {
    let users = desk.administration().users().await?;
    if format == Format::Json {
        return users.iter().try_for_each(ui::json);
    }
    if users.is_empty() {
        ui::message("There are no users yet; add one with: auth-server user add ALIAS");
        return Ok(());
    }
    ui::data(&format!(
        "{:<32} {:<16} {:<9} {:<17} LAST LOGIN",
        "ALIAS", "ROLE", "STATE", "ADDED"
    ));
    for user in &users {
        ui::data(&format!(
            "{:<32} {:<16} {:<9} {:<17} {}",
            user.alias.as_str(),
            user.role.as_str(),
            user.state.as_str(),
            moment(user.created_at),
            user.last_login_at.map_or_else(|| "never".into(), moment),
        ));
    }
    Ok(())
}

async fn show(desk: &Desk, alias: &Alias, format: Format) -> Result<(), Failure> {
    let user = desk.administration().user(alias).await?;
    match format {
        Format::Json => ui::json(&user),
        Format::Text => {
            ui::data(&described(&user));
            Ok(())
        }
    }
}

fn described(user: &UserView) -> String {
    let told = |text: &str| match text {
        "" => "-".to_owned(),
        text => ui::safe(text),
    };
    let password = match user.one_time_password_until {
        _ if user.state == UserState::Removed => "none".to_owned(),
        Some(until) => format!("one-time, until {}", moment(until)),
        None => "chosen".to_owned(),
    };
    [
        ("Alias", user.alias.to_string()),
        ("Role", user.role.to_string()),
        ("State", user.state.as_str().to_owned()),
        ("Name", told(&user.display_name)),
        ("E-mail", told(&user.email)),
        ("Password", password),
        ("Failed logins", user.failed_logins.to_string()),
        ("Added", moment(user.created_at)),
        (
            "Last login",
            user.last_login_at.map_or_else(|| "never".into(), moment),
        ),
    ]
    .map(|(name, value)| format!("{name:<14} {value}"))
    .join("\n")
}

/// A moment for people, to the minute, in UTC.
pub(super) fn moment(time: OffsetDateTime) -> String {
    time.format(format_description!("[year]-[month]-[day] [hour]:[minute]Z"))
        .unwrap_or_default()
}

async fn passwd(desk: &Desk, alias: &Alias, choice: PasswordChoice) -> Result<(), Failure> {
    if is_typed(&choice) {
        demand_there(desk, alias).await?;
    }
    let password = new_password(desk, alias, choice).await?;
    let told = desk.administration().set_password(alias, password).await?;
    ui::message(&format!("Changed the password of {alias}."));
    tell(alias, told);
    Ok(())
}

async fn demand_there(desk: &Desk, alias: &Alias) -> Result<(), Failure> {
    let known = desk.administration().user(alias).await?;
    let alias = alias.clone();
    match known.state {
        UserState::Removed => Err(StoreError::NoSuchUser { alias }.into()),
        UserState::Active | UserState::Disabled => Ok(()),
    }
}

async fn change_role(desk: &Desk, alias: &Alias, role: &GivenRole) -> Result<(), Failure> {
    let administered = administers(desk, alias).await?;
    let revoked = desk.administration().set_role(alias, role).await?;
    let role = &role.role;
    ui::message(&format!(
        "{alias} is {role} now; revoked {}. The devices of {alias} get new ones by themselves.",
        certificates(revoked)
    ));
    mention_custom(role);
    mention_vacancy(desk, administered).await;
    Ok(())
}

/// Whether this is an administrator who may log in.
async fn administers(desk: &Desk, alias: &Alias) -> Result<bool, Failure> {
    let user = owner(desk, alias).await?;
    Ok(user.is_some_and(|user| is_administrator(&user)))
}

fn is_administrator(user: &UserView) -> bool {
    user.role.as_str() == ADMIN_ROLE && user.state == UserState::Active
}

/// Says so when an order has left nobody who could administer from afar. Who has just lost his own
/// right does not hear it: he could not have taken the last one.
async fn mention_vacancy(desk: &Desk, of_administrator: bool) {
    let users = match of_administrator {
        true => desk.administration().users().await,
        false => return,
    };
    if users.is_ok_and(|users| !users.iter().any(is_administrator)) {
        ui::message("No active administrator is left: only this machine can administer now.");
    }
}

async fn enable(desk: &Desk, alias: &Alias) -> Result<(), Failure> {
    desk.administration().enable(alias).await?;
    ui::message(&format!("Enabled {alias}; a new login is needed."));
    Ok(())
}

async fn disable(desk: &Desk, alias: &Alias) -> Result<(), Failure> {
    let administered = administers(desk, alias).await?;
    let revoked = desk.administration().disable(alias).await?;
    ui::message(&format!(
        "Disabled {alias} and revoked {}.",
        certificates(revoked)
    ));
    mention_vacancy(desk, administered).await;
    Ok(())
}

async fn unlock(desk: &Desk, alias: &Alias) -> Result<(), Failure> {
    desk.administration().unlock(alias).await?;
    ui::message(&format!("Forgot the failed logins of {alias}."));
    Ok(())
}

async fn revoke(desk: &Desk, alias: &Alias, reason: RevocationReason) -> Result<(), Failure> {
    let administered = administers(desk, alias).await?;
    let revoked = desk.administration().revoke_user(alias, reason).await?;
    ui::message(&format!(
        "Revoked {} of {alias} ({reason}), who cannot log in until: auth-server user enable {alias}",
        certificates(revoked)
    ));
    mention_vacancy(desk, administered).await;
    Ok(())
}

async fn remove(desk: &Desk, alias: &Alias) -> Result<(), Failure> {
    let administered = administers(desk, alias).await?;
    let revoked = desk.administration().remove(alias).await?;
    ui::message(&format!(
        "Removed {alias} for good and revoked {}.",
        certificates(revoked)
    ));
    mention_vacancy(desk, administered).await;
    Ok(())
}

fn certificates(count: u64) -> String {
    counted(count, "certificate", "certificates")
}
