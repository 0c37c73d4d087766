//! Numbers of events, and the last ones.

use std::collections::VecDeque;

use axum::body::Bytes;
use common::identity::Alias;

use super::kind::Event;

/// Events that are kept for those who come back: hours of a large organisation's working day.
pub(super) const KEPT: usize = 4096;

/// An event that was told.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) id: u64,
    pub(super) text: Bytes,
    pub(super) only_for: Option<Alias>,
}

/// The last events, numbered without a gap.
#[derive(Debug)]
pub(super) struct Ring {
    kept: VecDeque<Kept>,
    last: u64,
}

impl Ring {
    /// The first event will have the number `first`.
    pub(super) fn new(first: u64) -> Self {
        Self {
            kept: VecDeque::new(),
            last: first.saturating_sub(1),
        }
    }

    /// The number given last.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Adds an event; the oldest one goes.
    pub(super) fn push(&mut self, event: &Event) {
        self.last += 1;
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(Kept {
            id: self.last,
            text: event.text(self.last).into(),
            only_for: event.only_for().cloned(),
        });
    }

    /// Whether all that came after that number is kept.
    pub(super) fn knows(&self, id: u64) -> bool {
        let oldest = self.kept.front().map_or(self.last, |oldest| oldest.id - 1);
        (oldest..=self.last).contains(&id)
    }

    /// What came after that number, which is known.
    pub(super) fn after(&self, id: u64) -> impl Iterator<Item = &Kept> {
        let missing = usize::try_from(self.last.saturating_sub(id)).unwrap_or(usize::MAX);
        self.kept.range(self.kept.len().saturating_sub(missing)..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(events: u64) -> Ring {
        let mut ring = Ring::new(1000);
        (0..events).for_each(|number| ring.push(&Event::Crl { number }));
        ring
    }

    #[test]
    fn events_are_numbered_without_a_gap_and_found_after_any_number_that_is_kept() {
        let ring = ring(3);
        for (id, missed) in [
            (999, vec![1000, 1001, 1002]),
            (1001, vec![1002]),
            (1002, vec![]),
        ] {
            assert!(ring.knows(id));
            let found: Vec<u64> = ring.after(id).map(|kept| kept.id).collect();
            assert_eq!(found, missed);
        }
        for strange in [0, 998, 1003, u64::MAX] {
            assert!(!ring.knows(strange), "{strange}");
        }
    }

    #[test]
    fn before_the_first_event_the_beginning_is_known_and_nothing_else() {
        let ring = ring(0);
        assert_eq!(ring.last(), 999);
        assert!(ring.knows(999) && !ring.knows(1000) && !ring.knows(998));
        assert_eq!(ring.after(999).count(), 0);
    }

    #[test]
    fn the_last_4096_are_kept() {
        let ring = ring(5000);
        assert_eq!(ring.last(), 5999);
        assert!(ring.knows(5999 - 4096));
        assert!(!ring.knows(5999 - 4097));
        assert_eq!(ring.after(5999 - 4096).count(), 4096);
        assert_eq!(ring.after(5999 - 4096).next().unwrap().id, 5999 - 4095);
    }
}
