//! How often something may be done: some times at once, and then one by one.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// What is kept before those are thrown out who could begin anew.
const TIDY_ABOVE: usize = 16 * 1024;

/// So many at once, and one more each time that passes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) at_once: u32,
    pub(super) then_every: Duration,
}

/// Who did it lately: for each the moment at which nothing of it counts any more.
#[derive(Debug)]
pub(super) struct Paced<K> {
    pace: Pace,
    spent_until: HashMap<K, Instant>,
}

impl<K: Eq + Hash> Paced<K> {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            spent_until: HashMap::new(),
        }
    }

    /// How long `key` has to wait, if it has to.
    pub(super) fn wait(&self, key: &K, now: Instant) -> Option<Duration> {
        let until = self.spent_until.get(key)?.saturating_duration_since(now);
        let most = self.pace.then_every * self.pace.at_once.saturating_sub(1);
        until.checked_sub(most).filter(|wait| !wait.is_zero())
    }

    /// `key` does it once.
    pub(super) fn spend(&mut self, key: K, now: Instant) {
        self.spend_some(key, 1, now);
    }

    /// `key` does so much of it, be it more than there is: then it waits for longer.
    pub(super) fn spend_some(&mut self, key: K, times: u32, now: Instant) {
        if self.spent_until.len() >= TIDY_ABOVE {
            self.spent_until.retain(|_, until| *until > now);
        }
        let until = self.spent_until.entry(key).or_insert(now);
        *until = (*until).max(now) + self.pace.then_every * times;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_at_once_and_then_one_by_one() {
        let seconds = Duration::from_secs;
        let mut paced = Paced::new(Pace {
            at_once: 3,
            then_every: seconds(10),
        });
        let start = Instant::now();
        let done = |paced: &mut Paced<&str>, who, after| {
            (0..100)
                .take_while(|_| {
                    let may = paced.wait(&who, start + after).is_none();
                    if may {
                        paced.spend(who, start + after);
                    }
                    may
                })
                .count()
        };
        assert_eq!(done(&mut paced, "alice", seconds(0)), 3);
        assert_eq!(paced.wait(&"alice", start), Some(seconds(10)));
        assert_eq!(paced.wait(&"alice", start + seconds(4)), Some(seconds(6)));
        assert_eq!(done(&mut paced, "bob", seconds(4)), 3);
        assert_eq!(done(&mut paced, "alice", seconds(10)), 1);
        assert_eq!(done(&mut paced, "alice", seconds(29)), 1);
        // A whole allowance, and never more.
        assert_eq!(done(&mut paced, "alice", seconds(3600)), 3);
    }

    #[test]
    fn who_did_nothing_lately_takes_no_room() {
        let every = Duration::from_secs(1);
        let mut paced = Paced::new(Pace {
            at_once: 1,
            then_every: every,
        });
        let start = Instant::now();
        (0..TIDY_ABOVE).for_each(|key| paced.spend(key, start));
        paced.spend(usize::MAX, start + every);
        assert_eq!(paced.spent_until.len(), 1);
    }
}
