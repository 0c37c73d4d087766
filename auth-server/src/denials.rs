//! How often the audit log tells that somebody is no administrator: a member who asks again and
//! again must not fill it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::identity::Alias;

/// Entries that one member can cause in an hour.
pub const MAX_DENIALS: u32 = 30;
const WINDOW: Duration = Duration::from_secs(3600);

/// Whether a denial is told in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// It is.
    Told,
    /// It is, and no more for the rest of the hour.
    Last,
    /// It is not.
    Silent,
}

/// The denials of the last hour; one place for each member who ever was denied.
#[derive(Debug, Default)]
pub struct Denials {
    recent: Mutex<HashMap<Alias, (Instant, u32)>>,
}

impl Denials {
    /// Counts one more.
    pub fn count(&self, alias: &Alias, now: Instant) -> Telling {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, denials) = recent.entry(alias.clone()).or_insert((now, 0));
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
        let alice: Alias = "alice".parse().unwrap();
        let bob: Alias = "bob".parse().unwrap();
        let start = Instant::now();
        let told = |alias, after| {
            (0..1000)
                .filter(|_| denials.count(alias, start + after) != Telling::Silent)
                .count()
        };
        assert_eq!(told(&alice, Duration::ZERO), 30);
        assert_eq!(told(&alice, WINDOW - Duration::from_secs(1)), 0);
        assert_eq!(told(&bob, Duration::ZERO), 30);
        assert_eq!(denials.count(&alice, start + WINDOW), Telling::Told);
    }
}
