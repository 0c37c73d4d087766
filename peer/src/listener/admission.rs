//! How many connections are let in. A stranger costs a signature, so strangers are few; and when
//! they are too many, the one that has been silent longest makes room, so that nobody who merely
//! holds connections open keeps others out.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Handshakes under way at once: at 1 ms of signing each, a quarter of a second of one core.
const MAX_HANDSHAKES: usize = 256;

/// Handshakes under way at once from one address: an office behind one router has room.
const MAX_HANDSHAKES_PER_ADDRESS: usize = 64;

/// A handshake this young is not cut for another one: an honest one is over by then.
const GRACE: Duration = Duration::from_millis(500);

/// Connections at once, verified ones included; each costs a thread and, while it sends, a chunk.
const MAX_CONNECTIONS: usize = 4096;

/// Verified connections of one person: a quarter, so that one member leaves room for the others.
const MAX_CONNECTIONS_PER_MEMBER: usize = 1024;

/// Counts what is let in.
#[derive(Debug, Default)]
pub(super) struct Admission {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    connections: usize,
    next: u64,
    /// In the order in which they began.
    handshakes: BTreeMap<u64, Handshake>,
    by_member: HashMap<String, usize>,
}

#[derive(Debug)]
struct Handshake {
    source: IpAddr,
    begun: Instant,
    cutter: TcpStream,
}

impl State {
    fn count_of(&self, source: IpAddr) -> usize {
        let same = |handshake: &&Handshake| handshake.source == source;
        self.handshakes.values().filter(same).count()
    }

    fn busiest(&self) -> Option<IpAddr> {
        self.handshakes
            .values()
            .map(|handshake| handshake.source)
            .max_by_key(|source| self.count_of(*source))
    }

    /// Cuts the oldest handshake of that source, unless it is too young.
    fn cut_oldest_of(&mut self, source: IpAddr, now: Instant) -> bool {
        let oldest = self
            .handshakes
            .iter()
            .find(|(_, handshake)| handshake.source == source)
            .filter(|(_, handshake)| now.duration_since(handshake.begun) >= GRACE)
            .map(|(id, _)| *id);
        match oldest.and_then(|id| self.handshakes.remove(&id)) {
            Some(handshake) => {
                // A socket that is closed already needs no cutting.
                let _ = handshake.cutter.shutdown(Shutdown::Both);
                true
            }
            None => false,
        }
    }

    /// Whether there is room for one more handshake from `source`, made if need be.
    fn make_room(&mut self, source: IpAddr, now: Instant) -> bool {
        if self.connections >= MAX_CONNECTIONS {
            return false;
        }
        if self.count_of(source) >= MAX_HANDSHAKES_PER_ADDRESS {
            return self.cut_oldest_of(source, now);
        }
        if self.handshakes.len() < MAX_HANDSHAKES {
            return true;
        }
        self.busiest()
            .is_some_and(|busiest| self.cut_oldest_of(busiest, now))
    }
}

impl Admission {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a connection in at the moment `now`, or not.
    pub(super) fn enter(
        self: &Arc<Self>,
        address: IpAddr,
        socket: &TcpStream,
        now: Instant,
    ) -> Option<Permit> {
        let source = source(address);
        let mut state = self.state();
        if !state.make_room(source, now) {
            return None;
        }
        let handshake = Handshake {
            source,
            begun: now,
            cutter: socket.try_clone().ok()?,
        };
        let id = state.next;
        state.next += 1;
        state.connections += 1;
        state.handshakes.insert(id, handshake);
        drop(state);
        Some(Permit {
            admission: self.clone(),
            handshake: id,
            member: None,
        })
    }
}

/// One source: an IPv4 address, or the /64 network of an IPv6 address, which one host owns whole.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

/// Leave to be connected; given back when dropped.
#[derive(Debug)]
pub(super) struct Permit {
    admission: Arc<Admission>,
    handshake: u64,
    member: Option<String>,
}

impl Permit {
    /// The handshake is over and others may begin theirs: whether this member may have one more
    /// connection.
    pub(super) fn verified(&mut self, alias: &str) -> bool {
        let mut state = self.admission.state();
        state.handshakes.remove(&self.handshake);
        let count = state.by_member.entry(alias.to_owned()).or_default();
        if *count >= MAX_CONNECTIONS_PER_MEMBER {
            return false;
        }
        *count += 1;
        self.member = Some(alias.to_owned());
        true
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.admission.state();
        state.handshakes.remove(&self.handshake);
        state.connections -= 1;
        if let Some(member) = self.member.take()
            && let Some(count) = state.by_member.get_mut(&member)
        {
            *count -= 1;
            if *count == 0 {
                state.by_member.remove(&member);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Both ends of a connection.
    fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    struct Door {
        admission: Arc<Admission>,
        socket: TcpStream,
        now: Instant,
    }

    impl Door {
        fn new() -> Self {
            Self {
                admission: Arc::default(),
                socket: connection().1,
                now: Instant::now(),
            }
        }

        fn enter(&self, address: &str) -> Option<Permit> {
            self.admission.enter(ip(address), &self.socket, self.now)
        }

        fn fill(&self, address: impl Fn(usize) -> String, count: usize) -> Vec<Permit> {
            (0..count)
                .map(|n| self.enter(&address(n)).unwrap())
                .collect()
        }
    }

    #[test]
    fn one_address_cannot_take_all_handshakes() {
        let door = Door::new();
        let held = door.fill(|_| "10.0.0.1".into(), MAX_HANDSHAKES_PER_ADDRESS);
        assert!(door.enter("10.0.0.1").is_none());
        assert!(door.enter("::ffff:10.0.0.1").is_none());
        assert!(door.enter("10.0.0.2").is_some());
        drop(held);
        assert!(door.enter("10.0.0.1").is_some());
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let door = Door::new();
        let _held = door.fill(|n| format!("2001:db8::{n:x}"), MAX_HANDSHAKES_PER_ADDRESS);
        assert!(door.enter("2001:db8::ffff").is_none());
        assert!(door.enter("2001:db8:0:1::1").is_some());
    }

    #[test]
    fn a_verified_connection_makes_room_for_handshakes() {
        let door = Door::new();
        let mut held = door.fill(|_| "10.0.0.1".into(), MAX_HANDSHAKES_PER_ADDRESS);
        assert!(held[0].verified("alice"));
        assert!(door.enter("10.0.0.1").is_some());
        drop(held);
        let state = door.admission.state();
        assert_eq!((state.connections, state.handshakes.len()), (0, 0));
        assert!(state.by_member.is_empty());
    }

    #[test]
    fn strangers_who_only_wait_make_room_for_others() {
        let mut door = Door::new();
        let (mut oldest, socket) = connection();
        let first = door.admission.enter(ip("10.0.0.1"), &socket, door.now);
        let rest = MAX_HANDSHAKES - 1;
        let _held = door.fill(|n| format!("10.0.0.{}", 1 + n % 4), rest.min(4 * 63));
        let _more = door.fill(|n| format!("10.0.1.{n}"), rest - rest.min(4 * 63));
        assert!(door.enter("10.0.9.9").is_none(), "all are young");
        door.now += GRACE;
        let honest = door.enter("10.0.9.9");
        assert!(honest.is_some());
        drop((socket, first));
        assert_eq!(oldest.read(&mut [0]).unwrap(), 0, "the oldest was cut");
    }

    #[test]
    fn one_member_leaves_connections_for_the_others() {
        let door = Door::new();
        let mut held = Vec::new();
        for _ in 0..MAX_CONNECTIONS_PER_MEMBER {
            let mut permit = door.enter("10.0.0.1").unwrap();
            assert!(permit.verified("mallory"));
            held.push(permit);
        }
        assert!(!door.enter("10.0.0.1").unwrap().verified("mallory"));
        assert!(door.enter("10.0.0.1").unwrap().verified("alice"));
    }
}
