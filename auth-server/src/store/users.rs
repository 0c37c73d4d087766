use common::identity::{Alias, Role};
use time::OffsetDateTime;

use super::{Allowance, Answer, StoreError, SuccessfulLogin, UserChange};
use crate::audit::Actor;

/// The role whose members administer.
pub const ADMIN_ROLE: &str = "admin";

/// Whether a person may log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserState {
    /// May log in.
    Active,
    /// May not, for now.
    Disabled,
    /// Gone; the alias stays taken.
    Removed,
}

impl UserState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Active, Self::Disabled, Self::Removed];

    /// The word that people and the database see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Removed => "removed",
        }
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub alias: Alias,
    /// What the person may do.
    pub role: Role,
    /// How a login is checked.
    pub password: Password,
    /// Whether the person may log in.
    pub state: UserState,
    /// What the person tells of himself.
    pub details: Details,
    /// Failed logins in a row, whatever their source.
    pub failed_logins: u32,
    /// When the person was added.
    pub created_at: OffsetDateTime,
    /// When the person last logged in with the password.
    pub last_login_at: Option<OffsetDateTime>,
}

/// What a person tells of himself; empty when he does not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// The name as people write it.
    pub display_name: String,
    /// Where mail reaches the person.
    pub email: String,
}

/// How a person's login is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Password {
    /// The PHC string; empty once the person is removed.
    pub hash: PasswordHash,
    /// Until when, if it was given by an administrator and only serves to choose another one.
    pub one_time_until: Option<OffsetDateTime>,
}

impl Password {
    /// A password that the person has chosen.
    pub fn chosen(hash: PasswordHash) -> Self {
        Self {
            hash,
            one_time_until: None,
        }
    }
}

/// Somebody who is to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The name.
    pub alias: Alias,
    /// What the person may do.
    pub role: Role,
    /// How a login is checked.
    pub password: Password,
    /// What is told of the person.
    pub details: Details,
}

/// A person's own change of password.
#[derive(Debug)]
pub struct PasswordChange<'a> {
    /// Whose.
    pub alias: &'a Alias,
    /// The hash of the old one, which was right.
    pub old: &'a PasswordHash,
    /// The new one.
    pub new: &'a Password,
}

/// A PHC string. It does not log in, but it is worth guessing at: it prints as `[secret]`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a PHC string.
    pub fn new(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

/// Whether an alias may be given to somebody, who has or had it being in that state.
///
/// # Errors
/// [`StoreError::AliasTaken`] or [`StoreError::AliasRetired`].
pub fn demand_free(alias: &Alias, holder: Option<UserState>) -> Result<(), StoreError> {
    let alias = alias.clone();
    match holder {
        None => Ok(()),
        Some(UserState::Removed) => Err(StoreError::AliasRetired { alias }),
        Some(UserState::Active | UserState::Disabled) => Err(StoreError::AliasTaken { alias }),
    }
}

/// The people. What changes one is in the audit log when it has happened, and only then.
///
/// Adding and changing people takes the order of somebody who may give it at that moment
/// ([`Right`](crate::audit::Right)): else it is [`Denied`](super::Denied).
pub trait UserStore {
    /// Adds a person whose alias nobody has or had.
    fn add_user<'a>(
        &'a self,
        alias: &'a Alias,
        role: &'a Role,
        password: &'a Password,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()>;

    /// Adds all of these people, or nobody: an error says whose alias is taken.
    fn add_users<'a>(
        &'a self,
        users: &'a [NewUser],
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()>;

    /// The person of that name, removed or not.
    fn user<'a>(&'a self, alias: &'a Alias) -> Answer<'a, Option<User>>;

    /// Everybody who was not removed, by name.
    fn users(&self) -> Answer<'_, Vec<User>>;

    /// The roles that somebody who was not removed has, by name.
    fn roles(&self) -> Answer<'_, Vec<Role>>;

    /// Changes a person who was not removed. Says how many certificates that revoked, and nothing when
    /// nothing had to be done: somebody who is disabled is not disabled again, nor is somebody enabled
    /// who may log in, nor unlocked who has no failures, nor given a role that he has, nor revoked who is
    /// disabled and has nothing left to be revoked.
    fn change_user<'a>(
        &'a self,
        alias: &'a Alias,
        change: UserChange<'a>,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, Option<u64>>;

    /// Replaces the password of an active person whose old one was right and still counts, with
    /// what follows from a right password.
    fn change_password<'a>(
        &'a self,
        change: &'a PasswordChange<'a>,
        login: &'a SuccessfulLogin<'a>,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()>;

    /// Replaces the hash of the same password, unless the password has changed since.
    fn rehash<'a>(
        &'a self,
        alias: &'a Alias,
        old: &'a PasswordHash,
        new: &'a PasswordHash,
    ) -> Answer<'a, ()>;

    /// Replaces what a person tells of himself, and uses up the allowance for it; nothing happens
    /// when it is what the person tells already.
    fn set_details<'a>(
        &'a self,
        alias: &'a Alias,
        details: &'a Details,
        allowance: &'a Allowance,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()>;
}
