//! How new the revocation list held is: by what the auth server told, and by when it was asked.

use std::time::{Duration, Instant};

/// Between two looks for a newer list, as a listener has it.
const BETWEEN_LOOKS: Duration = Duration::from_secs(60);

/// The same while a newer one is known of, and after tries that failed.
const WHILE_BEHIND: Duration = Duration::from_secs(5);

/// What is known of the list held.
#[derive(Debug)]
pub(super) struct Currency {
    held: u64,
    told: u64,
    answered: Option<Instant>,
    tried: Instant,
}

impl Currency {
    /// The list of that number is held since `now`; nothing newer was told of.
    pub(super) fn new(held: u64, now: Instant) -> Self {
        Self {
            held,
            told: held,
            answered: None,
            tried: now,
        }
    }

    /// The server said that it has the list of that number.
    pub(super) fn tell(&mut self, number: u64) {
        self.told = self.told.max(number);
    }

    /// A list of that number is held.
    pub(super) fn hold(&mut self, number: u64) {
        self.held = self.held.max(number);
    }

    /// A server was asked then, and no answer came that can be believed.
    pub(super) fn failed(&mut self, asked: Instant) {
        self.tried = self.tried.max(asked);
    }

    /// A server was asked then and answered, by a list or by having none that is newer.
    pub(super) fn answered(&mut self, asked: Instant) {
        self.failed(asked);
        self.answered = self.answered.max(Some(asked));
    }

    /// The newest list that was told of.
    pub(super) fn told(&self) -> u64 {
        self.told
    }

    /// Whether there is a newer list, and it is not held.
    pub(super) fn is_behind(&self) -> bool {
        self.held < self.told
    }

    /// Whether to ask before a file gets its final name.
    pub(super) fn is_doubtful(&self, now: Instant) -> bool {
        let is_old = self
            .answered
            .is_none_or(|asked| now.saturating_duration_since(asked) > BETWEEN_LOOKS);
        self.is_behind() || (is_old && self.since_try(now) >= WHILE_BEHIND)
    }

    /// Time until the next look, of which `jitter` chooses how much less than the bound it is.
    pub(super) fn pause(
        &self,
        now: Instant,
        jitter: impl FnOnce(Duration) -> Duration,
    ) -> Duration {
        let bound = match self.is_behind() {
            true => WHILE_BEHIND,
            false => BETWEEN_LOOKS,
        };
        let bound = bound.saturating_sub(jitter(bound / 4));
        bound.saturating_sub(self.since_try(now))
    }

    /// How long ago a server was asked.
    pub(super) fn since_try(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.tried)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn none(_: Duration) -> Duration {
        Duration::ZERO
    }

    #[test]
    fn who_was_told_of_a_newer_list_looks_every_five_seconds_until_it_is_held() {
        let begun = Instant::now();
        let mut currency = Currency::new(4, begun);
        assert_eq!(currency.pause(begun, none), 60 * SECOND);
        currency.tell(6);
        for second in [0, 5, 10, 300] {
            let now = begun + second * SECOND;
            currency.failed(now);
            assert!(currency.is_behind());
            assert_eq!(currency.pause(now, none), 5 * SECOND);
            assert!(currency.pause(now, |most| most) >= 3 * SECOND);
        }
        // A server that answers with too old a list leaves it behind, and so does an older word.
        currency.answered(begun + 301 * SECOND);
        currency.hold(5);
        currency.tell(5);
        assert!(currency.is_behind());
        assert!(currency.is_doubtful(begun + 301 * SECOND));
        currency.hold(6);
        currency.hold(5);
        assert!(!currency.is_behind());
        assert_eq!(currency.pause(begun + 301 * SECOND, none), 60 * SECOND);
    }

    #[test]
    fn a_file_waits_for_a_look_when_the_last_answer_is_older_than_a_minute() {
        let begun = Instant::now();
        let mut currency = Currency::new(4, begun);
        currency.answered(begun);
        assert!(!currency.is_doubtful(begun + 60 * SECOND));
        let late = begun + 61 * SECOND;
        assert!(currency.is_doubtful(late));
        // Where nobody answers, not every small file waits for that.
        currency.failed(late);
        assert!(!currency.is_doubtful(late + SECOND));
        assert!(currency.is_doubtful(late + 5 * SECOND));
        currency.answered(late + 5 * SECOND);
        assert!(!currency.is_doubtful(late + 65 * SECOND));
    }
}
