//! Who waits, lane by lane: lanes take turns, and those in one lane wait in the order in which they came.

use std::collections::VecDeque;

use common::identity::Alias;

use super::{MAX_PER_LANE, MAX_WAITING};
use crate::throttle::Source;

/// Those who wait together and compete with each other first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lane {
    /// Administrators who set passwords.
    Administration,
    /// A member who shows a certificate, with all devices.
    Member(Alias),
    /// Everybody else from one source.
    Strangers(Source),
}

impl Lane {
    /// Whether who is in it has shown who he is.
    pub(super) fn is_known(&self) -> bool {
        !matches!(self, Self::Strangers(_))
    }
}

/// Lanes of those who wait, the next one in front.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    lanes: VecDeque<(Lane, VecDeque<T>)>,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self {
            lanes: VecDeque::new(),
        }
    }
}

impl<T> Lanes<T> {
    pub(super) fn len(&self) -> usize {
        self.lanes.iter().map(|(_, waiting)| waiting.len()).sum()
    }

    /// One more at the end of its lane. Where all room is taken the last one of the longest lane gives
    /// way, and is returned, unless that lane would not be the longer one then.
    ///
    /// # Errors
    /// Who came, when there is no room.
    pub(super) fn push(&mut self, lane: Lane, waiter: T) -> Result<Option<T>, T> {
        let own = self.lanes.iter().position(|(other, _)| *other == lane);
        let ahead = own.map_or(0, |own| self.lanes[own].1.len());
        if ahead >= MAX_PER_LANE {
            return Err(waiter);
        }
        let mut displaced = None;
        if self.len() >= MAX_WAITING {
            let longest = self
                .lanes
                .iter_mut()
                .max_by_key(|(_, waiting)| waiting.len());
            displaced = longest
                .filter(|(_, waiting)| waiting.len() > ahead + 1)
                .and_then(|(_, waiting)| waiting.pop_back());
            if displaced.is_none() {
                return Err(waiter);
            }
        }
        match own {
            Some(own) => self.lanes[own].1.push_back(waiter),
            None => self.lanes.push_back((lane, VecDeque::from([waiter]))),
        }
        Ok(displaced)
    }

    /// Whose turn it is; the lane is the last one then.
    pub(super) fn pop(&mut self) -> Option<T> {
        let (lane, mut waiting) = self.lanes.pop_front()?;
        let next = waiting.pop_front();
        if !waiting.is_empty() {
            self.lanes.push_back((lane, waiting));
        }
        next
    }

    /// Leaves out whom it does not hold for: those who have gone away.
    pub(super) fn retain(&mut self, stays: impl Fn(&T) -> bool) {
        for (_, waiting) in &mut self.lanes {
            waiting.retain(&stays);
        }
        self.lanes.retain(|(_, waiting)| !waiting.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn source(number: usize) -> Lane {
        let [.., high, low] = number.to_be_bytes();
        Lane::Strangers(Source::of(Ipv4Addr::new(198, 18, high, low).into()))
    }

    fn all(mut lanes: Lanes<usize>) -> Vec<usize> {
        std::iter::from_fn(|| lanes.pop()).collect()
    }

    #[test]
    fn lanes_take_turns_and_each_keeps_its_order() {
        let mut lanes = Lanes::default();
        for waiter in [10, 11, 12, 20, 30, 31] {
            lanes.push(source(waiter / 10), waiter).unwrap();
        }
        assert_eq!(all(lanes), [10, 20, 30, 11, 31, 12]);
    }

    #[test]
    fn a_lane_has_its_share_and_no_more() {
        let mut lanes = Lanes::default();
        for waiter in 0..MAX_PER_LANE {
            lanes.push(source(1), waiter).unwrap();
        }
        assert_eq!(lanes.push(source(1), 99), Err(99));
        assert_eq!(lanes.push(source(2), 99), Ok(None));
    }

    #[test]
    fn who_comes_alone_finds_room_however_many_wait_in_crowds() {
        let mut lanes = Lanes::default();
        for waiter in 0..MAX_WAITING {
            lanes.push(source(waiter % 9), waiter).unwrap();
        }
        let newest_of_the_longest = lanes.push(source(99), 1000).unwrap();
        assert!(newest_of_the_longest.is_some_and(|waiter| waiter > MAX_WAITING - 10));
        assert_eq!(lanes.len(), MAX_WAITING);
        // The turn comes when each of the nine has had one.
        assert_eq!(
            all(lanes).iter().position(|waiter| *waiter == 1000),
            Some(9)
        );
    }

    #[test]
    fn nobody_who_waits_alone_gives_way_to_another_one() {
        let mut lanes = Lanes::default();
        for waiter in 0..MAX_WAITING {
            lanes.push(source(waiter), waiter).unwrap();
        }
        assert_eq!(lanes.push(source(1000), 1000), Err(1000));
        lanes.retain(|waiter| *waiter != 7);
        assert_eq!(lanes.push(source(1000), 1000), Ok(None));
    }
}
