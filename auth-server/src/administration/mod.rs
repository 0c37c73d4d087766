//! What an administrator does, whoever carries it out: [`Local`] on the store of this machine, for
//! the command line and behind the `/admin` routes of the server; [`Remote`] through these routes,
//! for the command line on an administrator's own device.

mod crl;
mod local;
mod read_log;
mod reason;
mod records;
mod refusals;
pub mod remote;
mod roles;
mod text;
pub mod wire;

use std::future::Future;
use std::pin::Pin;

use common::identity::Alias;
use root_ca::Serial;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub use crl::{CrlEntryView, CrlView};
pub use local::Local;
pub use read_log::{AUDIT_PAGE, Unverified, read_log, verify_log};
pub use reason::{GivenReason, ReasonError};
pub use records::{CertificateState, CertificateView, Newcomer, UserView};
pub use remote::Remote;
pub use roles::{BUILT_IN_ROLES, GivenRole, UnknownRole};

use crate::audit::AuditPage;
use crate::details::DetailsError;
use crate::failure::Failure;
use crate::password::{PasswordError, WeakPassword};
use crate::store::{CertificateFilter, LastCrl, StoreError};

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The password is not accepted.
    #[error("the password is not accepted: {0}")]
    Weak(String),
    /// Name or e-mail address is not accepted.
    #[error(transparent)]
    Details(#[from] DetailsError),
    /// Nobody has the role, and it was not said to be new.
    #[error(transparent)]
    Role(#[from] UnknownRole),
    /// An administrator's own password is not his to set without the old one.
    #[error("your own password is not changed in this way")]
    OwnPassword,
    /// The audit log has no entry of that number.
    #[error("there is no entry {seq} in the audit log")]
    NoSuchEntry {
        /// The number.
        seq: u64,
    },
    /// The password could not be hashed.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The other machine refuses, or cannot be reached.
    #[error("{0}")]
    Remote(Failure),
}

impl From<WeakPassword> for AdminError {
    fn from(weak: WeakPassword) -> Self {
        Self::Weak(weak.to_string())
    }
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Store(error) => error.into(),
            AdminError::Weak(_) => Self::other(error.to_string())
                .cure("choose a longer or less common one, such as four or five random words"),
            AdminError::Details(error) => Self::other(error.to_string()),
            AdminError::Role(error) => Self::other(error.to_string())
                .cure("look whether it is written right, or make it with --new-role"),
            AdminError::OwnPassword => Self::refused(error.to_string()).cure(
                "change it with peer passwd, which asks for the old one, or on the server's machine",
            ),
            AdminError::NoSuchEntry { .. } => Self::other(error.to_string())
                .cure("see which there are with: auth-server audit tail"),
            AdminError::Password(error) => Self::other(error.to_string()),
            AdminError::Remote(failure) => failure,
        }
    }
}

/// A password that an administrator sets.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewPassword {
    /// This one, which the person keeps.
    #[schema(value_type = String)]
    Chosen(#[serde(serialize_with = "wire::expose")] SecretString),
    /// A random one, which only serves to choose another one at the first login.
    OneTime,
}

/// The password that was made for [`NewPassword::OneTime`], to be handed to the person.
pub type OneTimePassword = SecretString;

/// Somebody who was added by [`Administration::import`].
#[derive(Debug)]
pub struct Imported {
    /// The name.
    pub alias: Alias,
    /// To be handed to the person.
    pub password: OneTimePassword,
}

/// An answer on its way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, AdminError>> + Send + 'a>>;

/// What an administrator does.
pub trait Administration: Send + Sync {
    /// Adds a person; returns the one-time password if one was made.
    fn add_user<'a>(
        &'a self,
        alias: &'a Alias,
        role: &'a GivenRole,
        password: NewPassword,
    ) -> Answer<'a, Option<OneTimePassword>>;

    /// Adds all of these people with a one-time password each, or nobody.
    fn import<'a>(&'a self, people: &'a [Newcomer]) -> Answer<'a, Vec<Imported>>;

    /// Everybody who was not removed, by name.
    fn users(&self) -> Answer<'_, Vec<UserView>>;

    /// One person, removed or not.
    fn user<'a>(&'a self, alias: &'a Alias) -> Answer<'a, UserView>;

    /// Replaces a password; returns the one-time password if one was made.
    fn set_password<'a>(
        &'a self,
        alias: &'a Alias,
        password: NewPassword,
    ) -> Answer<'a, Option<OneTimePassword>>;

    /// Changes what a person may do; says how many certificates were revoked, and nothing when the
    /// person has that role.
    fn set_role<'a>(&'a self, alias: &'a Alias, role: &'a GivenRole) -> Answer<'a, Option<u64>>;

    /// Lets a disabled person log in again; says whether that had to be done.
    fn enable<'a>(&'a self, alias: &'a Alias) -> Answer<'a, bool>;

    /// Blocks a person; says how many certificates were revoked, and nothing when the person was blocked.
    fn disable<'a>(&'a self, alias: &'a Alias) -> Answer<'a, Option<u64>>;

    /// Blocks a person whose certificates are to be trusted no more, for that reason. What is revoked
    /// already keeps its own. Says how many were revoked, and nothing when nothing was left to be done.
    fn revoke_user<'a>(&'a self, alias: &'a Alias, reason: GivenReason) -> Answer<'a, Option<u64>>;

    /// Forgets a person's failed logins; says whether there were any.
    fn unlock<'a>(&'a self, alias: &'a Alias) -> Answer<'a, bool>;

    /// Removes a person for good; says how many certificates were revoked.
    fn remove<'a>(&'a self, alias: &'a Alias) -> Answer<'a, u64>;

    /// The certificates that the filter lets through, the newest first.
    fn certificates<'a>(
        &'a self,
        filter: &'a CertificateFilter,
    ) -> Answer<'a, Vec<CertificateView>>;

    /// One certificate.
    fn certificate<'a>(&'a self, serial: &'a Serial) -> Answer<'a, CertificateView>;

    /// Revokes the device that has this certificate, which is this one and all others of its line.
    /// Says how many were in force, and nothing when nothing was left to be revoked.
    fn revoke_device<'a>(
        &'a self,
        serial: &'a Serial,
        reason: GivenReason,
    ) -> Answer<'a, Option<u64>>;

    /// The CRL that was signed last.
    fn last_crl(&self) -> Answer<'_, Option<LastCrl>>;

    /// At most `limit` entries of the audit log after that number, with their checkpoints.
    fn audit(&self, after: u64, limit: u32) -> Answer<'_, AuditPage>;

    /// Lets go of what is held: the last thing to be done.
    fn close(&self) -> Answer<'_, ()>;
}
