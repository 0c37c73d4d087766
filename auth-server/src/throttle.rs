//! Slowing down guessers: a delay that doubles with every failure of an alias from one source, and
//! of a source as a whole; and after 100 failures of strangers at one alias, no more strangers.
//!
//! Nobody is locked out where he is at home: whoever logged in from a source within 30 days, or
//! comes with a device that has a certificate of his, is held up there by failures of his own alias
//! alone, not by a stranger's or a colleague's. An alias that nobody has is counted like any other.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use common::identity::Alias;
use time::OffsetDateTime;

use crate::audit::Actor;
use crate::store::{
    Attempts, Counted, FailedLogin, PasswordChange, Store, StoreError, SuccessfulLogin,
};

/// Failures in a row that cost nothing, and the longest delay, for one alias from one source.
const PAIR: Rule = Rule {
    free: 5,
    first_delay_secs: 4,
    max_delay_secs: 15 * 60,
    passes: true,
    forget_after: time::Duration::hours(24),
};
/// The same for one source: an office may stand behind it.
const SOURCE: Rule = Rule {
    free: 30,
    first_delay_secs: 1,
    max_delay_secs: 60,
    passes: true,
    forget_after: time::Duration::hours(24),
};
/// All strangers together at one alias: "no more than 100" (NIST SP 800-63B-4, 3.2.2). Waiting does
/// not help; the year bounds what is remembered of aliases that nobody has.
const STRANGERS: Rule = Rule {
    free: 100,
    first_delay_secs: 15 * 60,
    max_delay_secs: 15 * 60,
    passes: false,
    forget_after: time::Duration::days(365),
};
/// How long an alias that logged in from a source is not held up by others there.
const KNOWN_FOR: time::Duration = time::Duration::days(30);

struct Rule {
    free: u32,
    first_delay_secs: u64,
    max_delay_secs: u64,
    /// Whether the delay runs from the last failure, or stands until the count is cleared.
    passes: bool,
    /// Failures are forgotten after so long without another one.
    forget_after: time::Duration,
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
    /// Whether a device of that alias asks.
    by_device: bool,
}

impl Attempt {
    /// An attempt of `alias`, if it can be anybody's, from `source`.
    pub fn new(alias: Option<&Alias>, source: Source) -> Self {
        Self {
            source,
            alias: alias.cloned(),
            by_device: false,
        }
    }

    /// The same, by a device that showed a certificate of `member`: it helps at that alias alone.
    #[must_use]
    pub fn by_device_of(self, member: &Alias) -> Self {
        Self {
            by_device: self.alias.as_ref() == Some(member),
            ..self
        }
    }

    /// Who it turned out to be, for the audit log.
    pub fn member(&self, alias: &Alias) -> Actor {
        Actor::member(alias, self.source)
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
        let counted = self.what_counts(store, now).await?;
        let (subjects, rules): (Vec<String>, Vec<&Rule>) = counted.into_iter().unzip();
        let found = store.attempts(&subjects).await?;
        let waits = found
            .iter()
            .zip(rules)
            .filter_map(|(attempts, rule)| attempts.and_then(|attempts| wait(rule, attempts, now)));
        Ok(waits.max())
    }

    /// Counts a failure; `outcome` is what the logs say of it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn failed(
        &self,
        store: &dyn Store,
        outcome: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let counted = self.what_counts(store, now).await?;
        let counts_for = counted.into_iter().map(|(subject, rule)| Counted {
            subject,
            forget_before: now - rule.forget_after,
        });
        let failed = FailedLogin {
            alias: self.alias.as_ref(),
            counts_for: &counts_for.collect::<Vec<_>>(),
            outcome,
        };
        let by = Actor::stranger(self.source);
        store.record_failure(&failed, &by, now).await
    }

    /// A success clears the failures of its alias from this source, and nobody else's: who has a
    /// password of his own must not guess the better for it, and what strangers did elsewhere stays.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn succeeded(
        &self,
        store: &dyn Store,
        alias: &Alias,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let success = self.success(store, alias, now).await?;
        store
            .record_success(&success, &self.member(alias), now)
            .await
    }

    /// Replaces the password that was right, which is a success too.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn changed_password(
        &self,
        store: &dyn Store,
        change: &PasswordChange<'_>,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let success = self.success(store, change.alias, now).await?;
        let by = self.member(change.alias);
        store.change_password(change, &success, &by, now).await
    }

    async fn success<'a>(
        &self,
        store: &dyn Store,
        alias: &'a Alias,
        now: OffsetDateTime,
    ) -> Result<SuccessfulLogin<'a>, StoreError> {
        let here = self.place(alias);
        let was_stranger = !self.is_at_home(store, now).await?;
        Ok(SuccessfulLogin {
            alias,
            clears: self.subject(alias),
            takes_from: was_stranger.then(|| strangers(alias)),
            remembers: here,
        })
    }

    /// What this attempt counts for. Who is at home here answers for himself alone.
    async fn what_counts(
        &self,
        store: &dyn Store,
        now: OffsetDateTime,
    ) -> Result<Vec<(String, &'static Rule)>, StoreError> {
        let mut counts = Vec::new();
        if !self.is_at_home(store, now).await? {
            counts.push((format!("source {}", self.source), &SOURCE));
            counts.extend(
                self.alias
                    .as_ref()
                    .map(|alias| (strangers(alias), &STRANGERS)),
            );
        }
        let pair = self.alias.as_ref().map(|alias| self.subject(alias));
        counts.extend(pair.map(|pair| (pair, &PAIR)));
        Ok(counts)
    }

    /// What failures of an alias count for here; those of its devices count together.
    fn subject(&self, alias: &Alias) -> String {
        if self.by_device {
            format!("alias {alias} device")
        } else {
            self.place(alias)
        }
    }

    fn place(&self, alias: &Alias) -> String {
        format!("alias {alias} source {}", self.source)
    }

    async fn is_at_home(&self, store: &dyn Store, now: OffsetDateTime) -> Result<bool, StoreError> {
        let Some(alias) = &self.alias else {
            return Ok(false);
        };
        if self.by_device {
            return Ok(true);
        }
        let last = store.last_success(&self.place(alias)).await?;
        Ok(last.is_some_and(|last| now - last <= KNOWN_FOR))
    }
}

fn strangers(alias: &Alias) -> String {
    format!("strangers {alias}")
}

/// Forgets what is too old to count.
///
/// # Errors
/// When the store fails.
pub async fn prune(store: &dyn Store, now: OffsetDateTime) -> Result<(), StoreError> {
    for (kind, rule) in [
        ("alias", &PAIR),
        ("source", &SOURCE),
        ("strangers", &STRANGERS),
    ] {
        store.prune_attempts(kind, now - rule.forget_after).await?;
    }
    store.prune_successes(now - KNOWN_FOR).await
}

fn wait(rule: &Rule, attempts: Attempts, now: OffsetDateTime) -> Option<Duration> {
    let since = now.unix_timestamp() - attempts.last_at.unix_timestamp();
    if since > rule.forget_after.whole_seconds() {
        return None;
    }
    // A clock set back must not lengthen the delay.
    let since = u64::try_from(since).unwrap_or(0);
    let over = if rule.passes { since } else { 0 };
    let rest = rule.delay_secs(attempts.failures).saturating_sub(over);
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
    fn a_hundred_failures_of_strangers_are_not_waited_out() {
        let last_at = OffsetDateTime::UNIX_EPOCH + time::Duration::days(1);
        let after = |failures, days| {
            let attempts = Attempts { failures, last_at };
            wait(&STRANGERS, attempts, last_at + time::Duration::days(days))
        };
        assert_eq!(after(99, 0), None);
        for days in [0, 1, 365] {
            assert_eq!(after(100, days), Some(Duration::from_secs(900)));
        }
        assert_eq!(after(100, 366), None);
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
