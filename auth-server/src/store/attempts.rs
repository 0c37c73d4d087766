use std::time::Duration;

use common::identity::Alias;
use time::OffsetDateTime;

use super::{Allowance, Answer};
use crate::audit::Actor;

/// Failed logins in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// How many.
    pub failures: u32,
    /// When the last one was.
    pub last_at: OffsetDateTime,
}

/// What a failed login counts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Its name: a kind, a blank, and which of it.
    pub subject: String,
    /// Its failures before that do not count any more.
    pub forget_before: OffsetDateTime,
    /// One failure less counts for each such time that has passed since the last one.
    pub forget_one_after: Option<Duration>,
}

/// A login that was refused.
#[derive(Debug)]
pub struct FailedLogin<'a> {
    /// The alias that was tried, if it can be anybody's.
    pub alias: Option<&'a Alias>,
    /// What it counts for.
    pub counts_for: &'a [Counted],
    /// Why.
    pub outcome: &'a str,
}

/// A password that was right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuccessfulLogin<'a> {
    /// Whose.
    pub alias: &'a Alias,
    /// How often the person may do this.
    pub uses: Allowance,
    /// The failures in a row that it ends, if such are counted.
    pub ends: Option<Run>,
    /// What is remembered to have logged in.
    pub remembers: String,
}

/// Failures in a row that were counted elsewhere too, and are taken back there when a success ends them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Their subject, which is forgotten.
    pub subject: String,
    /// The subject that counted them too.
    pub counted_in: String,
    /// A count that has come so far stays as it is.
    pub stays_from: u32,
}

/// Logins, good and bad.
pub trait AttemptStore {
    /// The failed logins of each subject, in the same order.
    fn attempts<'a>(&'a self, subjects: &'a [String]) -> Answer<'a, Vec<Option<Attempts>>>;

    /// Counts one more failed login for each subject and for the person.
    fn record_failure<'a>(
        &'a self,
        failed: &'a FailedLogin<'a>,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()>;

    /// Uses up the person's allowance, ends the failures in a row and those of the person, and remembers
    /// who logged in.
    fn record_success<'a>(
        &'a self,
        login: &'a SuccessfulLogin<'a>,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()>;

    /// When the subject last logged in, if that is remembered.
    fn last_success<'a>(&'a self, subject: &'a str) -> Answer<'a, Option<OffsetDateTime>>;

    /// Forgets the failed logins of one kind of subject before that time.
    fn prune_attempts<'a>(&'a self, kind: &'a str, before: OffsetDateTime) -> Answer<'a, ()>;

    /// Forgets all successful logins before that time.
    fn prune_successes(&self, before: OffsetDateTime) -> Answer<'_, ()>;
}
