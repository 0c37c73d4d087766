use std::thread;
use std::time::Duration;

use super::jitter::jitter;

/// Before each look for a list that was told of, less up to half of it: thousands of devices look at once,
/// and a server may be too busy to answer all.
const PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Looks for the lists that a server tells of, as long as it has them.
#[derive(Debug, Default)]
pub struct CatchUp {
    /// The list held when all looks for a newer one had been in vain.
    in_vain: Option<u64>,
}

impl CatchUp {
    /// Looks for the revocation list until the one `held` is as new as the server said, or some tries
    /// have failed: whether it is. A server that tells of what it does not have is not asked again for each
    /// time it says so; whoever calls looks later, until something newer is held.
    pub fn reach(&mut self, number: u64, held: impl Fn() -> u64, mut look: impl FnMut()) -> bool {
        if self.in_vain != Some(held()) {
            self.in_vain = None;
            for pause in PAUSES {
                if held() >= number {
                    return true;
                }
                thread::sleep(pause - jitter(pause / 2));
                look();
            }
        }
        let is_reached = held() >= number;
        if !is_reached {
            self.in_vain = Some(held());
        }
        is_reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn what_is_held_is_not_looked_for() {
        let mut catch_up = CatchUp::default();
        assert!(catch_up.reach(5, || 5, || panic!("looked")));
        assert!(catch_up.reach(5, || 6, || panic!("looked")));
    }

    #[test]
    fn a_look_that_fails_is_repeated() {
        let (held, looks) = (Cell::new(4), Cell::new(0));
        let look = || {
            looks.set(looks.get() + 1);
            if looks.get() == 2 {
                held.set(5);
            }
        };
        assert!(CatchUp::default().reach(5, || held.get(), look));
        assert_eq!((held.get(), looks.get()), (5, 2));
    }

    #[test]
    fn a_list_that_nobody_has_is_looked_for_once_until_something_newer_comes() {
        let (held, looks) = (Cell::new(4), Cell::new(0));
        let mut catch_up = CatchUp::default();
        let mut reach =
            |number| catch_up.reach(number, || held.get(), || looks.set(looks.get() + 1));
        for _ in 0..1000 {
            assert!(!reach(u64::MAX));
        }
        assert_eq!(looks.get(), PAUSES.len());
        assert!(reach(4));
        held.set(5);
        assert!(!reach(6));
        assert_eq!(looks.get(), 2 * PAUSES.len());
    }
}
