//! What must survive a restart: people, the ledger of certificates, counters, failed logins, and
//! the log of who did what.
//!
//! Everything above this module speaks to [`Store`] alone; no type of a database passes it.
//! Methods are named by what they do, and each is one transaction: after an error nothing of it
//! happened, after success all of it is on disk, with its entry in the audit log.

mod allowances;
mod attempts;
mod audit_log;
mod bounds;
mod certificates;
pub mod sqlite;
mod upkeep;
mod user_change;
mod users;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use common::identity::Alias;
use root_ca::Serial;

pub use allowances::{Allowance, AllowanceStore};
pub use attempts::{AttemptStore, Attempts, Counted, FailedLogin, Run, SuccessfulLogin};
pub use audit_log::AuditStore;
pub use bounds::{
    LISTED_AT_LEAST, MAX_CURRENT, MAX_CURRENT_OF_DEVICE, MAX_ISSUED, MAX_LISTABLE, MAX_RENEWALS,
    WINDOW,
};
pub use certificates::{
    CertificateFilter, CertificateRecord, CertificateStore, Issuance, LastCrl, MAX_GRACE, Origin,
    Standing, StoreLedger,
};
pub use upkeep::{Census, UpkeepStore};
pub use user_change::UserChange;
pub use users::{
    ADMIN_ROLE, Details, NewUser, Password, PasswordChange, PasswordHash, User, UserState,
    UserStore, demand_free,
};

/// Why an order is not carried out: who gives it may not, or not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The certificate does not count, or its member is blocked.
    #[error("the certificate has ended or was revoked, or its member is blocked")]
    Certificate,
    /// Who gives it is no administrator.
    #[error("this is for administrators")]
    Role,
    /// Who gives it has a one-time password, which somebody else knows.
    #[error("a one-time password waits to be replaced")]
    PasswordPending,
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody has the alias.
    #[error("{alias} exists already")]
    AliasTaken {
        /// The alias.
        alias: Alias,
    },
    /// Somebody had the alias, and it is never given out again.
    #[error("{alias} was removed, and an alias is never given out twice")]
    AliasRetired {
        /// The alias.
        alias: Alias,
    },
    /// Nobody has the alias.
    #[error("there is no user {alias}")]
    NoSuchUser {
        /// The alias.
        alias: Alias,
    },
    /// No certificate has that number.
    #[error("there is no certificate {serial}")]
    NoSuchCertificate {
        /// The number.
        serial: Serial,
    },
    /// It is the one that the auth server uses.
    #[error(
        "{serial} is the auth server's own certificate, in use until the server is started anew"
    )]
    OwnCertificate {
        /// The number.
        serial: Serial,
    },
    /// Who orders it may not, or not any more.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Nobody could administer from afar any more, and that is where the order comes from.
    #[error("no administrator who can log in would be left")]
    LastAdministrator,
    /// The person may not have a certificate, or the certificate was revoked while being made.
    #[error("no certificate may be issued to this person")]
    IssueBlocked,
    /// The key has been certified before.
    #[error("the key has been certified before")]
    KeyInUse,
    /// A device renews more often than any honest one.
    #[error("the device renews too often")]
    TooManyRenewals {
        /// How long it must wait.
        wait: Duration,
    },
    /// A person gets more certificates than any honest one.
    #[error("too many certificates were issued to the person")]
    TooManyCertificates {
        /// How long the person must wait.
        wait: Duration,
    },
    /// One more certificate, and the list of revoked ones could become too long.
    #[error("{MAX_LISTABLE} certificates have not ended: there is no room for another one")]
    LedgerFull,
    /// An allowance is used up.
    #[error("too often within a period")]
    TooOften {
        /// When the next period begins.
        wait: Duration,
    },
    /// The password that was checked is not the person's any more.
    #[error("the password was changed meanwhile")]
    PasswordReplaced,
    /// There is no store at that place.
    #[error("the store is missing")]
    Missing,
    /// The store is there, and this user may not read or write it.
    #[error("the store cannot be opened: permission denied")]
    Unreadable,
    /// The store belongs to another organisation's root.
    #[error("the store belongs to another root certificate")]
    ForeignRoot,
    /// The store fails its own consistency check, or holds what it cannot hold.
    #[error("the store is damaged: {detail}")]
    Damaged {
        /// What was found.
        detail: String,
    },
    /// The database refused for another reason.
    #[error("the store cannot be used: {detail}")]
    Unusable {
        /// The database's words.
        detail: String,
    },
}

/// An answer of the store, on its way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The store.
pub trait Store:
    UserStore
    + CertificateStore
    + AttemptStore
    + AllowanceStore
    + AuditStore
    + UpkeepStore
    + Send
    + Sync
{
    /// Lets go of the files, so that a plain copy of them is a whole backup. Nothing is lost
    /// without it.
    fn close(&self) -> Answer<'_, ()>;
}
