use super::{KeepAlives, SessionError, empty};
use crate::crypto::{Opener, Sealer};
use crate::digest::{Digest, Hasher};
use crate::frame::Frame;
use crate::handshake::{Established, VerifiedPeer};
use crate::limits::FRAME_HEADER_BYTES;
use crate::message::{Acknowledge, ErrorMessage, FileEnd, FileInfo, Message, Outcome, RequestFile};
use crate::wire::{ErrorCode, FrameType};

/// The listener's side of a session: takes requests, one at a time, and answers them in order.
#[derive(Debug)]
pub struct ListenerSession {
    peer: VerifiedPeer,
    sealer: Sealer,
    opener: Opener,
    unanswered: usize,
    unacknowledged: usize,
    keep_alives: KeepAlives,
}

/// What a frame from the requester means.
#[derive(Debug, PartialEq, Eq)]
pub enum ListenerEvent {
    /// A file is asked for. Answer it before handling the next frame.
    FileRequested(RequestFile),
    /// What became of the oldest file not yet acknowledged.
    Acknowledged(Outcome),
    /// The requester is alive.
    KeepAlive,
    /// The requester ends the session in order.
    Goodbye,
}

impl ListenerSession {
    /// Takes over from a finished handshake.
    pub fn new(established: Established) -> Self {
        let Established {
            peer,
            sealer,
            opener,
        } = established;
        Self {
            peer,
            sealer,
            opener,
            unanswered: 0,
            unacknowledged: 0,
            keep_alives: KeepAlives::default(),
        }
    }

    /// Who asks.
    pub fn peer(&self) -> &VerifiedPeer {
        &self.peer
    }

    /// Opens the requester's next frame and says what it means.
    ///
    /// # Errors
    /// When it does not open or is not expected. The session is over then.
    pub fn handle_frame(&mut self, frame: Frame<'_>) -> Result<ListenerEvent, SessionError> {
        let frame_type = frame.header.frame_type();
        let plaintext = self.opener.open_in_place(frame)?;
        self.keep_alives.count(frame_type)?;
        match frame_type {
            FrameType::RequestFile => {
                let request = RequestFile::decode(plaintext)?;
                self.unanswered += 1;
                Ok(ListenerEvent::FileRequested(request))
            }
            FrameType::Acknowledge => {
                let message = Acknowledge::decode(plaintext)?;
                self.unacknowledged = self
                    .unacknowledged
                    .checked_sub(1)
                    .ok_or(SessionError::UnexpectedFrame(FrameType::Acknowledge))?;
                Ok(ListenerEvent::Acknowledged(message.outcome))
            }
            FrameType::KeepAlive => empty(plaintext).map(|()| ListenerEvent::KeepAlive),
            FrameType::Goodbye => empty(plaintext).map(|()| ListenerEvent::Goodbye),
            other => Err(SessionError::UnexpectedFrame(other)),
        }
    }

    /// Answers the oldest request with an error: the frame to send.
    ///
    /// # Errors
    /// When there is no request to answer.
    pub fn refuse(&mut self, code: ErrorCode) -> Result<Vec<u8>, SessionError> {
        self.take_request()?;
        self.error(code)
    }

    /// Answers the oldest request with a file: what continues the answer, and the frame to send.
    ///
    /// # Errors
    /// When there is no request to answer.
    pub fn answer_file(
        &mut self,
        info: FileInfo,
    ) -> Result<(FileAnswer<'_>, Vec<u8>), SessionError> {
        self.take_request()?;
        let frame = self.sealer.seal(FrameType::FileInfo, &info.encode())?;
        let answer = FileAnswer {
            session: self,
            info,
            sent: 0,
            hasher: Hasher::new(info.digest),
        };
        Ok((answer, frame))
    }

    /// Shows that we are alive: the frame to send.
    ///
    /// # Errors
    /// None that depends on the other side.
    pub fn keep_alive(&mut self) -> Result<Vec<u8>, SessionError> {
        Ok(self.sealer.seal(FrameType::KeepAlive, &[])?)
    }

    /// Ends the session in order: the last frame to send.
    ///
    /// # Errors
    /// None that depends on the other side.
    pub fn goodbye(mut self) -> Result<Vec<u8>, SessionError> {
        Ok(self.sealer.seal(FrameType::Goodbye, &[])?)
    }

    fn take_request(&mut self) -> Result<(), SessionError> {
        self.unanswered = self
            .unanswered
            .checked_sub(1)
            .ok_or(SessionError::NothingToAnswer)?;
        Ok(())
    }

    fn error(&mut self, code: ErrorCode) -> Result<Vec<u8>, SessionError> {
        let message = ErrorMessage { code };
        Ok(self.sealer.seal(FrameType::Error, &message.encode())?)
    }
}

/// A file on its way to the requester. Holds the session, so that nothing can come between its
/// frames.
#[derive(Debug)]
pub struct FileAnswer<'s> {
    session: &'s mut ListenerSession,
    info: FileInfo,
    sent: u64,
    hasher: Hasher,
}

impl FileAnswer<'_> {
    /// Bytes of the file not yet sealed.
    pub fn remaining(&self) -> u64 {
        self.info.size - self.sent
    }

    /// Bytes of a frame that carries that much of the file.
    pub fn frame_bytes(&self, chunk_bytes: usize) -> usize {
        self.session.sealer.frame_bytes(chunk_bytes)
    }

    /// Digests and seals the next chunk in place. `frame` is a whole frame: eight bytes for the
    /// header, the bytes of the file, and room for the tag.
    ///
    /// # Errors
    /// When it is more than announced, or there is no room for header and tag.
    pub fn seal_chunk(&mut self, frame: &mut [u8]) -> Result<(), SessionError> {
        let overhead = self.frame_bytes(0);
        let chunk_bytes = frame.len().saturating_sub(overhead);
        let sent = self
            .sent
            .saturating_add(u64::try_from(chunk_bytes).unwrap_or(u64::MAX));
        if sent > self.info.size {
            return Err(SessionError::WrongSize {
                announced: self.info.size,
                actual: sent,
            });
        }
        if let Some(chunk) = frame.get(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + chunk_bytes) {
            self.hasher.update(chunk);
        }
        self.session.sealer.seal_in_place(FrameType::Chunk, frame)?;
        self.sent = sent;
        Ok(())
    }

    /// Ends the file: its digest, and the frame to send.
    ///
    /// # Errors
    /// When fewer bytes were sealed than announced.
    pub fn finish(self) -> Result<(Digest, Vec<u8>), SessionError> {
        if self.sent != self.info.size {
            return Err(SessionError::WrongSize {
                announced: self.info.size,
                actual: self.sent,
            });
        }
        let digest = self.hasher.finish();
        let end = FileEnd {
            size: self.sent,
            digest,
        };
        let frame = self
            .session
            .sealer
            .seal(FrameType::FileEnd, &end.encode())?;
        self.session.unacknowledged += 1;
        Ok((digest, frame))
    }

    /// Gives the file up, for example because it changed: the frame to send.
    ///
    /// # Errors
    /// None that depends on the other side.
    pub fn abort(self, code: ErrorCode) -> Result<Vec<u8>, SessionError> {
        self.session.error(code)
    }
}
