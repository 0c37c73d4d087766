//! Whether both sides may still exchange files, heard from the auth server while they do.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use common::crl::{RevocationList, Revoked};
use common::handshake::{Trust, VerifiedPeer};
use common::identity::{OrgRoot, PeerCertificate};

use crate::auth_client::AuthClient;
use crate::clock;
use crate::events::{self, CatchUp, Device, Notice, Subscription};
use crate::failure::{Exit, Failure, LOG_IN_OR_ASK};
use crate::identity_store::{self, IdentityStore};
use crate::revalidation::Revalidation;
use crate::transfer::Leave;

/// What is over sooner does not ask the server to be followed.
const BEFORE_FOLLOWING: Duration = Duration::from_secs(1);

/// Without events the list is looked for so often at most, as a listener does that has reason to.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// How long a broken connection may wait for its explanation.
const EXPLANATION: Duration = Duration::from_secs(5);

/// Both certificates of a session, and the way to end it.
pub(super) struct Watched {
    own: PeerCertificate,
    provider: PeerCertificate,
    socket: Option<TcpStream>,
}

impl Watched {
    /// Without a `socket` the session ends at the next frame that arrives.
    pub(super) fn new(
        own: &PeerCertificate,
        provider: &PeerCertificate,
        socket: Option<TcpStream>,
    ) -> Self {
        Self {
            own: own.clone(),
            provider: provider.clone(),
            socket,
        }
    }

    /// Who of both is out under `list`, as the person here is told.
    fn ended(&self, list: &RevocationList) -> Option<Failure> {
        let ended = |certificate: &PeerCertificate| {
            let is_ended = list.is_ended(certificate.serial());
            is_ended.then(|| list.revoked(certificate)).flatten()
        };
        let ours = ended(&self.own).map(|own| cut(&own, LOG_IN_OR_ASK));
        ours.or_else(|| {
            let provider = ended(&self.provider)?;
            let hint = format!(
                "{} must log in again, or ask your administrator",
                provider.alias()
            );
            Some(cut(&provider, &hint))
        })
    }
}

/// Follows the auth server for the time of one session.
pub(super) struct Watch {
    revalidation: Revalidation,
    shared: Arc<Shared>,
    _subscription: Option<Subscription>,
}

struct Shared {
    watched: Watched,
    client: Option<AuthClient>,
    store: IdentityStore,
    root: OrgRoot,
    state: Mutex<State>,
    cut: OnceLock<Failure>,
}

struct State {
    newest: Arc<Trust>,
    looked: Instant,
}

impl Watch {
    pub(super) fn start(
        store: &IdentityStore,
        root: &OrgRoot,
        device: Option<Device>,
        revalidation: Revalidation,
        watched: Watched,
    ) -> Self {
        let client = device
            .as_ref()
            .map(|device| AuthClient::new(&device.servers, root));
        let state = State {
            newest: revalidation.trust(),
            looked: Instant::now(),
        };
        let shared = Arc::new(Shared {
            watched,
            client,
            store: store.clone(),
            root: root.clone(),
            state: Mutex::new(state),
            cut: OnceLock::new(),
        });
        Self {
            revalidation,
            // Without a thread for it the session is looked at as before: at its beginning.
            _subscription: device.and_then(|device| shared.clone().follow(device).ok()),
            shared,
        }
    }
}

impl Shared {
    fn follow(self: Arc<Self>, device: Device) -> io::Result<Subscription> {
        let mut catch_up = CatchUp::default();
        let heard = move |notice| self.hear(&notice, &mut catch_up);
        events::follow(device, BEFORE_FOLLOWING, || true, heard)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, notice: &Notice, catch_up: &mut CatchUp) {
        let is_known = match notice {
            Notice::Event(event) => event
                .crl_number()
                .is_none_or(|number| catch_up.reach(number, || self.held(), || self.look())),
            Notice::Lost => false,
        };
        let looked = self.state().looked;
        if !is_known && looked.elapsed() >= BETWEEN_LOOKS {
            self.look();
        }
    }

    fn held(&self) -> u64 {
        self.state().newest.crl().number()
    }

    /// Fetches a newer list, if there is one, and ends the session if it says so.
    fn look(&self) {
        let Some(client) = &self.client else {
            return;
        };
        let newest = self.state().newest.clone();
        let answer = client.newer_crl(&self.root, Some(newest.crl()), clock::now());
        self.state().looked = Instant::now();
        let Ok(Some(list)) = answer else {
            return;
        };
        self.judge(&list);
        let _ = self.store.save_crl(&list);
        if let Ok(trust) = identity_store::trust(&self.root, list) {
            self.state().newest = trust;
        }
    }

    fn judge(&self, list: &RevocationList) {
        let Some(failure) = self.watched.ended(list) else {
            return;
        };
        self.cut.get_or_init(|| failure);
        if let Some(socket) = &self.watched.socket {
            // A socket that is closed already needs no cutting.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

fn cut(revoked: &Revoked, hint: &str) -> Failure {
    Failure::new(Exit::NotTrusted, format!("{revoked}; the transfer was cut"))
        .hint(format!("nothing of an unfinished file was kept; {hint}"))
}

impl Drop for Watch {
    /// The thread that follows may keep its handle of the socket for a while.
    fn drop(&mut self) {
        if let Some(socket) = &self.shared.watched.socket {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Leave for Watch {
    fn clear(&mut self, provider: &VerifiedPeer) -> Result<(), Failure> {
        self.revalidation.clear(provider)
    }

    fn go_on(&self) -> Result<(), Failure> {
        self.shared.cut.get().cloned().map_or(Ok(()), Err)
    }

    /// A connection that breaks may have been cut because of a newer list: it is worth a look.
    fn explain(&self, failure: Failure) -> Failure {
        let broke = matches!(
            failure.exit,
            Exit::Unreachable | Exit::Integrity | Exit::NotTrusted
        );
        if broke && self.shared.cut.get().is_none() {
            let (done, wait) = sync_channel(1);
            let shared = self.shared.clone();
            thread::spawn(move || {
                shared.look();
                // Nobody waits any more when it took too long.
                let _ = done.send(());
            });
            let _ = wait.recv_timeout(EXPLANATION);
        }
        self.shared.cut.get().cloned().unwrap_or(failure)
    }
}
