use std::time::Duration;

/// The first pause is this long at most.
pub(super) const FIRST: Duration = Duration::from_millis(500);

/// Each further one up to this: when a server comes back, thousands of devices come back to it over
/// so much time.
const LONGEST: Duration = Duration::from_secs(30);

/// Pauses between tries: any time up to a bound that doubles (full jitter), so that devices that
/// lost their server together do not come back together.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next pause; `random` chooses within the bound.
    pub(super) fn pause(&mut self, random: u32) -> Duration {
        let bound = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }

    /// It went well: the next pause is a first one.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_a_pause_doubles_up_to_the_longest_and_starts_anew() {
        let mut backoff = Backoff::default();
        for bound in [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
            assert_eq!(backoff.pause(u32::MAX), Duration::from_millis(bound));
        }
        for _ in 0..100 {
            assert!(backoff.pause(u32::MAX) <= LONGEST);
        }
        backoff.reset();
        assert_eq!(backoff.pause(u32::MAX), FIRST);
    }

    #[test]
    fn a_pause_is_anything_from_nothing_to_its_bound() {
        assert_eq!(Backoff::default().pause(0), Duration::ZERO);
        let half = Backoff::default().pause(u32::MAX / 2);
        assert!(half > FIRST / 3 && half < FIRST / 3 * 2);
    }
}
