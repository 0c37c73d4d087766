//! A relay between two peers that damages what it relays, as an attacker on the wire could.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::{Doing, Result};
use crate::frames::Frame;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the requester to the listener.
    ToListener,
    /// From the listener to the requester.
    ToRequester,
}

/// What the relay does to the bytes of one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Nothing.
    None,
    /// One bit of the byte at this offset is flipped.
    Flip {
        /// Bytes before it.
        offset: u64,
        /// Which bit, 0 to 7.
        bit: u8,
    },
    /// The connection ends after this many bytes.
    Cut {
        /// Bytes that still pass.
        after: u64,
    },
    /// Every byte travels alone.
    Trickle,
    /// Nothing is damaged, but it takes its time.
    Slow {
        /// How much passes in a second.
        bytes_a_second: u32,
    },
    /// The frame of this number, from 0, never arrives.
    Drop {
        /// Which frame.
        frame: u64,
    },
    /// The frame of this number arrives twice.
    Double {
        /// Which frame.
        frame: u64,
    },
    /// The frame of this number arrives after the next one.
    Swap {
        /// Which frame.
        frame: u64,
    },
}

/// A fault: what is done, and which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Which way.
    pub direction: Direction,
    /// What is done.
    pub damage: Damage,
}

impl Fault {
    /// Damage to what the listener sends.
    #[must_use]
    pub fn to_requester(damage: Damage) -> Self {
        Self {
            direction: Direction::ToRequester,
            damage,
        }
    }

    /// Damage to what the requester sends.
    #[must_use]
    pub fn to_listener(damage: Damage) -> Self {
        Self {
            direction: Direction::ToListener,
            damage,
        }
    }
}

/// What passed in one direction, all connections together.
#[derive(Debug, Default)]
struct Passed {
    bytes: AtomicU64,
    kinds: Mutex<Vec<[u8; 4]>>,
}

impl Passed {
    fn kinds(&self) -> MutexGuard<'_, Vec<[u8; 4]>> {
        self.kinds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Relay {
    target: SocketAddr,
    fault: Fault,
    stopping: AtomicBool,
    passed: [Passed; 2],
}

/// A running relay. Dropping it stops it from accepting; its connections end by themselves.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    relay: Arc<Relay>,
    accepting: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts a relay to a port of the loopback, with a fault in every connection.
    ///
    /// # Errors
    /// If no port is free.
    pub fn start(target: u16, fault: Fault) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").doing("binding the relay")?;
        let address = listener.local_addr().doing("binding the relay")?;
        let relay = Arc::new(Relay {
            target: SocketAddr::from(([127, 0, 0, 1], target)),
            fault,
            stopping: AtomicBool::new(false),
            passed: [Passed::default(), Passed::default()],
        });
        let accepting = thread::spawn({
            let relay = Arc::clone(&relay);
            move || relay.accept(&listener)
        });
        Ok(Self {
            address,
            relay,
            accepting: Some(accepting),
        })
    }

    /// A relay that harms nothing and only counts.
    ///
    /// # Errors
    /// If no port is free.
    pub fn honest(target: u16) -> Result<Self> {
        Self::start(target, Fault::to_requester(Damage::None))
    }

    /// The port of the relay.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `PORT:PATH`, as a requester names a file of the listener behind the relay.
    #[must_use]
    pub fn source(&self, path: &str) -> String {
        format!("{}:{path}", self.port())
    }

    /// Bytes that arrived at the relay from one side.
    #[must_use]
    pub fn bytes(&self, direction: Direction) -> u64 {
        self.relay.passed(direction).bytes.load(Ordering::SeqCst)
    }

    /// The types of the frames that arrived from one side, in order.
    #[must_use]
    pub fn frames(&self, direction: Direction) -> Vec<String> {
        let kinds = self.relay.passed(direction).kinds();
        kinds
            .iter()
            .map(|kind| String::from_utf8_lossy(kind).into_owned())
            .collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.relay.stopping.store(true, Ordering::SeqCst);
        // Wakes the accepting thread; if nobody can connect it has ended already.
        TcpStream::connect(self.address).ok();
        if let Some(accepting) = self.accepting.take() {
            accepting.join().ok();
        }
    }
}

impl Relay {
    fn passed(&self, direction: Direction) -> &Passed {
        match direction {
            Direction::ToListener => &self.passed[0],
            Direction::ToRequester => &self.passed[1],
        }
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for requester in listener.incoming().flatten() {
            if self.stopping.load(Ordering::SeqCst) {
                return;
            }
            // A target that refuses is seen by the requester as a closed connection.
            if let Ok(target) = TcpStream::connect(self.target) {
                self.join(&requester, &target);
            }
        }
    }

    fn join(self: &Arc<Self>, requester: &TcpStream, listener: &TcpStream) {
        for (from, to, direction) in [
            (requester, listener, Direction::ToListener),
            (listener, requester, Direction::ToRequester),
        ] {
            to.set_nodelay(true).ok();
            if let (Ok(from), Ok(to)) = (from.try_clone(), to.try_clone()) {
                let relay = Arc::clone(self);
                thread::spawn(move || {
                    // Whatever ends a direction ends the connection: both sides then know.
                    relay.pump(&from, &to, direction).ok();
                    to.shutdown(Shutdown::Write).ok();
                });
            }
        }
    }

    fn pump(
        &self,
        mut from: &TcpStream,
        mut to: &TcpStream,
        direction: Direction,
    ) -> io::Result<()> {
        let passed = self.passed(direction);
        let damage = if self.fault.direction == direction {
            self.fault.damage
        } else {
            Damage::None
        };
        let (mut offset, mut held) = (0, None);
        for number in 0.. {
            let Some(frame) = Frame::read(&mut from)? else {
                break;
            };
            let bytes = frame.bytes();
            passed.kinds().push(frame.kind);
            let sent = damaged(damage, number, offset, bytes.clone(), &mut held);
            offset += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            passed.bytes.store(offset, Ordering::SeqCst);
            match damage {
                Damage::Trickle => sent.iter().try_for_each(|byte| to.write_all(&[*byte]))?,
                Damage::Slow { bytes_a_second } => {
                    to.write_all(&sent)?;
                    let bytes = u32::try_from(sent.len()).unwrap_or(u32::MAX);
                    thread::sleep(Duration::from_secs(1) * bytes / bytes_a_second);
                }
                _ => to.write_all(&sent)?,
            }
            if matches!(damage, Damage::Cut { after } if after <= offset) {
                from.shutdown(Shutdown::Both)?;
                return to.shutdown(Shutdown::Both);
            }
        }
        to.write_all(&held.unwrap_or_default())
    }
}

/// What is sent in place of a frame that begins at an offset.
fn damaged(
    damage: Damage,
    number: u64,
    at: u64,
    mut frame: Vec<u8>,
    held: &mut Option<Vec<u8>>,
) -> Vec<u8> {
    match damage {
        Damage::Flip { offset, bit } => {
            let index = offset
                .checked_sub(at)
                .and_then(|index| usize::try_from(index).ok());
            if let Some(byte) = index.and_then(|index| frame.get_mut(index)) {
                *byte ^= 1 << bit;
            }
            frame
        }
        Damage::Cut { after } => {
            let keep = usize::try_from(after.saturating_sub(at)).unwrap_or(usize::MAX);
            frame.truncate(keep);
            frame
        }
        Damage::Drop { frame: wanted } if wanted == number => Vec::new(),
        Damage::Double { frame: wanted } if wanted == number => frame.repeat(2),
        Damage::Swap { frame: wanted } if wanted == number => {
            *held = Some(frame);
            Vec::new()
        }
        Damage::Swap { .. } => [frame, held.take().unwrap_or_default()].concat(),
        _ => frame,
    }
}

#[cfg(test)]
#[path = "proxy_tests.rs"]
mod tests;
