use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use common::frame::{Frame, FrameError, FrameReader};
use common::limits::HANDSHAKE_SECS;
use common::wire::Sender;

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
        self.farewell();
    }

    /// Says that nothing more follows, and waits a moment for the other side to have taken it.
    pub fn farewell(&mut self) {
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
