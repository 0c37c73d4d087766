//! `!4sL` frames: 4 ASCII bytes of type, u32 big-endian payload length, payload.

use crate::limits::{
    FRAME_HEADER_BYTES, MAX_CHUNK_BYTES, MAX_CONTROL_FRAME_BYTES, MAX_HANDSHAKE_FRAME_BYTES,
    MAX_TAG_BYTES,
};
use crate::wire::{FrameType, Sender};

/// Whether the other side is verified yet: decides the limits of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before the handshake's end.
    Handshake,
    /// After it.
    Established,
}

impl Phase {
    /// Bytes of payload that a frame of this type may have, tag included.
    pub const fn max_payload_bytes(self, frame_type: FrameType) -> usize {
        match (self, frame_type) {
            (Self::Handshake, _) => MAX_HANDSHAKE_FRAME_BYTES,
            (Self::Established, FrameType::Chunk) => MAX_CHUNK_BYTES + MAX_TAG_BYTES,
            (Self::Established, _) => MAX_CONTROL_FRAME_BYTES,
        }
    }
}

/// Why a header is refused. The connection ends; nothing is echoed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The four bytes are no type of this protocol.
    #[error("unknown frame type {}", code.escape_ascii())]
    UnknownType {
        /// The four bytes.
        code: [u8; 4],
    },
    /// A type that only the receiving side itself may send: refused at its header, so that nobody
    /// makes a listener hold room for a file chunk.
    #[error("frame {frame_type} from the wrong side")]
    WrongSender {
        /// The type.
        frame_type: FrameType,
    },
    /// The length is over the limit for this type in this phase.
    #[error("frame {frame_type} of {actual} bytes is over the limit of {limit}")]
    TooLong {
        /// The type.
        frame_type: FrameType,
        /// Bytes allowed.
        limit: usize,
        /// Bytes announced.
        actual: u32,
    },
}

/// A checked header: the type is known and the length within its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    frame_type: FrameType,
    payload_bytes: u32,
}

impl Header {
    /// A header for a payload of that size.
    ///
    /// # Errors
    /// When the size is over the limit for this type in this phase.
    pub fn new(
        phase: Phase,
        frame_type: FrameType,
        payload_bytes: usize,
    ) -> Result<Self, FrameError> {
        let limit = phase.max_payload_bytes(frame_type);
        let announced = u32::try_from(payload_bytes).unwrap_or(u32::MAX);
        if payload_bytes > limit {
            return Err(FrameError::TooLong {
                frame_type,
                limit,
                actual: announced,
            });
        }
        Ok(Self {
            frame_type,
            payload_bytes: announced,
        })
    }

    /// Reads and checks a header, before anything is allocated for its payload.
    ///
    /// # Errors
    /// When the type is unknown or the length over its limit.
    pub fn decode(phase: Phase, bytes: [u8; FRAME_HEADER_BYTES]) -> Result<Self, FrameError> {
        let [a, b, c, d, length @ ..] = bytes;
        let code = [a, b, c, d];
        let frame_type = FrameType::from_code(code).ok_or(FrameError::UnknownType { code })?;
        let actual = u32::from_be_bytes(length);
        let limit = phase.max_payload_bytes(frame_type);
        if !usize::try_from(actual).is_ok_and(|bytes| bytes <= limit) {
            return Err(FrameError::TooLong {
                frame_type,
                limit,
                actual,
            });
        }
        Ok(Self {
            frame_type,
            payload_bytes: actual,
        })
    }

    /// The eight bytes on the wire.
    pub fn encode(self) -> [u8; FRAME_HEADER_BYTES] {
        let [a, b, c, d] = self.frame_type.code();
        let [e, f, g, h] = self.payload_bytes.to_be_bytes();
        [a, b, c, d, e, f, g, h]
    }

    /// The type.
    pub fn frame_type(self) -> FrameType {
        self.frame_type
    }

    /// Bytes of payload that follow.
    pub fn payload_bytes(self) -> usize {
        // A u32 that passed the limits above fits a usize on every platform.
        usize::try_from(self.payload_bytes).unwrap_or(usize::MAX)
    }
}

/// One whole plain frame, as bytes to send.
///
/// # Errors
/// When the payload is over the handshake's limit.
pub fn plain_frame(frame_type: FrameType, payload: &[u8]) -> Result<Vec<u8>, FrameError> {
    let header = Header::new(Phase::Handshake, frame_type, payload.len())?;
    let mut frame = Vec::with_capacity(FRAME_HEADER_BYTES + payload.len());
    frame.extend_from_slice(&header.encode());
    frame.extend_from_slice(payload);
    Ok(frame)
}

/// One received frame; the payload stays in the buffer it was read into.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The checked header.
    pub header: Header,
    /// Exactly the bytes that the header announced.
    pub payload: &'a mut [u8],
}

/// Cuts a byte stream into frames, in one buffer and without copying payloads.
///
/// Fill [`unfilled`](Self::unfilled), say how much with [`filled`](Self::filled), then take
/// [`next_frame`](Self::next_frame). The slice to fill ends with the current frame and the next
/// header, so in steady state one read brings one frame, and at most eight bytes are moved.
#[derive(Debug)]
pub struct FrameReader {
    buffer: Vec<u8>,
    filled: usize,
    consumed: usize,
    phase: Phase,
    sender: Sender,
}

impl Default for FrameReader {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameReader {
    /// An empty reader, in the handshake phase, for frames of that side; `Either` takes all types.
    pub fn from(sender: Sender) -> Self {
        Self {
            sender,
            ..Self::new()
        }
    }

    /// An empty reader, in the handshake phase, for frames of both sides.
    pub fn new() -> Self {
        Self {
            buffer: vec![0; FRAME_HEADER_BYTES],
            filled: 0,
            consumed: 0,
            phase: Phase::Handshake,
            sender: Sender::Either,
        }
    }

    /// The other side is verified: larger frames may come from now on.
    pub fn set_established(&mut self) {
        self.phase = Phase::Established;
    }

    /// Where received bytes go; empty only while a whole frame waits to be taken. Grows the buffer
    /// only after the header was checked.
    ///
    /// # Errors
    /// When the header at hand is refused.
    pub fn unfilled(&mut self) -> Result<&mut [u8], FrameError> {
        self.discard_consumed();
        let wanted = match self.header()? {
            Some(header) => FRAME_HEADER_BYTES + header.payload_bytes() + FRAME_HEADER_BYTES,
            None => FRAME_HEADER_BYTES,
        };
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted, 0);
        }
        Ok(&mut self.buffer[self.filled..wanted])
    }

    /// `count` bytes were written to the front of [`unfilled`](Self::unfilled).
    pub fn filled(&mut self, count: usize) {
        self.filled = (self.filled + count).min(self.buffer.len());
    }

    /// Whether a whole frame can be taken.
    ///
    /// # Errors
    /// When the header is refused.
    pub fn has_frame(&mut self) -> Result<bool, FrameError> {
        self.discard_consumed();
        Ok(self
            .header()?
            .is_some_and(|header| self.filled >= FRAME_HEADER_BYTES + header.payload_bytes()))
    }

    /// The next whole frame, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// When the header is refused.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, FrameError> {
        self.discard_consumed();
        let Some(header) = self.header()? else {
            return Ok(None);
        };
        let end = FRAME_HEADER_BYTES + header.payload_bytes();
        if self.filled < end {
            return Ok(None);
        }
        self.consumed = end;
        Ok(Some(Frame {
            header,
            payload: &mut self.buffer[FRAME_HEADER_BYTES..end],
        }))
    }

    /// Gives away the buffer of the frame taken last, whose payload begins at
    /// [`FRAME_HEADER_BYTES`], and goes on in `spare`: so a payload reaches another thread without
    /// a copy. In steady state `spare` is a buffer that was given away before.
    pub fn release(&mut self, mut spare: Vec<u8>) -> Vec<u8> {
        let pending = self.pending();
        if spare.len() < pending.len().max(FRAME_HEADER_BYTES) {
            spare.resize(pending.len().max(FRAME_HEADER_BYTES), 0);
        }
        spare[..pending.len()].copy_from_slice(pending);
        self.filled = pending.len();
        self.consumed = 0;
        std::mem::replace(&mut self.buffer, spare)
    }

    /// Whether the stream stands exactly between two frames.
    pub fn is_at_boundary(&self) -> bool {
        self.filled == self.consumed
    }

    /// The bytes of the frame begun, for telling what the other side speaks when it is not this
    /// protocol.
    pub fn pending(&self) -> &[u8] {
        &self.buffer[self.consumed..self.filled]
    }

    fn header(&self) -> Result<Option<Header>, FrameError> {
        let Some(bytes) = self.buffer[..self.filled].first_chunk() else {
            return Ok(None);
        };
        let header = Header::decode(self.phase, *bytes)?;
        let frame_type = header.frame_type();
        match (self.sender, frame_type.sender()) {
            (Sender::Requester, Sender::Listener) | (Sender::Listener, Sender::Requester) => {
                Err(FrameError::WrongSender { frame_type })
            }
            _ => Ok(Some(header)),
        }
    }

    fn discard_consumed(&mut self) {
        if self.consumed > 0 {
            self.buffer.copy_within(self.consumed..self.filled, 0);
            self.filled -= self.consumed;
            self.consumed = 0;
        }
    }
}

#[cfg(test)]
mod tests;
