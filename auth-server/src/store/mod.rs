//! What must survive a restart: people, the ledger of certificates, counters, failed logins.
//!
//! Everything above this module speaks to [`Store`] alone; no type of a database passes it.
//! Methods are named by what they do, and each is one transaction: after an error nothing of it
//! happened, after success all of it is on disk.

pub mod sqlite;

use std::future::Future;
use std::pin::Pin;

use common::identity::{Alias, Role};
use root_ca::{Ledger, LedgerEntry, RevocationReason, RevokedCertificate, Serial};
use time::OffsetDateTime;

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
    /// The person may not have a certificate, or the certificate was revoked while being made.
    #[error("no certificate may be issued to this person")]
    IssueBlocked,
    /// There is no store at that place.
    #[error("the store is missing")]
    Missing,
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
    /// The password's PHC string; empty once removed.
    pub password: PasswordHash,
    /// Whether the person may log in.
    pub state: UserState,
    /// When the person was added.
    pub created_at: OffsetDateTime,
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

/// Failed logins in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// How many.
    pub failures: u32,
    /// When the last one was.
    pub last_at: OffsetDateTime,
}

/// An answer of the store, on its way.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The store.
pub trait Store: Send + Sync {
    /// Adds a person whose alias nobody has or had.
    fn add_user<'a>(
        &'a self,
        alias: &'a Alias,
        role: &'a Role,
        password: &'a PasswordHash,
        now: OffsetDateTime,
    ) -> Answer<'a, ()>;

    /// The person of that name, removed or not.
    fn user<'a>(&'a self, alias: &'a Alias) -> Answer<'a, Option<User>>;

    /// Everybody who was not removed, by name.
    fn users(&self) -> Answer<'_, Vec<User>>;

    /// Replaces a password.
    fn set_password<'a>(
        &'a self,
        alias: &'a Alias,
        password: &'a PasswordHash,
        now: OffsetDateTime,
    ) -> Answer<'a, ()>;

    /// Lets a disabled person log in again.
    fn enable<'a>(&'a self, alias: &'a Alias, now: OffsetDateTime) -> Answer<'a, ()>;

    /// Blocks a person and revokes all current certificates; says how many.
    fn disable<'a>(&'a self, alias: &'a Alias, now: OffsetDateTime) -> Answer<'a, u64>;

    /// Removes a person for good and revokes all current certificates; says how many.
    fn remove<'a>(&'a self, alias: &'a Alias, now: OffsetDateTime) -> Answer<'a, u64>;

    /// Records a certificate that is about to be signed, if its holder is active.
    fn about_to_sign<'a>(&'a self, entry: &'a LedgerEntry, now: OffsetDateTime) -> Answer<'a, ()>;

    /// Records that it was signed, if it was not revoked meanwhile.
    fn signed<'a>(&'a self, serial: &'a Serial) -> Answer<'a, ()>;

    /// The revoked certificates that ended after `since`.
    fn revoked(&self, since: OffsetDateTime) -> Answer<'_, Vec<RevokedCertificate>>;

    /// A number that rises with every revocation.
    fn revocations(&self) -> Answer<'_, u64>;

    /// Takes the next CRL number, for ever; the one before it is one less.
    fn next_crl_number(&self) -> Answer<'_, u64>;

    /// The failed logins of each subject, in the same order.
    fn attempts<'a>(&'a self, subjects: &'a [String]) -> Answer<'a, Vec<Option<Attempts>>>;

    /// Counts one more failed login for each subject.
    fn record_failure<'a>(
        &'a self,
        subjects: &'a [String],
        forget_before: OffsetDateTime,
        now: OffsetDateTime,
    ) -> Answer<'a, ()>;

    /// Forgets the failed logins of the subject, and remembers that it logged in.
    fn record_success<'a>(&'a self, subject: &'a str, now: OffsetDateTime) -> Answer<'a, ()>;

    /// When the subject last logged in, if that is remembered.
    fn last_success<'a>(&'a self, subject: &'a str) -> Answer<'a, Option<OffsetDateTime>>;

    /// Forgets all failed logins before that time.
    fn prune_attempts(&self, before: OffsetDateTime) -> Answer<'_, ()>;

    /// Forgets all successful logins before that time.
    fn prune_successes(&self, before: OffsetDateTime) -> Answer<'_, ()>;

    /// Lets go of the files, so that a plain copy of them is a whole backup. Nothing is lost
    /// without it.
    fn close(&self) -> Answer<'_, ()>;
}

/// The store as the ledger of one issuance.
pub struct StoreLedger<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// When the issuance began.
    pub now: OffsetDateTime,
}

impl Ledger for StoreLedger<'_> {
    type Error = StoreError;

    async fn about_to_sign(&self, entry: &LedgerEntry) -> Result<(), StoreError> {
        self.store.about_to_sign(entry, self.now).await
    }

    async fn signed(&self, serial: &Serial) -> Result<(), StoreError> {
        self.store.signed(serial).await
    }
}

/// Why disabling revokes: the person may come back.
pub(crate) const DISABLED: RevocationReason = RevocationReason::PrivilegeWithdrawn;
/// Why removing revokes: the person is gone.
pub(crate) const REMOVED: RevocationReason = RevocationReason::CessationOfOperation;
