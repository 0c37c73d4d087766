use std::time::{Duration, Instant};

/// Bytes a second that a server may tell in the long run: thousands of changes.
const BYTES_PER_SECOND: u32 = 1 << 20;

/// Seconds of that at once, for who comes back after a while: most of what a server keeps.
const AT_ONCE: Duration = Duration::from_secs(8);

/// How much a server may tell, so that one that never ends costs a device little. It is made to wait, not
/// cut: it sends as fast as it is read.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    /// When all that was told is worn off.
    spent_until: Option<Instant>,
}

impl Allowance {
    /// So many bytes came: how long to wait before more are read.
    pub(super) fn spend(&mut self, bytes: usize, now: Instant) -> Duration {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let worth = Duration::from_secs(1) * bytes / BYTES_PER_SECOND;
        let until = self.spent_until.map_or(now, |until| until.max(now)) + worth;
        self.spent_until = Some(until);
        until.saturating_duration_since(now).saturating_sub(AT_ONCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_is_read_at_once_and_then_little_a_second() {
        let mut allowance = Allowance::default();
        let mut now = Instant::now();
        let begun = now;
        for _ in 0..8 * 256 {
            assert_eq!(allowance.spend(4096, now), Duration::ZERO);
        }
        for _ in 0..10 * 256 {
            now += allowance.spend(4096, now);
        }
        let took = now - begun;
        assert!((9..=10).contains(&took.as_secs()), "{took:?}");
        // Silence gives it back, and no more than it was.
        now += Duration::from_secs(3600);
        assert_eq!(allowance.spend(8 << 20, now), Duration::ZERO);
        assert!(allowance.spend(4096, now) > Duration::ZERO);
    }
}
