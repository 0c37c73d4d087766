//! Frames as anyone on the wire sees them: 4 letters, a length, and bytes without meaning.

use std::io::{self, Read, Write};
use std::net::TcpStream;

/// Bytes of a frame's header.
pub const HEADER: usize = 8;

/// The most a frame of the harness may carry: the largest chunk and the largest tag.
const MOST: usize = (1 << 20) + 64;

/// A frame off the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The four letters.
    pub kind: [u8; 4],
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// A frame of a kind.
    #[must_use]
    pub fn new(kind: [u8; 4], payload: Vec<u8>) -> Self {
        Self { kind, payload }
    }

    /// Reads one frame; none if the stream ended before its first byte.
    ///
    /// # Errors
    /// If the stream ends inside the frame, or the length is beyond all limits.
    pub fn read(stream: &mut impl Read) -> io::Result<Option<Self>> {
        let mut header = [0; HEADER];
        if stream.read(&mut header[..1])? == 0 {
            return Ok(None);
        }
        stream.read_exact(&mut header[1..])?;
        let [a, b, c, d, length @ ..] = header;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > MOST {
            return Err(io::Error::other(format!("a frame of {length} bytes")));
        }
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload)?;
        Ok(Some(Self {
            kind: [a, b, c, d],
            payload,
        }))
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX);
        [&self.kind[..], &length.to_be_bytes(), &self.payload].concat()
    }

    /// Writes the frame.
    ///
    /// # Errors
    /// If the stream refuses.
    pub fn write(&self, stream: &mut TcpStream) -> io::Result<()> {
        stream.write_all(&self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_as_it_was_sent() {
        let frame = Frame::new(*b"SECE", vec![1, 2, 3]);
        let read = Frame::read(&mut frame.bytes().as_slice()).unwrap();
        assert_eq!(read, Some(frame));
    }

    #[test]
    fn a_cut_frame_is_an_error_and_a_clean_end_is_none() {
        let bytes = Frame::new(*b"RQFL", vec![9; 5]).bytes();
        assert_eq!(Frame::read(&mut [].as_slice()).unwrap(), None);
        for cut in 1..bytes.len() {
            assert!(Frame::read(&mut &bytes[..cut]).is_err(), "{cut}");
        }
    }
}
