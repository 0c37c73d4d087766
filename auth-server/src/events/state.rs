//! What happens, in the order in which it is told: pure, with the time as a value.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use common::identity::Alias;
use root_ca::Serial;
use time::OffsetDateTime;
use tokio::sync::{Notify, watch};

use super::kind::Event;
use super::ring::Ring;
use super::seats::{Newest, NoSeat, Seats, Taken};
use crate::metrics::metrics;
use crate::presence::{Change, Directory, NoEntry, Offer, Who};

/// Why somebody may not listen, or be announced, now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The device or its person has as many streams, or entries, as one may have.
    TooMany,
    /// The device or its person announces itself too often; wait.
    TooOften(std::time::Duration),
    /// There is no room for anybody.
    Full,
}

impl From<NoSeat> for Refused {
    fn from(refused: NoSeat) -> Self {
        match refused {
            NoSeat::TooMany => Self::TooMany,
            NoSeat::Full => Self::Full,
        }
    }
}

impl From<NoEntry> for Refused {
    fn from(refused: NoEntry) -> Self {
        match refused {
            NoEntry::TooMany => Self::TooMany,
            NoEntry::TooOften(wait) => Self::TooOften(wait),
            NoEntry::Full => Self::Full,
        }
    }
}

/// A seat that was taken.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) seat: u64,
    pub(super) greeting: Bytes,
    pub(super) wake: Arc<Notify>,
    pub(super) ended: watch::Receiver<()>,
}

/// Everything behind the lock.
#[derive(Debug)]
pub(super) struct State {
    ring: Ring,
    seats: Seats,
    directory: Directory,
    /// The list that is served.
    newest: Newest,
    /// The last event for which readers were woken.
    settled: u64,
    is_closed: bool,
}

impl State {
    pub(super) fn new(first: u64, crl: u64, places: usize) -> Self {
        let ring = Ring::new(first);
        Self {
            settled: ring.last(),
            ring,
            seats: Seats::new(places),
            directory: Directory::new(places),
            newest: Newest { crl, told_at: 0 },
            is_closed: false,
        }
    }

    /// A seat for somebody who says that he has read up to `last_seen`. Numbers never go down within
    /// a stream, whatever is told first: wherever it is cut, the last one says where to go on.
    pub(super) fn subscribe(
        &mut self,
        who: Who,
        last_seen: Option<u64>,
    ) -> Result<Admitted, Refused> {
        if self.is_closed {
            return Err(Refused::Full);
        }
        let last = self.ring.last();
        let known = last_seen.filter(|id| self.ring.knows(*id));
        let hello = Event::Hello {
            crl: self.newest.crl,
        };
        let greeting = match known {
            Some(id) => hello.text(id),
            None => hello.text(0) + &Event::Reset.text(last),
        };
        let device = who.device;
        let (seat, wake, ended) = self.seat(who, known.unwrap_or(last), last)?;
        self.directory.attach(&device);
        Ok(Admitted {
            seat,
            greeting: greeting.into(),
            wake,
            ended,
        })
    }

    /// A seat, made free if need be.
    fn seat(
        &mut self,
        who: Who,
        position: u64,
        last: u64,
    ) -> Result<(u64, Arc<Notify>, watch::Receiver<()>), NoSeat> {
        let crl = self.newest.crl;
        let added = self.seats.add(who.clone(), position, last, crl);
        let Err(NoSeat::Full) = added else {
            return added;
        };
        let replaced = self.seats.replaceable(&who.alias).ok_or(NoSeat::Full)?;
        metrics().event_streams_dropped.inc();
        self.end(replaced, 0);
        self.settle();
        self.seats.add(who, position, last, crl)
    }

    /// What is new for a seat.
    pub(super) fn take(&mut self, seat: u64) -> Taken {
        self.seats.take(seat, &self.ring, self.newest)
    }

    /// Nobody reads at that seat any more.
    pub(super) fn leave(&mut self, seat: u64) {
        self.end(seat, self.ring.last());
        self.seats.remove(seat);
        self.settle();
    }

    pub(super) fn tell(&mut self, event: &Event) {
        self.push(event);
        self.settle();
    }

    /// Another list is served, unless this one is known.
    pub(super) fn crl(&mut self, number: u64) {
        if number > self.newest.crl {
            self.newest = Newest {
                crl: number,
                told_at: self.ring.last() + 1,
            };
            self.tell(&Event::Crl { number });
        }
    }

    /// A device says where it is and what it offers.
    pub(super) fn announce(
        &mut self,
        who: &Who,
        offer: Offer,
        now: Instant,
        at: OffsetDateTime,
    ) -> Result<(), Refused> {
        let listens = self.seats.has(&who.device);
        let change = self.directory.put(who, offer, listens, now, at)?;
        let event = match change {
            Change::None => return Ok(()),
            Change::Online(entry) => Event::Online { entry },
            Change::Offline(gone) => Event::Offline(gone),
        };
        self.tell(&event);
        Ok(())
    }

    /// A device takes back what it said.
    pub(super) fn withdraw(&mut self, device: &Serial) {
        self.forget(device);
        self.settle();
    }

    /// Who is online, or one person's devices that are, in JSON.
    ///
    /// # Errors
    /// When too many are on their way.
    pub(super) fn listing(&mut self, of: Option<&Alias>) -> Result<Bytes, Refused> {
        match of {
            Some(alias) => Ok(self.directory.listing_of(alias)),
            None => Ok(self.directory.listing()?),
        }
    }

    /// Those certificates are good for nothing any more.
    pub(super) fn end_revoked(&mut self, revoked: &HashSet<Serial>) {
        let is_revoked = |who: &Who| revoked.contains(&who.serial);
        self.end_all(is_revoked);
        for device in self.directory.shown_by(|serial| revoked.contains(serial)) {
            self.forget(&device);
        }
        self.settle();
    }

    /// Ends what has come to its end by that time, and the streams that nobody reads.
    pub(super) fn tick(&mut self, now: Instant, at: OffsetDateTime) {
        self.end_all(|who| who.not_after <= at);
        for device in self.directory.overdue(now) {
            self.forget(&device);
        }
        for seat in self.seats.unread(&self.ring, now) {
            metrics().event_streams_dropped.inc();
            self.end(seat, 0);
        }
        self.settle();
    }

    /// Ends all streams, and lets nobody in any more.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        self.end_all(|_| true);
    }

    pub(super) fn streams(&self) -> usize {
        self.seats.len()
    }

    pub(super) fn entries(&self) -> usize {
        self.directory.len()
    }

    fn push(&mut self, event: &Event) {
        self.ring.push(event);
        metrics().event(event.kind());
    }

    fn end_all(&mut self, whose: impl Fn(&Who) -> bool) {
        for seat in self.seats.of(whose) {
            self.end(seat, self.ring.last());
        }
    }

    /// Ends a stream, and with the last one of a device what was known of it.
    fn end(&mut self, seat: u64, until: u64) {
        let Some(device) = self.seats.end(seat, until) else {
            return;
        };
        if !self.seats.has(&device) {
            self.forget(&device);
        }
    }

    fn forget(&mut self, device: &Serial) {
        if let Some(gone) = self.directory.remove(device) {
            self.push(&Event::Offline(gone));
        }
    }

    /// After each change: all are woken, if there is something new.
    fn settle(&mut self) {
        if self.settled != self.ring.last() {
            self.settled = self.ring.last();
            self.seats.wake();
        }
    }
}

#[cfg(test)]
mod tests;
