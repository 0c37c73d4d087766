//! Who listens, how many may, and how far each has read. Nobody has a queue of his own: a reader is a
//! place in the one ring, and who falls too far behind loses his seat.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use common::identity::Alias;
use common::limits::MAX_DEVICES_ONLINE;
use root_ca::Serial;
use tokio::sync::{Notify, watch};

use super::kind::Event;
use super::ring::{Kept, Ring};
use crate::presence::Who;

/// Streams of one device: what it runs at once, and those that it lost without the server's knowing yet.
pub const MAX_STREAMS_PER_DEVICE: usize = 4;
/// Streams of one person: one for each device that may be in the directory.
pub const MAX_STREAMS_PER_PERSON: usize = MAX_DEVICES_ONLINE;
/// Events that a reader may be behind for longer than a moment, beside what it missed before it came: who
/// takes so few of them does not read.
const MAX_BEHIND: u64 = 256;
/// That moment. The server itself may need one, to tell thousands of readers of many changes at once.
const MOMENT: Duration = Duration::from_secs(5);
/// Bytes that a reader takes at a time: one record of TLS.
const MAX_BATCH_BYTES: usize = 16 * 1024;

/// Streams that may have their last words left beside those that go on.
const MAX_ENDING: usize = 32;

/// The newest list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newest {
    /// Its number.
    pub(super) crl: u64,
    /// The number of the event that tells of it; 0 when that was before all events.
    pub(super) told_at: u64,
}

/// Why there is no seat for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoSeat {
    /// The device, or its person, has as many as one may have.
    TooMany,
    /// All are taken.
    Full,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) who: Who,
    /// The last event that it took, or passed by.
    position: u64,
    /// Where it was found too far behind, and when it was first.
    stuck: Option<(u64, Instant)>,
    /// The newest list that it was told of.
    crl: u64,
    /// What it may take its time with: what it missed before it came.
    owed_until: u64,
    /// Once it has ended: the last event that it still gets.
    until: Option<u64>,
    /// Dropped when it ends: then the connection has not long to go.
    connection: Option<watch::Sender<()>>,
    wake: Arc<Notify>,
}

/// What a reader gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// One event or more.
    Text(Bytes),
    /// Nothing new.
    Nothing,
    /// Nothing any more.
    End,
}

impl Seat {
    fn is_live(&self) -> bool {
        self.until.is_none()
    }

    /// Whether it has taken nothing of what waits for it since it was looked at a moment ago, or takes so
    /// little that something is lost already.
    fn is_unread(&mut self, ring: &Ring, now: Instant) -> bool {
        let read = self.position.max(self.owed_until);
        if ring.last().saturating_sub(read) <= MAX_BEHIND {
            self.stuck = None;
        } else if self
            .stuck
            .is_none_or(|(position, _)| position != self.position)
        {
            self.stuck = Some((self.position, now));
        }
        let is_stuck = |(_, since)| now.saturating_duration_since(since) >= MOMENT;
        self.stuck.is_some_and(is_stuck) || !ring.knows(self.position)
    }

    /// What is next; a list that waits behind more than that comes before it, since everybody's safety
    /// waits for it.
    fn take(&mut self, ring: &Ring, newest: Newest) -> Taken {
        let taken = self.take_in_turn(ring);
        let is_told = newest.crl <= self.crl;
        let is_behind_the_end = self.until.is_some_and(|until| until < newest.told_at);
        if is_told || is_behind_the_end || !matches!(taken, Taken::Text(_)) {
            return taken;
        }
        self.crl = newest.crl;
        match taken {
            Taken::Text(text) if newest.told_at > self.position => {
                let urgent = Event::Crl { number: newest.crl }.urgent_text();
                Taken::Text([urgent.as_bytes(), &text].concat().into())
            }
            in_turn => in_turn,
        }
    }

    fn take_in_turn(&mut self, ring: &Ring) -> Taken {
        if !ring.knows(self.position) {
            // Something is missing: better none than a gap. The next look ends it.
            return if self.is_live() {
                Taken::Nothing
            } else {
                Taken::End
            };
        }
        let until = self.until.unwrap_or(ring.last());
        let mut batch: Vec<&Kept> = Vec::new();
        let mut bytes = 0;
        for kept in ring
            .after(self.position)
            .take_while(|kept| kept.id <= until)
        {
            let is_for = |alias: &Alias| *alias == self.who.alias;
            if kept.only_for.as_ref().is_none_or(is_for) {
                bytes += kept.text.len();
                if bytes > MAX_BATCH_BYTES && !batch.is_empty() {
                    break;
                }
                batch.push(kept);
            }
            self.position = kept.id;
        }
        match batch.as_slice() {
            [] if self.is_live() => Taken::Nothing,
            [] => Taken::End,
            [one] => Taken::Text(one.text.clone()),
            more => Taken::Text(
                more.iter()
                    .flat_map(|kept| kept.text.iter().copied())
                    .collect(),
            ),
        }
    }
}

/// All streams.
#[derive(Debug)]
pub(super) struct Seats {
    seats: BTreeMap<u64, Seat>,
    next: u64,
    /// How many there may be.
    places: usize,
}

impl Seats {
    pub(super) fn new(places: usize) -> Self {
        Self {
            seats: BTreeMap::new(),
            next: 0,
            places,
        }
    }

    /// A seat for somebody who has read up to `position`: its number, what wakes its reader, and what
    /// tells its connection of the end.
    pub(super) fn add(
        &mut self,
        who: Who,
        position: u64,
        last: u64,
        crl: u64,
    ) -> Result<(u64, Arc<Notify>, watch::Receiver<()>), NoSeat> {
        let live = || self.seats.values().filter(|seat| seat.is_live());
        if live().count() >= self.places || self.seats.len() >= self.places + MAX_ENDING {
            return Err(NoSeat::Full);
        }
        let of_device = live().filter(|seat| seat.who.device == who.device).count();
        let of_person = live().filter(|seat| seat.who.alias == who.alias).count();
        if of_device >= MAX_STREAMS_PER_DEVICE || of_person >= MAX_STREAMS_PER_PERSON {
            return Err(NoSeat::TooMany);
        }
        let (connection, ended) = watch::channel(());
        let wake = Arc::new(Notify::new());
        let id = self.next;
        self.next += 1;
        let seat = Seat {
            who,
            position,
            stuck: None,
            crl,
            owed_until: last,
            until: None,
            connection: Some(connection),
            wake: wake.clone(),
        };
        self.seats.insert(id, seat);
        Ok((id, wake, ended))
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.seats.remove(&id);
    }

    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whose stream ends when all seats are taken and this person wants one: the newest of the one who has
    /// most, if this one has fewer even then.
    pub(super) fn replaceable(&self, alias: &Alias) -> Option<u64> {
        let mut theirs: HashMap<&Alias, (usize, u64)> = HashMap::new();
        for (id, seat) in self.seats.iter().filter(|(_, seat)| seat.is_live()) {
            let (count, newest) = theirs.entry(&seat.who.alias).or_default();
            *count += 1;
            *newest = *id;
        }
        let own = theirs.get(alias).map_or(0, |(count, _)| *count);
        let (most, newest) = theirs.into_values().max()?;
        (own + 1 < most && self.seats.len() < self.places + MAX_ENDING).then_some(newest)
    }

    pub(super) fn take(&mut self, id: u64, ring: &Ring, newest: Newest) -> Taken {
        match self.seats.get_mut(&id) {
            Some(seat) => seat.take(ring, newest),
            None => Taken::End,
        }
    }

    /// Ends a stream after the event `until`: whose it was, unless it had ended before.
    pub(super) fn end(&mut self, id: u64, until: u64) -> Option<Serial> {
        let seat = self.seats.get_mut(&id).filter(|seat| seat.is_live())?;
        seat.until = Some(until);
        seat.connection = None;
        seat.wake.notify_one();
        Some(seat.who.device)
    }

    /// Whether a device listens.
    pub(super) fn has(&self, device: &Serial) -> bool {
        let mut live = self.seats.values().filter(|seat| seat.is_live());
        live.any(|seat| seat.who.device == *device)
    }

    /// The streams of those for whom that holds.
    pub(super) fn of(&self, whose: impl Fn(&Who) -> bool) -> Vec<u64> {
        let live = self.seats.iter().filter(|(_, seat)| seat.is_live());
        live.filter(|(_, seat)| whose(&seat.who))
            .map(|(id, _)| *id)
            .collect()
    }

    /// The streams whose readers do not read.
    pub(super) fn unread(&mut self, ring: &Ring, now: Instant) -> Vec<u64> {
        let live = self.seats.iter_mut().filter(|(_, seat)| seat.is_live());
        live.filter_map(|(id, seat)| seat.is_unread(ring, now).then_some(*id))
            .collect()
    }

    /// There is something new for all.
    pub(super) fn wake(&self) {
        self.seats.values().for_each(|seat| seat.wake.notify_one());
    }
}
