use time::{Duration, OffsetDateTime};

use super::Answer;
use crate::audit::Event;

/// How often something may be done. A period begins with the first time, and the first time behind its
/// end begins the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// Its name: a kind, a blank, and whose.
    pub subject: String,
    /// How often in one period.
    pub most: u32,
    /// How long a period is.
    pub period: Duration,
}

/// What may be done only so often. Others of this store's methods take an [`Allowance`] too: they
/// use it up in the transaction of what it is for, and refuse with
/// [`StoreError::TooOften`](super::StoreError::TooOften) when nothing is left.
pub trait AllowanceStore {
    /// Appends an entry to the audit log, and uses up the allowance for it.
    fn append_within<'a>(
        &'a self,
        event: &'a Event<'a>,
        allowance: &'a Allowance,
        now: OffsetDateTime,
    ) -> Answer<'a, ()>;

    /// Forgets the periods that began before that time.
    fn prune_allowances(&self, before: OffsetDateTime) -> Answer<'_, ()>;
}
