use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use common::identity::Alias;
use root_ca::Serial;
use time::OffsetDateTime;
use tokio::sync::{Notify, watch};

use super::kind::{Event, HEARTBEAT};
use super::seats::Taken;
use super::state::{Refused, State};
use crate::metrics::metrics;
use crate::presence::{Offer, Who};

/// Between two signs of life on a quiet stream.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(15);

/// Where events come in and go out.
#[derive(Debug)]
pub struct Hub {
    state: Mutex<State>,
}

impl Hub {
    /// The first event will have the number `first`; the list `crl` is served; so many may listen.
    pub fn new(first: u64, crl: u64, places: usize) -> Self {
        Self {
            state: Mutex::new(State::new(first, crl, places)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something, and measures what came of it.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let outcome = change(&mut state);
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        metrics().event_streams.set(gauge(state.streams()));
        metrics().presence_entries.set(gauge(state.entries()));
        outcome
    }

    /// Lets a device listen that says that it knows all up to `last_seen`.
    ///
    /// # Errors
    /// When there is no room for it.
    pub fn subscribe(
        self: &Arc<Self>,
        who: Who,
        last_seen: Option<u64>,
    ) -> Result<Reader, Refused> {
        let admitted = self.change(|state| state.subscribe(who, last_seen))?;
        Ok(Reader {
            hub: self.clone(),
            seat: admitted.seat,
            greeting: Some(admitted.greeting),
            wake: admitted.wake,
            ended: admitted.ended,
        })
    }

    /// Tells that another list is served, unless that was told.
    pub fn crl(&self, number: u64) {
        self.change(|state| state.crl(number));
    }

    /// Tells something else.
    pub(super) fn tell(&self, event: &Event) {
        self.change(|state| state.tell(event));
    }

    /// Puts a device into the directory.
    ///
    /// # Errors
    /// When there is no room for it, or it does so too often.
    pub fn announce(
        &self,
        who: &Who,
        offer: Offer,
        now: Instant,
        at: OffsetDateTime,
    ) -> Result<(), Refused> {
        self.change(|state| state.announce(who, offer, now, at))
    }

    /// Takes a device out of the directory.
    pub fn withdraw(&self, device: &Serial) {
        self.change(|state| state.withdraw(device));
    }

    /// Who is online, or one person's devices that are, in JSON.
    ///
    /// # Errors
    /// When too many are on their way.
    pub fn listing(&self, of: Option<&Alias>) -> Result<Bytes, Refused> {
        self.state().listing(of)
    }

    /// Ends the streams and entries of those certificates.
    pub fn end_revoked(&self, revoked: &HashSet<Serial>) {
        self.change(|state| state.end_revoked(revoked));
    }

    /// Ends what has come to its end by that time.
    pub fn tick(&self, now: Instant, at: OffsetDateTime) {
        self.change(|state| state.tick(now, at));
    }

    /// Ends all streams; nobody is let in any more.
    pub fn close(&self) {
        self.change(State::close);
    }
}

/// One who listens; gives the seat back when dropped.
#[derive(Debug)]
pub struct Reader {
    hub: Arc<Hub>,
    seat: u64,
    greeting: Option<Bytes>,
    wake: Arc<Notify>,
    ended: watch::Receiver<()>,
}

impl Reader {
    /// Closed when the stream has ended, whether it was read to its end or not.
    pub(super) fn ended(&self) -> watch::Receiver<()> {
        self.ended.clone()
    }

    /// What is to be sent next; nothing when the stream has ended.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        if let Some(greeting) = self.greeting.take() {
            return Some(greeting);
        }
        loop {
            let taken = self.hub.state().take(self.seat);
            match taken {
                Taken::Text(text) => return Some(text),
                Taken::End => return None,
                Taken::Nothing => {}
            }
            if tokio::time::timeout(HEARTBEAT_EVERY, self.wake.notified())
                .await
                .is_err()
            {
                return Some(HEARTBEAT);
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hub.change(|state| state.leave(self.seat));
    }
}
