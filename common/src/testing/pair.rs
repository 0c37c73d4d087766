use crate::crypto::Suite;
use crate::frame::{Frame, FrameReader};
use crate::handshake::{
    AwaitListener, AwaitRequester, AwaitVerdict, Established, Failure, HandshakeError,
    ListenerConfig, ListenerStep, RequesterConfig, RequesterStep,
};
use crate::identity::Alias;
use crate::message::Grant;

use super::org::{NOW, TestOrg, at};

/// Two peers about to meet. Change the fields, then [`connect`](Self::connect).
#[derive(Clone)]
pub struct Pair {
    /// The requester's side.
    pub requester: RequesterConfig,
    /// The listener's side.
    pub listener: ListenerConfig,
    /// The time at both ends, seconds since 1970.
    pub now: u64,
}

/// How each side saw the handshake end.
pub struct Outcome {
    /// The requester's end.
    pub requester: Result<(Established, Grant), Failure>,
    /// The listener's end.
    pub listener: Result<Established, Failure>,
    /// Every frame from the requester.
    pub from_requester: Vec<u8>,
    /// Every frame from the listener.
    pub from_listener: Vec<u8>,
}

/// Changes bytes on the way: `true` for what the requester sends.
pub type Tamper<'a> = &'a mut dyn FnMut(bool, &mut Vec<u8>);

impl Pair {
    /// `alice` asks `bob`, both of one organisation.
    pub fn new(org: &TestOrg) -> Self {
        let trust = org.trust();
        Self {
            requester: RequesterConfig {
                trust: trust.clone(),
                credentials: org.member("alice", 11),
                expected: None,
                suites: Suite::ALL.to_vec(),
            },
            listener: ListenerConfig {
                trust,
                credentials: org.member("bob", 12),
                suites: Suite::ALL.to_vec(),
            },
            now: NOW,
        }
    }

    /// Expects that alias to answer.
    pub fn expecting(mut self, alias: &str) -> Self {
        self.requester.expected = Some(alias.parse::<Alias>().expect("an alias"));
        self
    }

    /// Lets the two shake hands.
    pub fn connect(&self) -> Outcome {
        self.connect_through(&mut |_, _| {})
    }

    /// Lets the two shake hands while somebody on the way changes bytes.
    pub fn connect_through(&self, tamper: Tamper<'_>) -> Outcome {
        let mut run = Run::new(self, tamper);
        run.exchange();
        run.outcome
    }
}

impl Outcome {
    /// Both ends of a handshake that succeeded.
    ///
    /// # Panics
    /// When it did not.
    pub fn established(self) -> (Established, Established) {
        let (requester, _) = self.requester.expect("the requester's handshake");
        (requester, self.listener.expect("the listener's handshake"))
    }
}

enum RequesterState {
    AwaitListener(AwaitListener),
    AwaitVerdict(AwaitVerdict),
    Done,
}

/// One handshake under way: two states and the bytes between them.
struct Run<'a> {
    requester: RequesterState,
    listener: Option<AwaitRequester>,
    to_listener: Wire,
    to_requester: Wire,
    tamper: Tamper<'a>,
    outcome: Outcome,
}

fn unfinished<T>() -> Result<T, Failure> {
    Err(Failure {
        error: HandshakeError::Tls("the other side went silent".into()),
        reply: Vec::new(),
    })
}

impl<'a> Run<'a> {
    fn new(pair: &Pair, tamper: Tamper<'a>) -> Self {
        let mut run = Self {
            requester: RequesterState::Done,
            listener: None,
            to_listener: Wire::default(),
            to_requester: Wire::default(),
            tamper,
            outcome: Outcome {
                requester: unfinished(),
                listener: unfinished(),
                from_requester: Vec::new(),
                from_listener: Vec::new(),
            },
        };
        match AwaitRequester::start(pair.listener.clone(), at(pair.now)) {
            Ok(state) => run.listener = Some(state),
            Err(failure) => run.listener_failed(failure),
        }
        match AwaitListener::start(pair.requester.clone(), at(pair.now)) {
            Ok((state, hello)) => {
                run.requester = RequesterState::AwaitListener(state);
                run.requester_sends(hello);
            }
            Err(error) => {
                run.outcome.requester = Err(Failure {
                    error,
                    reply: Vec::new(),
                });
            }
        }
        run
    }

    fn requester_sends(&mut self, mut bytes: Vec<u8>) {
        (self.tamper)(true, &mut bytes);
        self.outcome.from_requester.extend_from_slice(&bytes);
        self.to_listener.send(&bytes);
    }

    fn listener_sends(&mut self, mut bytes: Vec<u8>) {
        (self.tamper)(false, &mut bytes);
        self.outcome.from_listener.extend_from_slice(&bytes);
        self.to_requester.send(&bytes);
    }

    fn listener_failed(&mut self, failure: Failure) {
        let reply = failure.reply.clone();
        self.outcome.listener = Err(failure);
        self.listener_sends(reply);
    }

    fn exchange(&mut self) {
        while self.listener_step() || self.requester_step() {}
    }

    fn listener_step(&mut self) -> bool {
        let Some(state) = self.listener.take() else {
            return false;
        };
        let Some(frame) = self.to_listener.receive() else {
            self.listener = Some(state);
            return false;
        };
        match state.handle_frame(frame) {
            Ok(ListenerStep::Continue(state, bytes)) => {
                self.listener = Some(state);
                self.listener_sends(bytes);
            }
            Ok(ListenerStep::Established(established, bytes)) => {
                self.outcome.listener = Ok(established);
                self.listener_sends(bytes);
            }
            Err(failure) => self.listener_failed(failure),
        }
        true
    }

    fn requester_step(&mut self) -> bool {
        let Some(frame) = self.to_requester.receive() else {
            return false;
        };
        match std::mem::replace(&mut self.requester, RequesterState::Done) {
            RequesterState::AwaitListener(state) => match state.handle_frame(frame) {
                Ok(RequesterStep::Continue(state, bytes)) => {
                    self.requester = RequesterState::AwaitListener(state);
                    self.requester_sends(bytes);
                }
                Ok(RequesterStep::Verified(state, bytes)) => {
                    self.requester = RequesterState::AwaitVerdict(state);
                    self.requester_sends(bytes);
                }
                Err(failure) => {
                    let reply = failure.reply.clone();
                    self.outcome.requester = Err(failure);
                    self.requester_sends(reply);
                }
            },
            RequesterState::AwaitVerdict(state) => {
                self.outcome.requester = state.handle_frame(frame);
            }
            RequesterState::Done => return false,
        }
        true
    }
}

/// Bytes under way to one side.
#[derive(Default)]
struct Wire {
    queue: Vec<u8>,
    reader: FrameReader,
}

impl Wire {
    fn send(&mut self, bytes: &[u8]) {
        self.queue.extend_from_slice(bytes);
    }

    /// The next whole frame; `None` when there is none or the reader refuses its header.
    fn receive(&mut self) -> Option<Frame<'_>> {
        while let Ok(space) = self.reader.unfilled() {
            let count = space.len().min(self.queue.len());
            if count == 0 {
                break;
            }
            space[..count].copy_from_slice(&self.queue[..count]);
            self.queue.drain(..count);
            self.reader.filled(count);
        }
        self.reader.next_frame().ok().flatten()
    }
}

/// Cuts bytes into frames and gives each to `take`; for sessions in tests.
pub fn each_frame(bytes: &[u8], mut take: impl FnMut(Frame<'_>)) {
    let mut wire = Wire::default();
    wire.reader.set_established();
    wire.send(bytes);
    while let Some(frame) = wire.receive() {
        take(frame);
    }
}
