use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use common::identity::OrgRoot;

use super::backoff::Backoff;
use super::event::Event;
use super::parser::Parser;
use crate::auth_client::{AuthClient, Heard};
use crate::failure::Failure;
use crate::identity_store::IdentityStore;
use crate::servers::Servers;

/// A stream that stood for so long went well: a server that ends each one at once is not asked twice
/// a second.
const STEADY: Duration = Duration::from_secs(10);

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
    /// It ended, or there was none.
    Lost,
    /// Another server is to be asked first now.
    Moved,
}

/// Follows the server of `device` that answers, beginning after `delay`, and tells what is heard.
///
/// # Errors
/// When the system has no more threads.
pub fn follow(
    device: Device,
    delay: Duration,
    mut on: impl FnMut(Notice) + Send + 'static,
) -> io::Result<Subscription> {
    let end = Arc::new(End::default());
    let follower = Follower {
        device,
        end: end.clone(),
        server: None,
        last: None,
        backoff: Backoff::default(),
    };
    thread::Builder::new()
        .name("events".into())
        .spawn(move || follower.run(delay, &mut on))?;
    Ok(Subscription { end })
}

struct Follower {
    device: Device,
    end: Arc<End>,
    /// Whose stream was there last.
    server: Option<String>,
    last: Option<Heard>,
    backoff: Backoff,
}

impl Follower {
    fn run(mut self, delay: Duration, on: &mut dyn FnMut(Notice)) {
        let mut pause = delay;
        while self.end.pause(pause) {
            let begun = Instant::now();
            let before = self.server.clone();
            // Why there is no stream does not matter here: the device goes on by the list it holds,
            // and what that means is told where it matters.
            let over = self.listen(on).unwrap_or(Over::Lost);
            if self.end.is_wanted() {
                return;
            }
            // What one server did is not held against another one.
            if begun.elapsed() >= STEADY || self.server != before {
                self.backoff.reset();
            }
            pause = match over {
                Over::Moved => Duration::ZERO,
                Over::Lost => {
                    on(Notice::Lost);
                    self.backoff.pause(random())
                }
            };
        }
    }

    /// One stream from its beginning to its end.
    fn listen(&mut self, on: &mut dyn FnMut(Notice)) -> io::Result<Over> {
        let mut stream = self
            .device
            .client()
            .and_then(|client| client.events(self.last.as_ref()))
            .map_err(io::Error::other)?;
        self.server = Some(stream.server.clone());
        let (mut parser, mut messages) = (Parser::default(), Vec::new());
        let mut bytes = [0; READ_BYTES];
        loop {
            let count = stream.bytes.read(&mut bytes)?;
            if count == 0 || self.end.is_wanted() {
                return Ok(Over::Lost);
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
        }
    }
}

/// Spreads pauses; nothing depends on it being secret.
fn random() -> u32 {
    let [a, b, c, d, ..] = RandomState::new().build_hasher().finish().to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}
