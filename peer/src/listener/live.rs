//! Connections that stand, so that they can be cut as soon as a newer revocation list names one of
//! both sides.

use std::collections::HashMap;
use std::fmt;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use common::crl::{RevocationList, Revoked};
use common::identity::PeerCertificate;
use rustix::net::sockopt::set_socket_linger;

use crate::failure::LOG_IN_OR_ASK;

/// A file that is being sent ends with a sealed frame that tells the requester why, as far as that
/// can be sent and taken in so much time. Then the connection is cut, with what the system still holds.
const GRACE: Duration = Duration::from_millis(500);

/// Whose certificate was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The other side's.
    Theirs(Revoked),
    /// This device's.
    Ours(Revoked),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Theirs(revoked) => write!(f, "{revoked}; the connection was cut"),
            Self::Ours(revoked) => write!(f, "this device was cut off: {revoked}; {LOG_IN_OR_ASK}"),
        }
    }
}

/// One connection, as others see it.
#[derive(Debug)]
struct Connection {
    certificate: PeerCertificate,
    socket: TcpStream,
    is_answering: AtomicBool,
    verdict: OnceLock<Verdict>,
}

impl Connection {
    /// Ends the connection at once. What was sent and not taken yet is thrown away when the last
    /// handle of the socket is closed.
    fn cut(&self) {
        // A socket that is closed already needs no cutting.
        let _ = set_socket_linger(&self.socket, Some(Duration::ZERO));
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Who is revoked hears why where a file is under way; our own word is worth nothing any more
    /// when it is us.
    fn doom(&self, verdict: Verdict) {
        let verdict = self.verdict.get_or_init(|| verdict);
        if matches!(verdict, Verdict::Ours(_)) || !self.is_answering.load(Ordering::SeqCst) {
            self.cut();
        }
    }
}

/// All verified connections of a listener.
#[derive(Debug, Default)]
pub(super) struct Live {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    connections: HashMap<u64, Arc<Connection>>,
}

impl Live {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection stands from now on, with who is on the other side.
    pub(super) fn enter(
        self: &Arc<Self>,
        certificate: PeerCertificate,
        socket: TcpStream,
    ) -> Standing {
        let connection = Arc::new(Connection {
            certificate,
            socket,
            is_answering: AtomicBool::new(false),
            verdict: OnceLock::new(),
        });
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.connections.insert(id, connection.clone());
        drop(state);
        Standing {
            live: self.clone(),
            id,
            connection,
        }
    }

    /// Whether a request is being answered on any of them.
    pub(super) fn is_answering(&self) -> bool {
        let state = self.state();
        let mut all = state.connections.values();
        all.any(|connection| connection.is_answering.load(Ordering::SeqCst))
    }

    /// Cuts what has no right to stand under `crl`: all connections when it ends this device's `own`
    /// certificate.
    pub(super) fn enforce(&self, crl: &RevocationList, own: &PeerCertificate) {
        let ended = |certificate: &PeerCertificate| {
            let is_ended = crl.is_ended(certificate.serial());
            is_ended.then(|| crl.revoked(certificate)).flatten()
        };
        let ours = ended(own).map(Verdict::Ours);
        let verdict = |connection: &Connection| {
            let theirs = || ended(&connection.certificate).map(Verdict::Theirs);
            ours.clone().or_else(theirs)
        };
        let mut doomed = Vec::new();
        for connection in self.state().connections.values() {
            if let Some(verdict) = verdict(connection) {
                doomed.push((connection.clone(), verdict));
            }
        }
        if doomed.is_empty() {
            return;
        }
        let doomed: Vec<_> = doomed
            .into_iter()
            .map(|(connection, verdict)| {
                connection.doom(verdict);
                connection
            })
            .collect();
        let cut_all = move || doomed.iter().for_each(|connection| connection.cut());
        let late = cut_all.clone();
        let spawned = thread::Builder::new().name("cut".into()).spawn(move || {
            thread::sleep(GRACE);
            late();
        });
        if spawned.is_err() {
            cut_all();
        }
    }
}

/// Keeps a connection among those that can be cut until it is dropped.
#[derive(Debug)]
pub(super) struct Standing {
    live: Arc<Live>,
    id: u64,
    connection: Arc<Connection>,
}

impl Standing {
    /// Why the connection is to end, if it is.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        self.connection.verdict.get().cloned()
    }

    /// A request is being answered until the value is dropped. To be called before the requester is
    /// looked at again, so that no list can come between.
    pub(super) fn answer(&self) -> Answering<'_> {
        self.connection.is_answering.store(true, Ordering::SeqCst);
        Answering(&self.connection)
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.live.state().connections.remove(&self.id);
        if self.verdict().is_some() {
            self.connection.cut();
        }
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Answering<'a>(&'a Connection);

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.0.is_answering.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing::{Leaf, TestOrg};
    use std::io::Read;
    use std::net::TcpListener;

    fn certificate(org: &TestOrg, alias: &str, serial: u64) -> PeerCertificate {
        let leaf = Leaf {
            serial,
            ..Leaf::of(alias, "acme")
        };
        PeerCertificate::from_der(&org.issue(&leaf).leaf, org.root().label()).unwrap()
    }

    /// Both ends of a connection; reading at the first one never waits for long.
    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let patience = Some(Duration::from_secs(60));
        client.set_read_timeout(patience).unwrap();
        (client, listener.accept().unwrap().0)
    }

    fn is_theirs(standing: &Standing, alias: &str) -> bool {
        let verdict = standing.verdict();
        matches!(verdict, Some(Verdict::Theirs(one)) if one.alias().as_str() == alias)
    }

    fn is_cut(client: &mut TcpStream) -> bool {
        matches!(client.read(&mut [0]), Ok(0) | Err(_))
    }

    #[test]
    fn only_who_is_revoked_is_cut() {
        let org = TestOrg::new("acme");
        let live = Arc::new(Live::default());
        let (mut alice, socket) = connection();
        let of_alice = live.enter(certificate(&org, "alice", 5), socket);
        let (carol, socket) = connection();
        let of_carol = live.enter(certificate(&org, "carol", 6), socket);
        let own = certificate(&org, "bob", 7);
        live.enforce(&org.revoke(1, &[4]), &own);
        assert_eq!(of_alice.verdict(), None);
        live.enforce(&org.revoke(2, &[5]), &own);
        assert!(is_theirs(&of_alice, "alice"));
        assert!(is_cut(&mut alice));
        assert_eq!(of_carol.verdict(), None);
        carol.set_nonblocking(true).unwrap();
        let kind = (&carol).read(&mut [0]).unwrap_err().kind();
        assert_eq!(kind, std::io::ErrorKind::WouldBlock);
    }

    #[test]
    fn who_is_being_answered_may_be_told_why_and_is_cut_soon_after() {
        let org = TestOrg::new("acme");
        let live = Arc::new(Live::default());
        let (mut alice, socket) = connection();
        let mut sending = socket.try_clone().unwrap();
        let standing = live.enter(certificate(&org, "alice", 5), socket);
        assert!(!live.is_answering());
        let answering = standing.answer();
        assert!(live.is_answering());
        live.enforce(&org.revoke(1, &[5]), &certificate(&org, "bob", 7));
        assert!(is_theirs(&standing, "alice"));
        std::io::Write::write_all(&mut sending, b"why").unwrap();
        let mut told = [0; 3];
        alice.read_exact(&mut told).unwrap();
        assert_eq!(&told, b"why");
        assert!(is_cut(&mut alice));
        drop(answering);
        assert!(!live.is_answering());
    }

    #[test]
    fn a_device_that_is_revoked_itself_cuts_everybody() {
        let org = TestOrg::new("acme");
        let live = Arc::new(Live::default());
        let (mut alice, socket) = connection();
        let standing = live.enter(certificate(&org, "alice", 5), socket);
        let _answering = standing.answer();
        live.enforce(&org.revoke(1, &[7]), &certificate(&org, "bob", 7));
        let verdict = standing.verdict();
        assert!(matches!(verdict, Some(Verdict::Ours(bob)) if bob.alias().as_str() == "bob"));
        assert!(is_cut(&mut alice));
    }

    #[test]
    fn what_ended_is_forgotten() {
        let org = TestOrg::new("acme");
        let live = Arc::new(Live::default());
        let (_alice, socket) = connection();
        drop(live.enter(certificate(&org, "alice", 5), socket));
        assert!(live.state().connections.is_empty());
    }
}
