use common::identity::Alias;
use time::OffsetDateTime;

use super::Answer;
use crate::audit::Actor;

/// Failed logins in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// How many.
    pub failures: u32,
    /// When the last one was.
    pub last_at: OffsetDateTime,
}

/// A login that was refused.
#[derive(Debug)]
pub struct FailedLogin<'a> {
    /// The alias that was tried, if it can be anybody's.
    pub alias: Option<&'a Alias>,
    /// What it counts for.
    pub subjects: &'a [String],
    /// Failures before that do not count any more.
    pub forget_before: OffsetDateTime,
    /// Why.
    pub outcome: &'a str,
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

    /// Forgets the failed logins of the subject and of the person, and remembers that it logged
    /// in.
    fn record_success<'a>(
        &'a self,
        alias: &'a Alias,
        subject: &'a str,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()>;

    /// When the subject last logged in, if that is remembered.
    fn last_success<'a>(&'a self, subject: &'a str) -> Answer<'a, Option<OffsetDateTime>>;

    /// Forgets all failed logins before that time.
    fn prune_attempts(&self, before: OffsetDateTime) -> Answer<'_, ()>;

    /// Forgets all successful logins before that time.
    fn prune_successes(&self, before: OffsetDateTime) -> Answer<'_, ()>;
}
