//! The only join of a socket and the protocol: frames over TCP, dialling, and accepting.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use common::frame::{Frame, FrameError, FrameReader};
use common::handshake::{
    AwaitListener, AwaitRequester, Established, Failure as HandshakeFailure, HandshakeError,
    ListenerConfig, ListenerStep, RequesterConfig, RequesterStep, VerifiedPeer,
};
use common::limits::HANDSHAKE_SECS;
use common::message::Grant;
use common::wire::Sender;

use crate::clock;

/// Why no frame came.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The other side closed between two frames.
    #[error("the other side closed the connection")]
    Closed,
    /// The other side closed in the middle of a frame.
    #[error("the connection was cut in the middle of a message")]
    Cut,
    /// Nothing came in time.
    #[error("the other side went silent")]
    Silent,
    /// What came is not a frame; the first bytes of it.
    #[error("{error}")]
    NotAFrame {
        /// What is wrong with the header.
        error: FrameError,
        /// The bytes at hand.
        start: Vec<u8>,
    },
    /// The socket failed.
    #[error(transparent)]
    Io(io::Error),
}

/// From one frame to the next, however slowly bytes drip in: a chunk of 1 MiB at 3 KiB/s.
const MAX_FRAME_TIME: Duration = Duration::from_secs(360);

/// A TCP connection that carries frames.
#[derive(Debug)]
pub struct FrameStream {
    socket: TcpStream,
    reader: FrameReader,
    deadline: Option<Instant>,
}

impl FrameStream {
    /// Starts in the handshake phase, with the handshake's deadline. `from` is the other side.
    ///
    /// # Errors
    /// When the socket refuses its options.
    pub fn new(socket: TcpStream, from: Sender) -> io::Result<Self> {
        let limit = Duration::from_secs(HANDSHAKE_SECS);
        socket.set_nodelay(true)?;
        socket.set_write_timeout(Some(limit))?;
        Ok(Self {
            socket,
            reader: FrameReader::from(from),
            deadline: Some(Instant::now() + limit),
        })
    }

    /// The other side is verified: larger frames may come. It may be silent for `idle`, and may
    /// take nothing of what we send for `stall`.
    ///
    /// # Errors
    /// When the socket refuses its options.
    pub fn set_established(&mut self, idle: Duration, stall: Duration) -> io::Result<()> {
        self.reader.set_established();
        self.deadline = None;
        self.socket.set_read_timeout(Some(idle))?;
        self.socket.set_write_timeout(Some(stall))
    }

    /// Waits for the next whole frame.
    ///
    /// # Errors
    /// When none comes.
    pub fn receive(&mut self) -> Result<Frame<'_>, ReceiveError> {
        let begun = Instant::now();
        while !self.reader.has_frame().map_err(|e| self.not_a_frame(e))? {
            self.fill()?;
            if begun.elapsed() > MAX_FRAME_TIME {
                return Err(ReceiveError::Silent);
            }
        }
        match self.reader.next_frame() {
            Ok(Some(frame)) => Ok(frame),
            _ => Err(ReceiveError::Closed),
        }
    }

    /// Gives away the buffer of the frame received last, and receives the next one into `spare`.
    /// See [`FrameReader::release`].
    pub fn release(&mut self, spare: Vec<u8>) -> Vec<u8> {
        self.reader.release(spare)
    }

    fn fill(&mut self) -> Result<(), ReceiveError> {
        if let Some(deadline) = self.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ReceiveError::Silent);
            }
            self.socket
                .set_read_timeout(Some(left))
                .map_err(ReceiveError::Io)?;
        }
        let space = match self.reader.unfilled() {
            Ok(space) => space,
            Err(error) => return Err(self.not_a_frame(error)),
        };
        match self.socket.read(space) {
            Ok(0) if self.reader.is_at_boundary() => Err(ReceiveError::Closed),
            Ok(0) => Err(ReceiveError::Cut),
            Ok(count) => {
                self.reader.filled(count);
                Ok(())
            }
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => Ok(()),
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Err(ReceiveError::Silent),
                _ => Err(ReceiveError::Io(error)),
            },
        }
    }

    fn not_a_frame(&self, error: FrameError) -> ReceiveError {
        let start = self.reader.pending().to_vec();
        ReceiveError::NotAFrame { error, start }
    }

    /// Sends whole frames.
    ///
    /// # Errors
    /// When the socket fails or the other side takes nothing for too long.
    pub fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        self.socket.write_all(frames).map_err(|error| {
            if error.kind() == io::ErrorKind::WouldBlock {
                io::Error::new(io::ErrorKind::TimedOut, "the other side takes nothing")
            } else {
                error
            }
        })
    }

    /// Another handle on the socket, to cut the connection from another thread.
    ///
    /// # Errors
    /// When the system has no more handles.
    pub fn cutter(&self) -> io::Result<TcpStream> {
        self.socket.try_clone()
    }

    /// Closes so that what was sent still arrives: says that nothing more follows, then takes in
    /// what the other side had under way, for a moment. Closing at once would make the system
    /// send a reset, which can overtake a refusal.
    pub fn close(mut self) {
        const LINGER: Duration = Duration::from_millis(500);
        const LINGER_BYTES: usize = 1 << 20;
        let deadline = Instant::now() + LINGER;
        if self.socket.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let mut scrap = [0; 4096];
        let mut taken = 0;
        while taken < LINGER_BYTES {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.socket.set_read_timeout(Some(left)).is_err() {
                return;
            }
            match self.socket.read(&mut scrap) {
                Ok(count) if count > 0 => taken += count,
                _ => return,
            }
        }
    }
}

/// Why a connection did not come to be.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody listens there, or the way there is closed.
    #[error(transparent)]
    Dial(io::Error),
    /// No frame came where one was due.
    #[error(transparent)]
    Receive(ReceiveError),
    /// The handshake failed.
    #[error(transparent)]
    Handshake(HandshakeError),
}

/// What happens while a requester connects.
#[derive(Debug)]
pub enum ConnectEvent<'a> {
    /// The first handshake frame is out.
    HandshakeSent,
    /// The listener's certificate arrived and is valid.
    ListenerVerified(&'a VerifiedPeer),
}

fn connect(address: &SocketAddr, timeout: Duration) -> io::Result<FrameStream> {
    let socket = TcpStream::connect_timeout(address, timeout)?;
    FrameStream::new(socket, Sender::Listener)
}

/// Connects to the first of `addresses` that answers.
///
/// # Errors
/// When none does: the last reason.
pub fn dial(addresses: &[SocketAddr], timeout: Duration) -> Result<FrameStream, ConnectError> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no such host");
    for address in addresses {
        match connect(address, timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(ConnectError::Dial(last))
}

/// Shakes hands as the requester.
///
/// # Errors
/// When either side refuses the other, or the handshake does not end in time.
pub fn request_handshake(
    stream: &mut FrameStream,
    config: RequesterConfig,
    mut on: impl FnMut(ConnectEvent<'_>),
) -> Result<(Established, Grant), ConnectError> {
    let (mut state, hello) =
        AwaitListener::start(config, clock::now()).map_err(ConnectError::Handshake)?;
    stream.send(&hello).map_err(broken)?;
    on(ConnectEvent::HandshakeSent);
    let verdict = loop {
        let frame = stream.receive().map_err(ConnectError::Receive)?;
        match state.handle_frame(frame) {
            Ok(RequesterStep::Continue(next, bytes)) => {
                stream.send(&bytes).map_err(broken)?;
                state = next;
            }
            Ok(RequesterStep::Verified(next, bytes)) => {
                on(ConnectEvent::ListenerVerified(next.peer()));
                stream.send(&bytes).map_err(broken)?;
                break next;
            }
            Err(failure) => return Err(refuse(stream, failure)),
        }
    };
    let frame = stream.receive().map_err(ConnectError::Receive)?;
    verdict
        .handle_frame(frame)
        .map_err(|failure| refuse(stream, failure))
}

/// Shakes hands as the listener.
///
/// # Errors
/// When either side refuses the other, or the handshake does not end in time.
pub fn accept_handshake(
    stream: &mut FrameStream,
    config: ListenerConfig,
) -> Result<Established, ConnectError> {
    let mut state = match AwaitRequester::start(config, clock::now()) {
        Ok(state) => state,
        Err(failure) => return Err(refuse(stream, failure)),
    };
    loop {
        let frame = stream.receive().map_err(ConnectError::Receive)?;
        match state.handle_frame(frame) {
            Ok(ListenerStep::Continue(next, bytes)) => {
                stream.send(&bytes).map_err(broken)?;
                state = next;
            }
            Ok(ListenerStep::Established(established, bytes)) => {
                stream.send(&bytes).map_err(broken)?;
                return Ok(established);
            }
            Err(failure) => return Err(refuse(stream, failure)),
        }
    }
}

fn broken(error: io::Error) -> ConnectError {
    ConnectError::Receive(ReceiveError::Io(error))
}

/// Tells the other side, as far as it still listens, and keeps the reason.
fn refuse(stream: &mut FrameStream, failure: HandshakeFailure) -> ConnectError {
    // The reason for ending counts, not whether the other side could still be told.
    let _ = stream.send(&failure.reply);
    ConnectError::Handshake(failure.error)
}
