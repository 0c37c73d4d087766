//! How often the audit log tells that somebody was refused what administrators do: who asks again
//! and again must not fill it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Entries that one person can cause in an hour.
pub const MAX_DENIALS: u32 = 30;
const WINDOW: Duration = Duration::from_secs(3600);

/// Whether a denial is told in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Telling {
    /// It is.
    Told,
    /// It is, and no more for the rest of the hour.
    Last,
    /// It is not.
    Silent,
}

/// The denials of the last hour; one place for each member who ever was denied. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Denials {
    recent: Arc<Mutex<HashMap<String, (Instant, u32)>>>,
}

impl Denials {
    /// Counts one more, and says what the audit log is told of it, if anything.
    pub fn outcome(&self, who: &str, why: &str, now: Instant) -> Option<String> {
        match self.count(who, now) {
            Telling::Told => Some(why.to_owned()),
            Telling::Last => Some(format!("{why}; no more is told for an hour")),
            Telling::Silent => None,
        }
    }

    fn count(&self, who: &str, now: Instant) -> Telling {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, denials) = recent.entry(who.to_owned()).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *denials) = (now, 0);
        }
        *denials = denials.saturating_add(1);
        match (*denials).cmp(&MAX_DENIALS) {
            std::cmp::Ordering::Less => Telling::Told,
            std::cmp::Ordering::Equal => Telling::Last,
            std::cmp::Ordering::Greater => Telling::Silent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_causes_so_many_entries_an_hour_and_no_more() {
        let denials = Denials::default();
        let start = Instant::now();
        let told = |who, after| {
            (0..1000)
                .filter_map(|_| denials.outcome(who, "no", start + after))
                .count()
        };
        assert_eq!(told("alice", Duration::ZERO), 30);
        assert_eq!(told("alice", WINDOW - Duration::from_secs(1)), 0);
        assert_eq!(told("bob", Duration::ZERO), 30);
        let next = denials.outcome("alice", "no", start + WINDOW);
        assert_eq!(next.as_deref(), Some("no"));
    }
}
