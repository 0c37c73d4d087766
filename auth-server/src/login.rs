//! Who comes with alias and password: the same work and the same answer for unknown, wrong and
//! disabled, for every endpoint that takes a password.

use common::identity::{Alias, Role};
use common::limits::MAX_PASSWORD_BYTES;
use common::password::is_same;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use time::OffsetDateTime;

use crate::audit::Action;
use crate::device::Device;
use crate::password::{self, PasswordError, Place, WeakPassword};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::{App, Remote};
use crate::store::{Password, PasswordChange, PasswordHash, User, UserState};
use crate::throttle::{Attempt, Bar, UnderCheck};

/// Who somebody says to be.
#[derive(Deserialize)]
pub struct Claim {
    /// The alias, as it was sent.
    pub alias: String,
    /// The password that is to show it.
    pub password: SecretString,
}

/// Somebody whose password was right a moment ago, chosen or one-time. Holds the place in the
/// queue for the work that follows.
pub struct Known {
    user: User,
    password: SecretString,
    attempt: Attempt,
    place: Place,
    /// Until the success is recorded.
    _under_check: UnderCheck,
}

/// Somebody who has just logged in with a password of his own choice. Made only by
/// [`Known::log_in`].
#[derive(Debug, Clone)]
pub struct LoggedInUser {
    alias: Alias,
    role: Role,
}

impl LoggedInUser {
    /// The person.
    pub fn alias(&self) -> &Alias {
        &self.alias
    }

    /// What the store says the person may do.
    pub fn role(&self) -> &Role {
        &self.role
    }
}

/// Checks the password. A `device` whose certificate is the same person's is not held up by what
/// strangers do.
///
/// # Errors
/// One answer for unknown, wrong, disabled, and a one-time password that has ended; another for
/// who must wait, and for all of these together with what is right at an alias that takes no more
/// strangers.
pub async fn check(
    app: &App,
    remote: Remote,
    device: Option<&Device>,
    claim: Claim,
) -> Result<Known, Refusal> {
    if claim.password.expose_secret().len() > MAX_PASSWORD_BYTES {
        return Err(Problem::Malformed.into());
    }
    let alias: Option<Alias> = claim.alias.parse().ok();
    let attempt = Attempt::new(alias.as_ref(), remote.source());
    let attempt = match device {
        Some(device) => attempt.by_device_of(device.alias(), device.line()),
        None => attempt,
    };
    demand_patience(app, &attempt).await?;
    let place = app.passwords.queue().place(attempt.lane()).await?;
    // Again, with the place in hand, and now for the others that are being checked too.
    let now = OffsetDateTime::now_utc();
    let begun = attempt.begin(app.store.as_ref(), &app.checks, now).await?;
    let under_check = begun.map_err(Problem::TooManyAttempts)?;
    let bar = attempt
        .bar(app.store.as_ref(), OffsetDateTime::now_utc())
        .await?;
    let user = match &alias {
        Some(alias) => app.store.user(alias).await?,
        None => None,
    };
    // A removed person has no password left, and gets the work of an unknown one.
    let user = user.filter(|user| user.state != UserState::Removed);
    let hash = user.as_ref().map(|user| user.password.hash.clone());
    let (matches, place) = app
        .passwords
        .matches(place, claim.password.clone(), hash)
        .await?;
    let now = OffsetDateTime::now_utc();
    match verdict(user, matches, now).and_then(|user| past(bar, user)) {
        Ok(user) => Ok(Known {
            user,
            password: claim.password,
            attempt,
            place,
            _under_check: under_check,
        }),
        Err(outcome) => {
            // The audit log has it too; here the request's id stands beside it.
            let tried = alias.as_ref().map_or("(no alias)", Alias::as_str);
            tracing::info!(alias = tried, outcome, "refused a login");
            attempt.failed(app.store.as_ref(), outcome, now).await?;
            drop((place, under_check));
            Err(match bar {
                Some(bar) => Problem::TooManyAttempts(bar.wait).into(),
                None => Problem::Unauthorized.into(),
            })
        }
    }
}

/// The person, or why not, for the log alone.
fn verdict(user: Option<User>, matches: bool, now: OffsetDateTime) -> Result<User, &'static str> {
    match user {
        None => Err("no such user"),
        Some(_) if !matches => Err("wrong password"),
        Some(user) if user.state != UserState::Active => Err("disabled"),
        Some(user) if user.password.one_time_until.is_some_and(|end| end < now) => {
            Err("one-time password ended")
        }
        Some(user) => Ok(user),
    }
}

/// The person, unless the alias takes no more strangers and this is one: even the right password is
/// then a failure, so that whoever guesses it does not see that he did.
fn past(bar: Option<Bar>, user: User) -> Result<User, &'static str> {
    match bar {
        Some(bar) if !bar.at_home => Err("right password of a stranger, who is barred"),
        _ => Ok(user),
    }
}

async fn demand_patience(app: &App, attempt: &Attempt) -> Result<(), Refusal> {
    let now = OffsetDateTime::now_utc();
    match attempt.must_wait(app.store.as_ref(), now).await? {
        Some(wait) => Err(Problem::TooManyAttempts(wait).into()),
        None => Ok(()),
    }
}

impl Known {
    /// Logs in.
    ///
    /// # Errors
    /// [`Problem::PasswordMustChange`] when the password was given for once.
    pub async fn log_in(self, app: &App) -> Result<LoggedInUser, Refusal> {
        let store = app.store.as_ref();
        let now = OffsetDateTime::now_utc();
        if self.user.password.one_time_until.is_some() {
            let told = (Action::Login, "one-time password, must be changed");
            self.attempt
                .led_to_nothing(store, &self.user.alias, told, now)
                .await?;
            return Err(Problem::PasswordMustChange.into());
        }
        self.attempt.succeeded(store, &self.user.alias, now).await?;
        let stored = &self.user.password.hash;
        if password::needs_rehash(stored) {
            let (hash, _place) = hash(self.password, self.place).await?;
            store.rehash(&self.user.alias, stored, &hash).await?;
        }
        Ok(LoggedInUser {
            alias: self.user.alias,
            role: self.user.role,
        })
    }

    /// Replaces the password by another one of the person's choice.
    ///
    /// # Errors
    /// The rule that the new one breaks.
    pub async fn change_password(self, app: &App, new: SecretString) -> Result<(), Refusal> {
        let store = app.store.as_ref();
        let now = OffsetDateTime::now_utc();
        let organisation = app.authority.root().display_name();
        let alias = &self.user.alias;
        if let Err(weak) = check_new(&new, &self.password, &[alias.as_str(), organisation]) {
            let told = (Action::SetPassword, "the new password is not accepted");
            self.attempt.led_to_nothing(store, alias, told, now).await?;
            return Err(Problem::WeakPassword(weak.to_string()).into());
        }
        let (hash, _place) = hash(new, self.place).await?;
        let change = PasswordChange {
            alias,
            old: &self.user.password.hash,
            new: &Password::chosen(hash),
        };
        self.attempt.changed_password(store, &change, now).await?;
        Ok(())
    }
}

fn check_new(new: &SecretString, old: &SecretString, names: &[&str]) -> Result<(), WeakPassword> {
    password::check_new(new, names)?;
    if is_same(new.expose_secret(), old.expose_secret()) {
        return Err(WeakPassword::Same);
    }
    Ok(())
}

/// Hashes off the threads that serve, and keeps the place for as long.
async fn hash(password: SecretString, place: Place) -> Result<(PasswordHash, Place), Refusal> {
    let work = move || password::hash(&password).map(|hash| (hash, place));
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|_| PasswordError::Failed)??)
}
