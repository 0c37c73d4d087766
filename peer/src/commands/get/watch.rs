//! Whether both sides may still exchange files, heard from the auth server while they do.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use common::crl::{RevocationList, Revoked};
use common::handshake::{Trust, VerifiedPeer};
use common::identity::{OrgRoot, PeerCertificate};

use super::currency::Currency;
use crate::auth_client::AuthClient;
use crate::clock;
use crate::events::{self, CatchUp, Device, Notice, Subscription, jitter};
use crate::failure::{Exit, Failure, LOG_IN_OR_ASK};
use crate::identity_store::{self, IdentityStore};
use crate::revalidation::Revalidation;
use crate::transfer::Leave;

/// What is over sooner does not ask the server to be followed.
const BEFORE_FOLLOWING: Duration = Duration::from_secs(1);

/// Without events the list is looked for so often at most, as a listener does that has reason to.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);

/// How long a broken connection may wait for its explanation, and a file for its final name.
const PATIENCE: Duration = Duration::from_secs(5);

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
    changed: Condvar,
    cut: OnceLock<Failure>,
}

struct State {
    newest: Arc<Trust>,
    currency: Currency,
    is_over: bool,
}

impl State {
    /// Whichever is newer counts.
    fn take(&mut self, trust: Arc<Trust>) {
        let number = trust.crl().number();
        if number > self.newest.crl().number() {
            self.newest = trust;
        }
        self.currency.hold(number);
    }
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
        let newest = revalidation.trust();
        let state = State {
            currency: Currency::new(newest.crl().number(), Instant::now()),
            newest,
            is_over: false,
        };
        let shared = Arc::new(Shared {
            watched,
            client,
            store: store.clone(),
            root: root.clone(),
            state: Mutex::new(state),
            changed: Condvar::new(),
            cut: OnceLock::new(),
        });
        let looking = shared.clone();
        // Without a thread for it a file still waits for a look before it gets its final name.
        let _ = thread::Builder::new()
            .name("look".into())
            .spawn(move || looking.look_now_and_then());
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
            Notice::Event(event) => event.crl_number().is_none_or(|number| {
                self.state().currency.tell(number);
                self.changed.notify_all();
                catch_up.reach(number, || self.held(), || self.look())
            }),
            Notice::Lost => false,
        };
        let since_try = self.state().currency.since_try(Instant::now());
        if !is_known && since_try >= BETWEEN_LOOKS {
            self.look();
        }
    }

    /// Looks as a listener does, whatever is heard: every minute, and more often while a newer list is
    /// known of.
    fn look_now_and_then(&self) {
        let mut state = self.state();
        while !state.is_over {
            let pause = state.currency.pause(Instant::now(), jitter);
            if pause.is_zero() {
                drop(state);
                self.look();
                state = self.state();
            } else {
                let woken = self.changed.wait_timeout(state, pause);
                state = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    /// Asks once more where the list held may be too old to give a file its final name by.
    fn be_current(self: &Arc<Self>) -> Result<(), Failure> {
        if !self.state().currency.is_doubtful(Instant::now()) {
            return Ok(());
        }
        self.look_for(PATIENCE);
        let told = self.state().currency.told();
        CatchUp::default().reach(told, || self.held(), || self.look_for(PATIENCE));
        match self.state().currency.is_behind() {
            true => Err(behind()),
            false => Ok(()),
        }
    }

    /// Looks, and waits no longer than that for what it brings.
    fn look_for(self: &Arc<Self>, patience: Duration) {
        let (done, wait) = sync_channel(1);
        let shared = self.clone();
        let looking = move || {
            shared.look();
            // Nobody waits any more when it took too long.
            let _ = done.send(());
        };
        if thread::Builder::new().spawn(looking).is_ok() {
            let _ = wait.recv_timeout(patience);
        }
    }

    fn newest(&self) -> Arc<Trust> {
        self.state().newest.clone()
    }

    fn held(&self) -> u64 {
        self.newest().crl().number()
    }

    /// Fetches a newer list, if there is one, and ends the session if it says so.
    fn look(&self) {
        let Some(client) = &self.client else {
            return self.state().currency.failed(Instant::now());
        };
        let newest = self.newest();
        let asked = Instant::now();
        let answer = client.newer_crl(&self.root, Some(newest.crl()), clock::now());
        if answer.is_err() {
            return self.state().currency.failed(Instant::now());
        }
        if let Ok(Some(list)) = answer {
            self.judge(&list);
            let _ = self.store.save_crl(&list, &self.root);
            if let Ok(trust) = identity_store::trust(&self.root, list) {
                self.state().take(trust);
            }
        }
        self.state().currency.answered(asked);
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

/// Somebody may keep the newer list away: whom it names is not known.
fn behind() -> Failure {
    Failure::new(
        Exit::Unreachable,
        "the auth server has a newer revocation list, and it cannot be fetched",
    )
    .hint("nothing of an unfinished file was kept; run the command again when the auth server answers")
}

impl Drop for Watch {
    /// The thread that follows may keep its handle of the socket for a while.
    fn drop(&mut self) {
        self.shared.state().is_over = true;
        self.shared.changed.notify_all();
        if let Some(socket) = &self.shared.watched.socket {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Leave for Watch {
    fn clear(&mut self, provider: &VerifiedPeer) -> Result<(), Failure> {
        self.revalidation.clear(provider)?;
        let mut state = self.shared.state();
        state.take(self.revalidation.trust());
        match self.revalidation.answered() {
            Some(asked) => state.currency.answered(asked),
            None => state.currency.failed(self.revalidation.asked()),
        }
        drop(state);
        self.shared.be_current()?;
        // Who is merely to present a newer certificate finishes what is under way.
        self.shared.judge(self.shared.newest().crl());
        self.go_on()
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
            self.shared.look_for(PATIENCE);
        }
        self.shared.cut.get().cloned().unwrap_or(failure)
    }
}
