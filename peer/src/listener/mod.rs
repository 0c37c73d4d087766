//! The listening side: accepts connections, verifies who is there, answers requests.

mod admission;
mod bind;
mod doubt;
mod live;
mod reach;
mod serve;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use common::crypto::Suite;
use common::handshake::{Credentials, ListenerConfig, Trust};
use common::wire::ErrorCode;

pub use bind::bind;
pub use doubt::Doubt;
pub use reach::reachable;

use self::admission::Admission;
use self::live::Live;
use crate::share::Shares;
use crate::transfer::Sent;

/// Stack of a connection's thread: the handshake of a debug build needs under 200 KiB.
const STACK_BYTES: usize = 512 * 1024;

/// Pause after the system refused a connection, for example because no file handle is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a listener tells about its connections.
#[derive(Debug)]
pub enum ListenerEvent<'a> {
    /// A member is connected and verified.
    Connected {
        /// Who.
        alias: &'a str,
    },
    /// Somebody was not let in.
    Rejected {
        /// Why.
        reason: &'a str,
    },
    /// A file is asked for.
    Requested {
        /// Who asks.
        alias: &'a str,
        /// The name as asked for; escape it.
        path: &'a str,
    },
    /// A request was answered with an error.
    Refused {
        /// Who asked.
        alias: &'a str,
        /// The name as asked for; escape it.
        path: &'a str,
        /// What the requester was told.
        code: ErrorCode,
    },
    /// A file was sent, or given up under way.
    Sent {
        /// To whom.
        alias: &'a str,
        /// The name as asked for; escape it.
        path: &'a str,
        /// What became of it.
        sent: Sent,
    },
    /// The receiver told what became of the oldest file sent.
    Acknowledged {
        /// Who.
        alias: &'a str,
        /// Whether it is verified and durable there.
        kept: bool,
    },
    /// A verified connection ended.
    Disconnected {
        /// Who it was.
        alias: &'a str,
        /// What was wrong, if anything was.
        problem: Option<&'a str>,
    },
}

/// Takes what connections tell; called from their threads.
pub type ListenerLog = dyn Fn(SocketAddr, ListenerEvent<'_>) + Send + Sync;

/// What a listener decides by. Trust and credentials may be exchanged while it runs.
pub struct Listener {
    identity: RwLock<ListenerConfig>,
    shares: Shares,
    admission: Arc<Admission>,
    live: Arc<Live>,
    doubt: Doubt,
    log: Box<ListenerLog>,
}

impl Listener {
    /// A listener that offers `shares`.
    pub fn new(
        trust: Arc<Trust>,
        credentials: Arc<Credentials>,
        shares: Shares,
        log: Box<ListenerLog>,
    ) -> Self {
        Self {
            identity: RwLock::new(ListenerConfig {
                trust,
                credentials,
                suites: Suite::ALL.to_vec(),
            }),
            shares,
            admission: Arc::default(),
            live: Arc::default(),
            doubt: Doubt::default(),
            log,
        }
    }

    /// What new handshakes and requests go by.
    pub fn identity(&self) -> ListenerConfig {
        self.identity
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Goes by a newer revocation list from now on, and cuts the connections that it ends. A list that
    /// is not newer changes nothing: two threads may have asked for it.
    pub fn set_trust(&self, trust: Arc<Trust>) {
        let mut identity = self
            .identity
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if trust.crl().number() <= identity.trust.crl().number() {
            return;
        }
        identity.trust = trust.clone();
        let own = identity.credentials.clone();
        drop(identity);
        self.live.enforce(trust.crl(), own.certificate());
    }

    /// Presents a newer certificate from now on.
    pub fn set_credentials(&self, credentials: Arc<Credentials>) {
        self.identity
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .credentials = credentials;
    }

    /// Whether a file is under way to anybody.
    pub fn is_sending(&self) -> bool {
        self.live.is_answering()
    }

    /// Reasons to look at once for what changed about this device.
    pub fn doubt(&self) -> &Doubt {
        &self.doubt
    }

    /// Accepts connections on `socket` until the process ends.
    pub fn run(self: &Arc<Self>, socket: &TcpListener) {
        loop {
            match socket.accept() {
                Ok((stream, address)) => self.admit(stream, address),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => thread::sleep(ACCEPT_PAUSE),
            }
        }
    }

    fn admit(self: &Arc<Self>, stream: TcpStream, address: SocketAddr) {
        let Some(permit) = self.admission.enter(address.ip(), &stream, Instant::now()) else {
            serve::turn_away(stream);
            return;
        };
        let listener = self.clone();
        let spawned = thread::Builder::new()
            .name("connection".into())
            .stack_size(STACK_BYTES)
            .spawn(move || serve::serve(&listener, stream, address, permit));
        if spawned.is_err() {
            thread::sleep(ACCEPT_PAUSE);
        }
    }

    fn tell(&self, address: SocketAddr, event: ListenerEvent<'_>) {
        (self.log)(address, event);
    }
}
