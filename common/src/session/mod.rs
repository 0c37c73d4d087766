//! What two verified peers say to each other: requests and answers, in order, without IO.
//!
//! Requests may be sent before earlier ones are answered; answers come in the order of the
//! requests. An answer is either an error, or the file's information, its chunks and its end.

mod error;
mod listener;
mod requester;

#[cfg(test)]
mod tests;

use crate::limits::MAX_KEEP_ALIVES;
use crate::wire::FrameType;

pub use error::SessionError;
pub use listener::{FileAnswer, ListenerEvent, ListenerSession};
pub use requester::{RequesterEvent, RequesterSession, VerifiedFile};

/// Keep-alive and goodbye say nothing beyond their type.
fn empty(plaintext: &[u8]) -> Result<(), SessionError> {
    if plaintext.is_empty() {
        Ok(())
    } else {
        Err(SessionError::Message(crate::message::DecodeError::Trailing))
    }
}

/// Counts keep-alives that follow each other.
#[derive(Debug, Default)]
struct KeepAlives(u32);

impl KeepAlives {
    /// A frame of that type came.
    fn count(&mut self, frame_type: FrameType) -> Result<(), SessionError> {
        if frame_type != FrameType::KeepAlive {
            self.0 = 0;
            return Ok(());
        }
        self.0 += 1;
        if self.0 > MAX_KEEP_ALIVES {
            return Err(SessionError::OnlyKeepAlives {
                limit: MAX_KEEP_ALIVES,
            });
        }
        Ok(())
    }
}
