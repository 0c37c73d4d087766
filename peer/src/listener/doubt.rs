use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Reasons to look at once for what changed. That a peer says that this device's certificate was
/// revoked is a hint and no more: anybody can say so. What the auth server's list says is certain.
#[derive(Debug, Default)]
pub struct Doubt {
    reasons: Mutex<Reasons>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Reasons {
    hinted: bool,
    certain: bool,
}

impl Doubt {
    /// A peer said so, or the auth server tells this device nothing any more.
    pub fn raise(&self) {
        let mut reasons = self.lock();
        // Who hints thousands of times a second wakes nobody thousands of times.
        if !reasons.hinted {
            reasons.hinted = true;
            self.changed.notify_all();
        }
    }

    /// The list says so.
    pub fn know(&self) {
        self.lock().certain = true;
        self.changed.notify_all();
    }

    /// Waits for `most`, or until something is certain, or until there is a hint, but then for
    /// `least` at least, whoever gives hints.
    pub fn wait(&self, least: Duration, most: Duration) {
        let begun = Instant::now();
        let mut reasons = self.lock();
        loop {
            let until = if reasons.hinted { least } else { most };
            let left = until.saturating_sub(begun.elapsed());
            if reasons.certain || left.is_zero() {
                *reasons = Reasons::default();
                return;
            }
            let woken = self.changed.wait_timeout(reasons, left);
            reasons = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Reasons> {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    /// Longer than any test waits.
    const LONG: Duration = Duration::from_secs(3600);

    fn is_calm(doubt: &Doubt) -> bool {
        let reasons = doubt.lock();
        !reasons.hinted && !reasons.certain
    }

    #[test]
    fn a_doubt_ends_the_wait_whenever_it_was_raised_and_counts_once() {
        let doubt = Doubt::default();
        doubt.raise();
        doubt.wait(Duration::ZERO, LONG);
        assert!(is_calm(&doubt));
        thread::scope(|scope| {
            scope.spawn(|| doubt.raise());
            doubt.wait(Duration::ZERO, LONG);
        });
        assert!(is_calm(&doubt));
        doubt.wait(Duration::ZERO, Duration::from_millis(1));
    }

    #[test]
    fn what_is_certain_ends_the_wait_at_once_and_a_hint_does_not() {
        let doubt = Doubt::default();
        thread::scope(|scope| {
            scope.spawn(|| {
                doubt.raise();
                doubt.know();
            });
            doubt.wait(LONG, LONG);
        });
        assert!(is_calm(&doubt));
        doubt.raise();
        let least = Duration::from_millis(20);
        let begun = Instant::now();
        doubt.wait(least, LONG);
        assert!(begun.elapsed() >= least);
    }
}
