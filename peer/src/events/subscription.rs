use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use common::identity::OrgRoot;

use super::allowance::Allowance;
use super::backoff::{Backoff, FIRST};
use super::event::Event;
use super::jitter::random;
use super::parser::Parser;
use crate::auth_client::{AuthClient, Heard, Stream};
use crate::failure::{Exit, Failure};
use crate::identity_store::IdentityStore;
use crate::servers::Servers;

/// A stream that stood for so long went well: a server that ends each one at once is not asked twice
/// a second.
const STEADY: Duration = Duration::from_secs(3);

/// Where a file is under way nobody waits longer than that to come back to a server that was away: who is
/// revoked meanwhile is cut off within two seconds all the same.
const URGENT: Duration = Duration::from_secs(1);

/// Bytes taken from the stream at once.
const READ_BYTES: usize = 4096;

/// Who follows which servers.
#[derive(Debug, Clone)]
pub struct Device {
    /// The folder with key and certificate: each stream is opened with what lies there then.
    pub store: IdentityStore,
    /// Whom to believe.
    pub root: OrgRoot,
    /// The auth servers.
    pub servers: Servers,
}

impl Device {
    /// The servers, to which this device shows who it is now.
    ///
    /// # Errors
    /// When nobody is logged in.
    pub fn client(&self) -> Result<AuthClient, Failure> {
        let key = self.store.device_key(&self.root)?;
        Ok(AuthClient::with_device(&self.servers, &self.root, &key))
    }
}

/// What a follower hears.
#[derive(Debug)]
pub enum Notice {
    /// The server tells something.
    Event(Event),
    /// There is no stream now: what happens is not heard of until the next hello.
    Lost,
}

/// A thread that follows a server. Dropping it ends the thread, at the next thing that it hears.
#[derive(Debug)]
pub struct Subscription {
    end: Arc<End>,
}

#[derive(Debug, Default)]
struct End {
    wanted: Mutex<bool>,
    changed: Condvar,
}

impl End {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_wanted(&self) -> bool {
        *self.lock()
    }

    /// Waits for so long, or for the end: whether to go on.
    fn pause(&self, pause: Duration) -> bool {
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), pause, |wanted| !*wanted);
        !*waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        *self.end.lock() = true;
        self.end.changed.notify_all();
    }
}

/// Why a stream is not there any more.
enum Over {
    /// It ended, or there was none; `is_away` where there was no connection.
    Lost { is_away: bool },
    /// Another server is to be asked first now.
    Moved,
}

/// Follows the server of `device` that answers, beginning after `delay`, and tells what is heard. While a
/// file is under way it comes back fast.
///
/// # Errors
/// When the system has no more threads.
pub fn follow(
    device: Device,
    delay: Duration,
    is_urgent: impl Fn() -> bool + Send + 'static,
    mut on: impl FnMut(Notice) + Send + 'static,
) -> io::Result<Subscription> {
    let end = Arc::new(End::default());
    let follower = Follower {
        device,
        end: end.clone(),
        server: None,
        last: None,
        backoff: Backoff::default(),
        allowance: Allowance::default(),
    };
    thread::Builder::new()
        .name("events".into())
        .spawn(move || follower.run(delay, &is_urgent, &mut on))?;
    Ok(Subscription { end })
}

struct Follower {
    device: Device,
    end: Arc<End>,
    /// Whose stream was there last.
    server: Option<String>,
    last: Option<Heard>,
    backoff: Backoff,
    allowance: Allowance,
}

impl Follower {
    fn run(mut self, delay: Duration, is_urgent: &dyn Fn() -> bool, on: &mut dyn FnMut(Notice)) {
        let mut go_on = self.end.pause(delay);
        while go_on {
            let begun = Instant::now();
            let before = self.server.clone();
            // Why there is no stream does not matter here: the device goes on by the list it holds,
            // and what that means is told where it matters. A server that says no is not pressed.
            let over = match self.open() {
                Ok(stream) => self
                    .listen(stream, on)
                    .unwrap_or(Over::Lost { is_away: false }),
                Err(failure) => Over::Lost {
                    is_away: failure.exit == Exit::Unreachable,
                },
            };
            if self.end.is_wanted() {
                return;
            }
            // What one server did is not held against another one.
            if begun.elapsed() >= STEADY || self.server != before {
                self.backoff.reset();
            }
            go_on = match over {
                Over::Moved => true,
                Over::Lost { is_away } => {
                    let pause = self.backoff.pause(random());
                    // All who lost the same server do not look for its list at the same moment.
                    let before = pause.min(FIRST);
                    if !self.end.pause(before) {
                        return;
                    }
                    on(Notice::Lost);
                    self.wait(pause - before, &|| is_away && is_urgent())
                }
            };
        }
    }

    /// Waits for so long, or until it is urgent, or for the end: whether to go on.
    fn wait(&self, pause: Duration, is_urgent: &dyn Fn() -> bool) -> bool {
        let mut left = pause;
        loop {
            let slice = left.min(URGENT);
            left -= slice;
            if !self.end.pause(slice) {
                return false;
            }
            if left.is_zero() || is_urgent() {
                return true;
            }
        }
    }

    fn open(&mut self) -> Result<Stream, Failure> {
        let stream = self.device.client()?.events(self.last.as_ref())?;
        self.server = Some(stream.server.clone());
        Ok(stream)
    }

    /// One stream to its end.
    fn listen(&mut self, mut stream: Stream, on: &mut dyn FnMut(Notice)) -> io::Result<Over> {
        let (mut parser, mut messages) = (Parser::default(), Vec::new());
        let mut bytes = [0; READ_BYTES];
        loop {
            let count = stream.bytes.read(&mut bytes)?;
            if count == 0 || self.end.is_wanted() {
                return Ok(Over::Lost { is_away: false });
            }
            let parsed = parser.push(&bytes[..count], &mut messages);
            for message in messages.drain(..) {
                if let Some(event) = Event::read(&message.kind, &message.data)? {
                    on(Notice::Event(event));
                }
                if let Some(id) = message.id {
                    let server = stream.server.clone();
                    self.last = Some(Heard { server, id });
                }
            }
            parsed.map_err(io::Error::other)?;
            // A silent server is heard of every quarter of a minute.
            if !self.device.servers.is_preferred(&stream.server) {
                return Ok(Over::Moved);
            }
            let pause = self.allowance.spend(count, Instant::now());
            if !pause.is_zero() {
                self.end.pause(pause);
            }
        }
    }
}
