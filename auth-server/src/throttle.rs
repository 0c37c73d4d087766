//! Slowing down guessers: a delay that doubles with every failure of an alias from one source, and
//! of a source as a whole. Never a lock: whoever logged in from a source within 30 days is held up
//! there by failures of his own alias alone, not by a stranger's or a colleague's.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use common::identity::Alias;
use time::OffsetDateTime;

use crate::audit::Actor;
use crate::store::{Attempts, FailedLogin, Store, StoreError};

/// Failures in a row that cost nothing, and the longest delay, for one alias from one source.
const PAIR: Rule = Rule {
    free: 5,
    first_delay_secs: 4,
    max_delay_secs: 15 * 60,
};
/// The same for one source: an office may stand behind it.
const SOURCE: Rule = Rule {
    free: 30,
    first_delay_secs: 1,
    max_delay_secs: 60,
};
/// Failures are forgotten after a day without another one.
const FORGET_AFTER: time::Duration = time::Duration::hours(24);
/// How long an alias that logged in from a source is not held up by others there.
const KNOWN_FOR: time::Duration = time::Duration::days(30);

struct Rule {
    free: u32,
    first_delay_secs: u64,
    max_delay_secs: u64,
}

impl Rule {
    /// Seconds from the last failure to the next attempt: 0 while free, then doubling.
    fn delay_secs(&self, failures: u32) -> u64 {
        match failures.checked_sub(self.free) {
            None => 0,
            Some(over) => 2_u64
                .saturating_pow(over)
                .saturating_mul(self.first_delay_secs)
                .min(self.max_delay_secs),
        }
    }
}

/// Where a connection comes from: an IPv4 address, or the /64 of an IPv6 address, which is what
/// one subscriber has to himself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(IpAddr);

impl Source {
    /// The source of an address.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                Self(IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
            v4 => Self(v4),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One login attempt, as far as throttling goes.
#[derive(Debug)]
pub struct Attempt {
    source: Source,
    /// The alias that is tried, if it can be anybody's.
    alias: Option<Alias>,
}

impl Attempt {
    /// An attempt of `alias`, if it can be anybody's, from `source`.
    pub fn new(alias: Option<&Alias>, source: Source) -> Self {
        Self {
            source,
            alias: alias.cloned(),
        }
    }

    fn pair(&self) -> Option<String> {
        let alias = self.alias.as_ref()?;
        Some(format!("alias {alias} source {}", self.source))
    }

    /// How long this attempt must still wait, if at all.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn must_wait(
        &self,
        store: &dyn Store,
        now: OffsetDateTime,
    ) -> Result<Option<Duration>, StoreError> {
        let (subjects, rules) = self.what_counts(store, now).await?;
        let found = store.attempts(&subjects).await?;
        let waits = found
            .iter()
            .zip(rules)
            .filter_map(|(attempts, rule)| attempts.and_then(|attempts| wait(rule, attempts, now)));
        Ok(waits.max())
    }

    /// Counts a failure; `outcome` is what the audit log says of it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn failed(
        &self,
        store: &dyn Store,
        outcome: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let (subjects, _) = self.what_counts(store, now).await?;
        let failed = FailedLogin {
            alias: self.alias.as_ref(),
            subjects: &subjects,
            forget_before: now - FORGET_AFTER,
            outcome,
        };
        let by = Actor::stranger(self.source);
        store.record_failure(&failed, &by, now).await
    }

    /// A success clears the count of its alias from this source, and nobody else's: who has a
    /// password of his own must not guess the better for it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn succeeded(
        &self,
        store: &dyn Store,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        match (&self.alias, self.pair()) {
            (Some(alias), Some(pair)) => {
                let by = Actor::member(alias, self.source);
                store.record_success(alias, &pair, &by, now).await
            }
            _ => Ok(()),
        }
    }

    /// The subjects that this attempt counts for, and their rules. Who has logged in from this
    /// source lately answers for himself alone.
    async fn what_counts(
        &self,
        store: &dyn Store,
        now: OffsetDateTime,
    ) -> Result<(Vec<String>, Vec<&'static Rule>), StoreError> {
        let mut counts = Vec::new();
        if !self.is_known(store, now).await? {
            counts.push((format!("source {}", self.source), &SOURCE));
        }
        counts.extend(self.pair().map(|pair| (pair, &PAIR)));
        Ok(counts.into_iter().unzip())
    }

    async fn is_known(&self, store: &dyn Store, now: OffsetDateTime) -> Result<bool, StoreError> {
        let last = match self.pair() {
            Some(pair) => store.last_success(&pair).await?,
            None => None,
        };
        Ok(last.is_some_and(|last| now - last <= KNOWN_FOR))
    }
}

/// Forgets what is too old to count.
///
/// # Errors
/// When the store fails.
pub async fn prune(store: &dyn Store, now: OffsetDateTime) -> Result<(), StoreError> {
    store.prune_attempts(now - FORGET_AFTER).await?;
    store.prune_successes(now - KNOWN_FOR).await
}

fn wait(rule: &Rule, attempts: Attempts, now: OffsetDateTime) -> Option<Duration> {
    let since = now.unix_timestamp() - attempts.last_at.unix_timestamp();
    if since > FORGET_AFTER.whole_seconds() {
        return None;
    }
    // A clock set back must not lengthen the delay.
    let since = u64::try_from(since).unwrap_or(0);
    let rest = rule.delay_secs(attempts.failures).saturating_sub(since);
    (rest > 0).then_some(Duration::from_secs(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_after_the_free_failures_up_to_a_bound() {
        let delays: Vec<u64> = (0..10).map(|n| PAIR.delay_secs(n)).collect();
        assert_eq!(delays, [0, 0, 0, 0, 0, 4, 8, 16, 32, 64]);
        assert_eq!(PAIR.delay_secs(1000), 900);
        assert_eq!(SOURCE.delay_secs(29), 0);
        assert_eq!(SOURCE.delay_secs(u32::MAX), 60);
    }

    #[test]
    fn the_delay_runs_from_the_last_failure_and_ends() {
        let last_at = OffsetDateTime::UNIX_EPOCH + time::Duration::days(1);
        let after = |secs| {
            let attempts = Attempts {
                failures: 6,
                last_at,
            };
            wait(&PAIR, attempts, last_at + time::Duration::seconds(secs))
        };
        assert_eq!(after(0), Some(Duration::from_secs(8)));
        assert_eq!(after(7), Some(Duration::from_secs(1)));
        assert_eq!(after(8), None);
        assert_eq!(after(-3600), Some(Duration::from_secs(8)));
    }

    #[test]
    fn one_subscriber_is_one_source() {
        let source = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(source("2001:db8:1:2::3"), source("2001:db8:1:2:ffff::1"));
        assert_ne!(source("2001:db8:1:2::3"), source("2001:db8:1:3::3"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }
}
