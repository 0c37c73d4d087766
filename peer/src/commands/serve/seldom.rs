use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is told again is told once in this time.
const BETWEEN: Duration = Duration::from_secs(3600);

/// Lets something be told once, and again much later: whoever causes it fills nobody's terminal.
#[derive(Debug, Default)]
pub(super) struct Seldom {
    last: Mutex<Option<Instant>>,
}

impl Seldom {
    /// Whether it is to be told at that time; it counts as told then.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= BETWEEN);
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_and_again_an_hour_later() {
        let (seldom, begun) = (Seldom::default(), Instant::now());
        let after = |seconds| seldom.is_due(begun + Duration::from_secs(seconds));
        let told: Vec<bool> = [0, 1, 3599, 3600, 3601, 7201].map(after).into();
        assert_eq!(told, [true, false, false, true, false, true]);
    }
}
