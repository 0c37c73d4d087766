use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Whether a peer said that this device's certificate was revoked: a reason to look at once for what
/// changed. Anybody can say so; it is a hint and no more.
#[derive(Debug, Default)]
pub struct Doubt {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Doubt {
    /// A peer said so.
    pub(super) fn raise(&self) {
        *self.lock() = true;
        self.changed.notify_all();
    }

    /// Waits for `most`, or until there is a doubt, but for `least` at least, whoever raises doubts.
    pub fn wait(&self, least: Duration, most: Duration) {
        thread::sleep(least);
        let left = most.saturating_sub(least);
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), left, |raised| !*raised);
        let (mut raised, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *raised = false;
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Longer than any test waits.
    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn a_doubt_ends_the_wait_whenever_it_was_raised_and_counts_once() {
        let doubt = Doubt::default();
        doubt.raise();
        doubt.wait(Duration::ZERO, LONG);
        assert!(!*doubt.lock());
        thread::scope(|scope| {
            scope.spawn(|| doubt.raise());
            doubt.wait(Duration::ZERO, LONG);
        });
        assert!(!*doubt.lock());
        doubt.wait(Duration::ZERO, Duration::from_millis(1));
    }
}
