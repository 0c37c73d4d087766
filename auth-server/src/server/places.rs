//! How many connections are let in. When all places are taken, whoever has kept the server waiting
//! longest makes room, so that nobody who merely holds connections open keeps others out.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::metrics::metrics;
use crate::throttle::Source;

/// Connections at once: with their buffers about 100 MiB.
pub(super) const MAX_CONNECTIONS: usize = 1024;
/// Connections at once from one source. An office behind one address still logs in.
pub(super) const MAX_CONNECTIONS_PER_SOURCE: usize = 64;
/// A client that keeps the server waiting for less than that is not cut for another one: an honest
/// one has gone on by then.
const GRACE: Duration = Duration::from_millis(500);

/// Whose turn it is on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The client's, since then: to finish its handshake, a header, or a body.
    Client(Instant),
    /// The server's: it works on a request or writes an answer.
    Server,
    /// The answer is written, but not all of it has left yet.
    Flushing,
}

#[derive(Debug)]
struct Connection {
    source: Source,
    turn: Turn,
    /// Dropped to end the connection.
    _held: oneshot::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    connections: BTreeMap<u64, Connection>,
    by_source: HashMap<Source, usize>,
}

impl State {
    fn count_of(&self, source: Source) -> usize {
        self.by_source.get(&source).copied().unwrap_or_default()
    }

    fn remove(&mut self, id: u64) {
        let Some(connection) = self.connections.remove(&id) else {
            return;
        };
        metrics().connections.dec();
        if let Some(own) = self.by_source.get_mut(&connection.source) {
            *own -= 1;
            if *own == 0 {
                self.by_source.remove(&connection.source);
            }
        }
    }

    /// Whom a newcomer from `source` may replace: of the sources that hold more than its own, and
    /// of its own, the busiest one's client that has kept the server waiting longest.
    fn replaceable(&self, source: Source, own_alone: bool, now: Instant) -> Option<u64> {
        let own = self.count_of(source);
        self.connections
            .iter()
            .filter_map(|(id, connection)| match connection.turn {
                Turn::Client(since) if now.duration_since(since) >= GRACE => {
                    Some((*id, connection.source, since))
                }
                _ => None,
            })
            .filter(|(_, theirs, _)| {
                *theirs == source || (!own_alone && self.count_of(*theirs) > own)
            })
            .min_by_key(|(id, theirs, since)| (Reverse(self.count_of(*theirs)), *since, *id))
            .map(|(id, ..)| id)
    }

    /// Whether there is room for one more connection from `source`, made if need be.
    fn make_room(&mut self, source: Source, places: usize, now: Instant) -> bool {
        let own_full = self.count_of(source) >= MAX_CONNECTIONS_PER_SOURCE;
        if !own_full && self.connections.len() < places {
            return true;
        }
        let Some(id) = self.replaceable(source, own_full, now) else {
            return false;
        };
        self.remove(id);
        metrics().connections_replaced.inc();
        true
    }
}

/// The places of one listener.
#[derive(Debug)]
pub(super) struct Places {
    state: Mutex<State>,
    places: usize,
}

impl Places {
    /// So many, and [`MAX_CONNECTIONS`] at most.
    pub(super) fn new(places: usize) -> Self {
        Self {
            state: Mutex::default(),
            places: places.min(MAX_CONNECTIONS),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a connection in at the moment `now`, or not.
    pub(super) fn take(self: &Arc<Self>, source: Source, now: Instant) -> Option<Place> {
        let mut state = self.state();
        if !state.make_room(source, self.places, now) {
            metrics().connections_refused.inc();
            return None;
        }
        let (held, lost) = oneshot::channel();
        let id = state.next;
        state.next += 1;
        *state.by_source.entry(source).or_default() += 1;
        let connection = Connection {
            source,
            turn: Turn::Client(now),
            _held: held,
        };
        state.connections.insert(id, connection);
        metrics().connections.inc();
        drop(state);
        let turns = Turns {
            places: self.clone(),
            id,
        };
        Some(Place { turns, lost })
    }
}

/// The right to one connection; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    turns: Turns,
    lost: oneshot::Receiver<()>,
}

impl Place {
    /// Where to say whose turn it is.
    pub(super) fn turns(&self) -> Turns {
        self.turns.clone()
    }

    /// Waits until another connection has the place.
    pub(super) async fn lost(&mut self) {
        let _ = (&mut self.lost).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.turns.places.state().remove(self.turns.id);
    }
}

/// Whose turn it is on one connection. To speak of one that has ended does nothing.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    places: Arc<Places>,
    id: u64,
}

impl Turns {
    fn turn(&self, next: impl FnOnce(Turn) -> Turn) {
        let mut state = self.places.state();
        if let Some(connection) = state.connections.get_mut(&self.id) {
            connection.turn = next(connection.turn);
        }
    }

    /// The client has sent a header, and a body is to follow, or not.
    pub(super) fn header_came(&self, body_follows: bool, now: Instant) {
        self.turn(|_| match body_follows {
            true => Turn::Client(now),
            false => Turn::Server,
        });
    }

    /// All of the request is here, or nobody wants the rest.
    pub(super) fn body_came(&self) {
        self.turn(|_| Turn::Server);
    }

    /// Nothing more is added to the answer.
    pub(super) fn answer_written(&self) {
        self.turn(|_| Turn::Flushing);
    }

    /// All that was written has left.
    pub(super) fn flushed(&self, now: Instant) {
        self.turn(|turn| match turn {
            Turn::Flushing => Turn::Client(now),
            turn => turn,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Door {
        places: Arc<Places>,
        now: Instant,
    }

    impl Door {
        fn new() -> Self {
            Self {
                places: Arc::new(Places::new(usize::MAX)),
                now: Instant::now(),
            }
        }

        fn take(&self, address: &str) -> Option<Place> {
            let source = Source::of(address.parse().unwrap());
            self.places.take(source, self.now)
        }

        fn fill(&self, address: &str, count: usize) -> Vec<Place> {
            (0..count).map(|_| self.take(address).unwrap()).collect()
        }

        /// All places, 64 for each of 16 addresses.
        fn full(&self) -> Vec<Vec<Place>> {
            (0..16)
                .map(|n| self.fill(&format!("192.0.2.{n}"), MAX_CONNECTIONS_PER_SOURCE))
                .collect()
        }

        fn is_empty(&self) -> bool {
            let state = self.places.state();
            state.connections.is_empty() && state.by_source.is_empty()
        }
    }

    fn is_lost(place: &mut Place) -> bool {
        place.lost.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn one_source_cannot_take_all_places() {
        let door = Door::new();
        let taken = door.fill("192.0.2.1", MAX_CONNECTIONS_PER_SOURCE);
        assert!(door.take("192.0.2.1").is_none());
        assert!(door.take("::ffff:192.0.2.1").is_none());
        assert!(door.take("192.0.2.2").is_some());
        drop(taken);
        assert!(door.take("192.0.2.1").is_some());
        assert!(door.is_empty());
    }

    #[test]
    fn a_newcomer_of_a_source_that_is_full_replaces_its_own_that_waited_longest() {
        let mut door = Door::new();
        let _others = door.fill("192.0.2.2", 1);
        let mut taken = door.fill("192.0.2.1", MAX_CONNECTIONS_PER_SOURCE);
        door.now += Duration::from_secs(1);
        // The first one has gone on meanwhile.
        taken[0].turns().header_came(true, door.now);
        door.now += GRACE;
        assert!(door.take("192.0.2.1").is_some());
        let lost: Vec<_> = taken.iter_mut().map(is_lost).collect();
        assert_eq!(lost.iter().position(|lost| *lost), Some(1));
        assert_eq!(lost.iter().filter(|lost| **lost).count(), 1);
    }

    #[test]
    fn when_all_places_are_taken_the_busiest_source_makes_room() {
        let mut door = Door::new();
        // Whoever holds few is not the one to go, though he waited longest.
        let mut few = door.fill("198.51.100.1", 2);
        door.now += Duration::from_millis(100);
        let mut taken: Vec<_> = (0..15)
            .map(|n| door.fill(&format!("192.0.2.{n}"), MAX_CONNECTIONS_PER_SOURCE))
            .collect();
        taken.push(door.fill("192.0.2.15", MAX_CONNECTIONS_PER_SOURCE - 2));
        assert!(door.take("203.0.113.1").is_none(), "all are young");
        door.now += GRACE;
        let newcomer = door.take("203.0.113.1");
        assert!(newcomer.is_some());
        assert!(is_lost(&mut taken[0][0]));
        assert!(!few.iter_mut().any(is_lost));
        drop((newcomer, few, taken));
        assert!(door.is_empty());
    }

    #[test]
    fn no_source_gains_places_from_one_that_holds_no_more() {
        let mut door = Door::new();
        let mut taken = door.full();
        drop(taken[0].pop());
        drop(taken[1].pop());
        let _filled = door.fill("203.0.113.1", 2);
        for place in taken[2..].iter().flatten() {
            place.turns().body_came();
        }
        door.now += GRACE;
        // Those that only wait hold 63 each; so does the newcomer's source, but for its own.
        assert!(door.take("192.0.2.0").is_some());
        assert!(is_lost(&mut taken[0][0]));
        assert!(!taken[1].iter_mut().any(is_lost));
    }

    #[test]
    fn a_request_under_way_is_never_cut_for_a_newcomer() {
        let mut door = Door::new();
        let mut taken = door.full();
        for (n, place) in taken.iter().flatten().enumerate() {
            place.turns().header_came(n % 2 == 0, door.now);
            if n % 2 == 0 {
                place.turns().body_came();
            }
            if n % 3 == 0 {
                place.turns().answer_written();
            }
        }
        door.now += Duration::from_secs(3600);
        assert!(door.take("203.0.113.1").is_none());
        assert!(door.take("192.0.2.1").is_none());
        // An answer that has left gives the turn to the client; it has its time, and then none.
        taken[7][0].turns().answer_written();
        taken[7][0].turns().flushed(door.now);
        // A flush in between is none of an answer.
        taken[8][1].turns().body_came();
        taken[8][1].turns().flushed(door.now);
        assert!(door.take("203.0.113.1").is_none());
        door.now += GRACE;
        assert!(door.take("203.0.113.1").is_some());
        assert!(is_lost(&mut taken[7][0]));
        let lost = taken
            .iter_mut()
            .flatten()
            .filter_map(|place| is_lost(place).then_some(()));
        assert_eq!(lost.count(), 1);
    }

    #[test]
    fn what_is_said_of_a_connection_that_has_ended_is_not_heard() {
        let door = Door::new();
        let turns = door.take("192.0.2.1").unwrap().turns();
        assert!(door.is_empty());
        turns.body_came();
        turns.flushed(door.now);
        assert!(door.is_empty());
    }

    #[test]
    fn fewer_files_are_fewer_places() {
        let door = Door {
            places: Arc::new(Places::new(1)),
            now: Instant::now(),
        };
        let _held = door.take("192.0.2.1").unwrap();
        assert!(door.take("192.0.2.2").is_none());
    }
}
