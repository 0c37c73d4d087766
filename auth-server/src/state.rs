//! What every request can reach.

use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use root_ca::{Authority, Profile};

use crate::administration::Local;
use crate::audit::Actor;
use crate::denials::Denials;
use crate::events::Hub;
use crate::password::PasswordChecker;
use crate::publish::CrlPublisher;
use crate::store::Store;
use crate::store_watch::StoreWatch;
use crate::throttle::{Checks, Source};

/// The server's parts.
pub struct App {
    /// The root certificate and its key.
    pub authority: Authority,
    /// How certificates are issued.
    pub profile: Profile,
    /// How long after its end a certificate may still be renewed.
    pub renewal_grace: Duration,
    /// People, ledger, counters.
    pub store: Arc<dyn Store>,
    /// Whether they can be changed.
    pub store_watch: StoreWatch,
    /// Bounded room for hashing.
    pub passwords: PasswordChecker,
    /// Passwords that are being checked.
    pub checks: Checks,
    /// The current CRL.
    pub crl: CrlPublisher,
    /// The root certificate, PEM.
    pub root_pem: String,
    /// Who listens, and who is online.
    pub events: Arc<Hub>,
    /// Who was lately refused what administrators do.
    pub denials: Denials,
}

impl App {
    /// What can be done on behalf of somebody; new passwords stand in the queue of the logins.
    pub fn administration(&self, by: Actor) -> Local {
        let organisation = self.authority.root().display_name();
        let queue = self.passwords.queue().clone();
        let denials = self.denials.clone();
        Local::new(self.store.clone(), organisation, by, queue, denials)
    }
}

/// The parts, shared.
pub type Shared = Arc<App>;

/// The other end of a request's connection.
#[derive(Debug, Clone, Copy)]
pub struct Remote(pub SocketAddr);

impl Remote {
    /// For throttling and limits.
    pub fn source(self) -> Source {
        Source::of(self.0.ip())
    }

    /// Whether it is on this machine.
    pub fn is_local(self) -> bool {
        self.0.ip().to_canonical().is_loopback()
    }
}

/// A request's name in the log and in the `x-request-id` header.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

tokio::task_local! {
    /// The request that the current task works on; each log line of it has the name.
    pub static REQUEST: RequestId;
    /// Whether that request is known to be a member's.
    pub static BY_MEMBER: Cell<bool>;
}
