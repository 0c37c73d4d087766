use std::thread;
use std::time::Duration;

/// Before each look for a list that was told of: thousands of devices look at once, and a server may be
/// too busy to answer all.
const PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// Looks for the revocation list until the one `held` is as new as the server said, or some tries have
/// failed; then a later event, or the next look of the minute, brings it.
pub fn catch_up(number: u64, held: impl Fn() -> u64, mut look: impl FnMut()) {
    for pause in PAUSES {
        if held() >= number {
            return;
        }
        thread::sleep(pause);
        look();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn what_is_held_is_not_looked_for() {
        catch_up(5, || 5, || panic!("looked"));
        catch_up(5, || 6, || panic!("looked"));
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
        catch_up(5, || held.get(), look);
        assert_eq!((held.get(), looks.get()), (5, 2));
    }
}
