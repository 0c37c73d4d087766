//! How many connections are let in. When all places are taken, whoever has kept the server waiting
//! longest makes room, so that nobody who merely holds connections open keeps others out.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::events::StreamEnd;
use crate::metrics::metrics;
use crate::throttle::Source;

/// Connections at once: with their buffers about 100 MiB.
pub(super) const MAX_CONNECTIONS: usize = 1024;
/// Connections at once from one source. An office behind one address still logs in.
pub(super) const MAX_CONNECTIONS_PER_SOURCE: usize = 64;
/// A client that keeps the server waiting for less than that is cut for another one only where no
/// other is left: an honest one has gone on by then.
const GRACE: Duration = Duration::from_millis(500);
/// A client that keeps the server waiting for less than that is never cut: the end of an answer may
/// still be on its way to it.
const MOMENT: Duration = Duration::from_millis(50);
/// A client that has sent nothing at all for that long is cut first, too: the first bytes of a handshake
/// come with half of what a packet takes there and back.
const SILENT: Duration = GRACE;
/// A client that keeps the server waiting for that long is cut first, however few its source holds.
const STALE: Duration = Duration::from_secs(5);
/// A client that takes less of its answer than it may is left alone for that long: what was lost on a
/// bad line has been sent again by then, more than once.
const UNTAKEN: Duration = Duration::from_secs(2);
/// A client that has taken nothing at all since its answer filled what the system holds for it is left
/// alone for that long: an honest one reads what it asked for, and each answer that is held and not read
/// costs whoever holds it next to nothing.
const UNREAD: Duration = Duration::from_millis(250);

/// Whose turn it is on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The client's, since then: to finish its handshake, a header, or a body.
    Client(Instant),
    /// The server's: it works on a request or makes an answer.
    Server,
    /// The answer is made, but not all of it has left yet.
    Flushing,
}

/// There is more for a client than it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Untaken {
    /// Since then; what it took later has moved this on.
    pub(super) since: Instant,
    /// Whether it has ever taken anything that it was behind with.
    pub(super) is_read: bool,
}

impl Untaken {
    /// Since when, if it is for long enough to be cut.
    fn due(self, now: Instant) -> Option<Instant> {
        let least = if self.is_read { UNTAKEN } else { UNREAD };
        (now.duration_since(self.since) >= least).then_some(self.since)
    }
}

#[derive(Debug)]
struct Connection {
    source: Source,
    turn: Turn,
    /// Whether it has sent anything at all.
    heard: bool,
    /// Whether there is more for the client than it takes.
    untaken: Option<Untaken>,
    /// Dropped to end the connection; used when it becomes a stream, which has a place of its own.
    held: oneshot::Sender<StreamEnd>,
}

impl Connection {
    /// Since when the client has kept the server waiting, if it has for long enough to be cut.
    fn waited_for_since(&self, now: Instant) -> Option<Instant> {
        let asked = match self.turn {
            Turn::Client(since) => Some(since),
            Turn::Server | Turn::Flushing => None,
        };
        let asked = asked.filter(|since| now.duration_since(*since) >= MOMENT);
        let untaken = self.untaken.and_then(|untaken| untaken.due(now));
        asked.into_iter().chain(untaken).min()
    }
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

    fn remove(&mut self, id: u64) -> Option<Connection> {
        let connection = self.connections.remove(&id)?;
        metrics().connections.dec();
        if let Some(own) = self.by_source.get_mut(&connection.source) {
            *own -= 1;
            if *own == 0 {
                self.by_source.remove(&connection.source);
            }
        }
        Some(connection)
    }

    /// Whom a newcomer from `source` may replace, of those whose client keeps the server waiting: one
    /// who has not gone on for long, or never begun; else one of its own source, or of those that hold
    /// more. The busiest source's goes first, and of that one who has sent nothing yet, then one who let
    /// the server wait longest; where none has let it wait, the oldest, so that who asks without pause
    /// keeps nobody out.
    fn replaceable(&self, source: Source, own_alone: bool, now: Instant) -> Option<u64> {
        let own = self.count_of(source);
        let order = |(id, connection): (&u64, &Connection)| {
            let since = connection.waited_for_since(now)?;
            let waited = now.duration_since(since);
            let theirs = self.count_of(connection.source);
            let is_own = connection.source == source;
            let is_stale = waited >= STALE || (!connection.heard && waited >= SILENT);
            let is_in_reach = is_own || (!own_alone && (theirs > own || is_stale));
            let young = (waited < GRACE).then_some(*id);
            let since = young.is_none().then_some(since);
            let heard = connection.heard;
            is_in_reach.then_some((!is_stale, Reverse(theirs), heard, young, since, *id))
        };
        self.connections
            .iter()
            .filter_map(order)
            .min()
            .map(|(.., id)| id)
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
            heard: false,
            untaken: None,
            held,
        };
        state.connections.insert(id, connection);
        metrics().connections.inc();
        drop(state);
        let turns = Turns {
            places: self.clone(),
            id,
            is_stream: Arc::default(),
        };
        Some(Place { turns, lost })
    }
}

/// The right to one connection; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    turns: Turns,
    lost: oneshot::Receiver<StreamEnd>,
}

impl Place {
    /// Where to say whose turn it is.
    pub(super) fn turns(&self) -> Turns {
        self.turns.clone()
    }

    /// Waits until another connection has the place, or this one has become a stream that ends so.
    pub(super) async fn lost(&mut self) -> Option<StreamEnd> {
        (&mut self.lost).await.ok()
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
    is_stream: Arc<AtomicBool>,
}

impl Turns {
    fn tell(&self, change: impl FnOnce(&mut Connection)) {
        let mut state = self.places.state();
        if let Some(connection) = state.connections.get_mut(&self.id) {
            change(connection);
        }
    }

    /// The client has sent its first bytes: a handshake goes on from here.
    pub(super) fn heard(&self, now: Instant) {
        self.tell(|connection| {
            connection.heard = true;
            connection.turn = Turn::Client(now);
        });
    }

    /// The answer is a stream of events: the place is free for others.
    pub(super) fn becomes_stream(&self, stream: StreamEnd) {
        let connection = self.places.state().remove(self.id);
        if let Some(connection) = connection {
            self.is_stream.store(true, Ordering::Relaxed);
            let _ = connection.held.send(stream);
        }
    }

    /// Whether it has.
    pub(super) fn is_stream(&self) -> bool {
        self.is_stream.load(Ordering::Relaxed)
    }

    /// The client has sent a header, and a body is to follow, or not.
    pub(super) fn header_came(&self, body_follows: bool, now: Instant) {
        self.tell(|connection| {
            connection.turn = match body_follows {
                true => Turn::Client(now),
                false => Turn::Server,
            };
        });
    }

    /// All of the request is here, or nobody wants the rest.
    pub(super) fn body_came(&self) {
        self.tell(|connection| connection.turn = Turn::Server);
    }

    /// Nothing more is added to the answer.
    pub(super) fn answer_written(&self) {
        self.tell(|connection| connection.turn = Turn::Flushing);
    }

    /// There is more for the client than it takes, or is not.
    pub(super) fn untaken(&self, untaken: Option<Untaken>) {
        self.tell(|connection| connection.untaken = untaken);
    }

    /// All that was written has left.
    pub(super) fn flushed(&self, now: Instant) {
        self.tell(|connection| {
            if connection.turn == Turn::Flushing {
                connection.turn = Turn::Client(now);
            }
        });
    }
}
