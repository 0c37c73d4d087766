//! How many lines requests may cause: whoever can send a request could fill the disk otherwise.

use std::time::{Duration, Instant};

/// Lines a second of requests that no member made, in the long run. A thousand listeners that look
/// for a new revocation list each minute cause 17; and 20 are 500 MB a day at worst.
const STRANGERS_PER_SEC: u32 = 20;
/// As many at once: the logins of a morning.
const STRANGERS_AT_ONCE: u32 = 500;
/// Lines a second of members' requests: with those of strangers fewer than the 10,000 in 30 seconds
/// beyond which journald drops lines, whatever they tell.
const MEMBERS_PER_SEC: u32 = 200;
/// As many at once: an administrator's script.
const MEMBERS_AT_ONCE: u32 = 1000;

/// A stock of lines that fills up at a steady rate.
#[derive(Debug)]
struct Stock {
    /// The time in which one more line is allowed.
    interval: Duration,
    /// The time in which an empty stock is full again.
    size: Duration,
    /// Until then it is not full.
    full_at: Option<Instant>,
}

impl Stock {
    fn new(per_sec: u32, at_once: u32) -> Self {
        let interval = Duration::from_secs(1) / per_sec;
        Self {
            interval,
            size: interval * at_once,
            full_at: None,
        }
    }

    fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + self.interval;
        let is_there = full_at.duration_since(now) <= self.size;
        if is_there {
            self.full_at = Some(full_at);
        }
        is_there
    }
}

/// What requests may write.
#[derive(Debug)]
pub(super) struct Allowance {
    strangers: Stock,
    members: Stock,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            strangers: Stock::new(STRANGERS_PER_SEC, STRANGERS_AT_ONCE),
            members: Stock::new(MEMBERS_PER_SEC, MEMBERS_AT_ONCE),
        }
    }
}

impl Allowance {
    /// Whether a request may cause one more line at the moment `now`. What strangers do takes
    /// nothing from members.
    pub(super) fn take(&mut self, by_member: bool, now: Instant) -> bool {
        match by_member {
            true => self.members.take(now),
            false => self.strangers.take(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(allowance: &mut Allowance, by_member: bool, now: Instant) -> u32 {
        let taken = (0..10_000)
            .filter(|_| allowance.take(by_member, now))
            .count();
        u32::try_from(taken).unwrap()
    }

    #[test]
    fn so_many_lines_at_once_then_so_many_a_second() {
        let (mut allowance, start) = (Allowance::default(), Instant::now());
        for (by_member, at_once, per_sec) in [
            (false, STRANGERS_AT_ONCE, STRANGERS_PER_SEC),
            (true, MEMBERS_AT_ONCE, MEMBERS_PER_SEC),
        ] {
            assert_eq!(taken(&mut allowance, by_member, start), at_once);
            for secs in [1, 2, 3] {
                let now = start + Duration::from_secs(secs);
                assert_eq!(taken(&mut allowance, by_member, now), per_sec, "{secs}");
            }
            let later = start + Duration::from_secs(1000);
            assert_eq!(taken(&mut allowance, by_member, later), at_once);
        }
    }

    #[test]
    fn a_steady_stream_at_the_rate_is_written_whole() {
        let (mut allowance, start) = (Allowance::default(), Instant::now());
        let interval = Duration::from_secs(1) / STRANGERS_PER_SEC;
        assert!((0..5000).all(|n| allowance.take(false, start + interval * n)));
    }

    #[test]
    fn strangers_take_nothing_from_members() {
        let (mut allowance, now) = (Allowance::default(), Instant::now());
        assert_eq!(taken(&mut allowance, false, now), STRANGERS_AT_ONCE);
        assert_eq!(taken(&mut allowance, true, now), MEMBERS_AT_ONCE);
    }
}
