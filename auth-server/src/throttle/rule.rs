use std::time::Duration;

use time::OffsetDateTime;

use crate::store::Attempts;

/// Failures in a row that cost nothing, and the longest delay, for one alias from one source.
pub(super) const PAIR: Rule = Rule {
    free: 5,
    first_delay_secs: 4,
    max_delay_secs: 15 * 60,
    passes: true,
    forget_after: time::Duration::hours(24),
};
/// The same for one source: an office may stand behind it.
pub(super) const SOURCE: Rule = Rule {
    free: 30,
    first_delay_secs: 1,
    max_delay_secs: 60,
    passes: true,
    forget_after: time::Duration::hours(24),
};
/// The same for all devices of an alias: as often as one member may do anything. One device alone, or a
/// few, never fail so often for long; who has begun hundreds neither guesses the faster for it nor fills the
/// audit log.
pub(super) const DEVICES: Rule = Rule {
    free: 120,
    first_delay_secs: 30,
    max_delay_secs: 30,
    passes: true,
    forget_after: time::Duration::hours(24),
};
/// All failures at one alias but those of its devices: "no more than 100" (NIST SP 800-63B-4, 3.2.2).
/// Waiting does not help; the year bounds what is remembered of aliases that nobody has.
pub(super) const STRANGERS: Rule = Rule {
    free: 100,
    first_delay_secs: 15 * 60,
    max_delay_secs: 15 * 60,
    passes: false,
    forget_after: time::Duration::days(365),
};

/// About as long as one password takes to be checked, in the whole seconds of `Retry-After`.
const ONE_CHECK: Duration = Duration::from_secs(1);

/// How failures slow down what follows. Where a delay passes, one failure is forgotten for each
/// longest delay without another one: whoever never waits longer than he must fails no more often in the
/// long run than who waits the longest delay each time, and nothing else forgets them, a login neither.
pub(super) struct Rule {
    free: u32,
    first_delay_secs: u64,
    max_delay_secs: u64,
    /// Whether the delay runs from the last failure, or stands until the count is cleared.
    passes: bool,
    /// All failures are forgotten after so long without another one.
    pub(super) forget_after: time::Duration,
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

    /// After how long one failure is forgotten, if they are forgotten one by one.
    pub(super) fn forgets_one_after(&self) -> Option<Duration> {
        self.passes
            .then_some(Duration::from_secs(self.max_delay_secs))
    }

    /// So many failures are free.
    pub(super) fn free(&self) -> u32 {
        self.free
    }

    /// How long these failures still hold the next attempt up, if at all.
    pub(super) fn wait(&self, attempts: Attempts, now: OffsetDateTime) -> Option<Duration> {
        let since = now.unix_timestamp() - attempts.last_at.unix_timestamp();
        if since > self.forget_after.whole_seconds() {
            return None;
        }
        // A clock set back must not lengthen the delay.
        let since = u64::try_from(since).unwrap_or(0);
        let over = if self.passes { since } else { 0 };
        let rest = self.delay_secs(attempts.failures).saturating_sub(over);
        (rest > 0).then_some(Duration::from_secs(rest))
    }

    /// The same, while so many others are being checked, each of which may become a failure at this moment.
    pub(super) fn wait_beside(
        &self,
        attempts: Option<Attempts>,
        others: u32,
        now: OffsetDateTime,
    ) -> Option<Duration> {
        if others == 0 {
            return attempts.and_then(|attempts| self.wait(attempts, now));
        }
        let failures = attempts.map_or(0, |attempts| attempts.failures);
        let counted = Attempts {
            failures: failures.saturating_add(others),
            last_at: now,
        };
        // They are not failures yet: it is enough to wait for what becomes of them.
        self.wait(counted, now).map(|_| ONE_CHECK)
    }
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
    fn others_that_are_being_checked_count_as_failures_of_this_moment() {
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(1);
        let long_ago = |failures| {
            Some(Attempts {
                failures,
                last_at: now - time::Duration::hours(1),
            })
        };
        assert_eq!(PAIR.wait_beside(None, 4, now), None);
        assert_eq!(PAIR.wait_beside(None, 5, now), Some(ONE_CHECK));
        assert_eq!(PAIR.wait_beside(long_ago(4), 0, now), None);
        assert_eq!(PAIR.wait_beside(long_ago(4), 1, now), Some(ONE_CHECK));
        assert_eq!(PAIR.wait_beside(long_ago(9), 0, now), None);
        assert_eq!(PAIR.wait_beside(long_ago(9), 1, now), Some(ONE_CHECK));
    }

    #[test]
    fn the_delay_runs_from_the_last_failure_and_ends() {
        let last_at = OffsetDateTime::UNIX_EPOCH + time::Duration::days(1);
        let after = |secs| {
            let attempts = Attempts {
                failures: 6,
                last_at,
            };
            PAIR.wait(attempts, last_at + time::Duration::seconds(secs))
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
            STRANGERS.wait(attempts, last_at + time::Duration::days(days))
        };
        assert_eq!(after(99, 0), None);
        for days in [0, 1, 365] {
            assert_eq!(after(100, days), Some(Duration::from_secs(900)));
        }
        assert_eq!(after(100, 366), None);
    }
}
