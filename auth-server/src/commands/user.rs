//! `user ...`: people. On the store of this machine it needs no passphrase and may be used while
//! the server runs, which notices within a second.

mod view;

use std::collections::BTreeMap;

use common::identity::{Alias, Role};
use root_ca::RevocationReason;
use secrecy::ExposeSecret;
use time::OffsetDateTime;

use super::desk::Desk;
use super::{import, secrets};
use crate::administration::wire::MAX_CERTIFICATES;
use crate::administration::{
    AdminError, BUILT_IN_ROLES, GivenReason, GivenRole, NewPassword, OneTimePassword, UserView,
};
use crate::failure::Failure;
use crate::options::{Consent, PasswordChoice, PasswordSource, UserAction};
use crate::store::{self, ADMIN_ROLE, CertificateFilter, StoreError, UserState};
use crate::terminal;
use crate::ui::{self, counted};
pub(super) use view::moment;

/// Does what was asked.
///
/// # Errors
/// Why it could not be done.
pub async fn run(desk: &Desk, action: UserAction) -> Result<(), Failure> {
    match action {
        UserAction::Add(alias, role, choice) => add(desk, &alias, &role, choice).await,
        UserAction::Import(import) => import::run(desk, &import).await,
        UserAction::List(format) => view::list(desk, format).await,
        UserAction::Show(alias, format) => view::show(desk, &alias, format).await,
        UserAction::Passwd(alias, choice) => passwd(desk, &alias, choice).await,
        UserAction::Role(alias, role) => change_role(desk, &alias, &role).await,
        UserAction::Enable(alias) => enable(desk, &alias).await,
        UserAction::Disable(alias) => disable(desk, &alias).await,
        UserAction::Unlock(alias) => unlock(desk, &alias).await,
        UserAction::Revoke(alias, reason) => revoke(desk, &alias, reason).await,
        UserAction::Remove(alias, consent) => remove(desk, &alias, consent).await,
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
    Ok(store::demand_free(alias, owner.map(|user| user.state))?)
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

async fn passwd(desk: &Desk, alias: &Alias, choice: PasswordChoice) -> Result<(), Failure> {
    if is_typed(&choice) {
        demand_there(desk, alias).await?;
    }
    let password = new_password(desk, alias, choice).await?;
    let told = desk.administration().set_password(alias, password).await?;
    ui::message(&format!("Changed the password of {alias}."));
    let owner = owner(desk, alias).await?;
    if owner.is_some_and(|user| user.state == UserState::Disabled) {
        ui::warning(&format!(
            "{alias} is disabled, and logs in with no password before: auth-server user enable {alias}"
        ));
    }
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
    let changed = desk.administration().set_role(alias, role).await?;
    let role = &role.role;
    let Some(revoked) = changed else {
        ui::message(&format!("{alias} is {role} already; nothing was changed."));
        return Ok(());
    };
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
    ui::message(&match desk.administration().enable(alias).await? {
        true => format!("Enabled {alias}; a new login is needed."),
        false => format!("{alias} was enabled already; nothing was changed."),
    });
    Ok(())
}

async fn disable(desk: &Desk, alias: &Alias) -> Result<(), Failure> {
    let administered = administers(desk, alias).await?;
    ui::message(&match desk.administration().disable(alias).await? {
        Some(revoked) => format!("Disabled {alias} and revoked {}.", certificates(revoked)),
        None => format!("{alias} was disabled already; nothing was changed."),
    });
    mention_vacancy(desk, administered).await;
    Ok(())
}

async fn unlock(desk: &Desk, alias: &Alias) -> Result<(), Failure> {
    ui::message(&match desk.administration().unlock(alias).await? {
        true => format!("Forgot the failed logins of {alias}."),
        false => format!("{alias} has no failed logins; nothing was changed."),
    });
    Ok(())
}

async fn revoke(desk: &Desk, alias: &Alias, reason: GivenReason) -> Result<(), Failure> {
    let administered = administers(desk, alias).await?;
    let revoked = desk.administration().revoke_user(alias, reason).await?;
    ui::message(&match revoked {
        Some(revoked) => format!(
            "Revoked {} of {alias} ({reason}), who cannot log in until: auth-server user enable {alias}",
            certificates(revoked)
        ),
        None => format!(
            "{alias} was disabled already, and nothing was left to be revoked; nothing was changed."
        ),
    });
    if revoked.is_some() {
        desk.mention_silence();
    }
    mention_earlier(desk, alias, reason.get()).await;
    mention_vacancy(desk, administered).await;
    Ok(())
}

/// Says which of a person's certificates were revoked for other reasons before: a reason is given once.
/// Whoever has just ended his own device does not hear it.
async fn mention_earlier(desk: &Desk, alias: &Alias, reason: RevocationReason) {
    let filter = CertificateFilter {
        alias: Some(alias.clone()),
        ends_after: Some(OffsetDateTime::now_utc()),
        revoked: Some(true),
        limit: MAX_CERTIFICATES,
        ..CertificateFilter::default()
    };
    let revoked = desk.administration().certificates(&filter).await;
    let mut earlier: BTreeMap<&str, u64> = BTreeMap::new();
    for certificate in revoked.iter().flatten() {
        if let Some(other) = certificate.reason.filter(|other| *other != reason) {
            *earlier.entry(other.name()).or_default() += 1;
        }
    }
    for (other, count) in earlier {
        let are = if count == 1 { "was" } else { "were" };
        ui::message(&format!(
            "{} of {alias} {are} revoked already ({other}); that reason stays.",
            certificates(count)
        ));
    }
}

async fn remove(desk: &Desk, alias: &Alias, consent: Consent) -> Result<(), Failure> {
    if consent == Consent::Asked {
        demand_there(desk, alias).await?;
        confirm(alias).await?;
    }
    let administered = administers(desk, alias).await?;
    let revoked = desk.administration().remove(alias).await?;
    ui::message(&format!(
        "Removed {alias} for good and revoked {}.",
        certificates(revoked)
    ));
    mention_vacancy(desk, administered).await;
    Ok(())
}

/// Has the alias typed again.
async fn confirm(alias: &Alias) -> Result<(), Failure> {
    ui::message(&format!(
        "This removes {alias} for good: what {alias} has is revoked, and nobody gets the alias again."
    ));
    let typed = terminal::ask("Type the alias to go on: ").await?;
    if typed == alias.as_str() {
        return Ok(());
    }
    Err(Failure::other(format!(
        "{alias} was not removed: the alias was not typed"
    )))
}

fn certificates(count: u64) -> String {
    counted(count, "certificate", "certificates")
}
