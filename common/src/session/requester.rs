use std::collections::VecDeque;

use super::{KeepAlives, SessionError, empty};
use crate::crypto::{Opener, Sealer};
use crate::digest::{Digest, DigestAlgorithm, Hasher};
use crate::frame::Frame;
use crate::handshake::{Established, VerifiedPeer};
use crate::limits::{MAX_CHUNK_BYTES, MAX_PATH_BYTES, MAX_PIPELINED_REQUESTS};
use crate::message::{Acknowledge, ErrorMessage, FileEnd, FileInfo, Message, Outcome, RequestFile};
use crate::wire::{ErrorCode, FrameType};

/// The requester's side of a session: asks, and checks every answer.
#[derive(Debug)]
pub struct RequesterSession {
    peer: VerifiedPeer,
    sealer: Sealer,
    opener: Opener,
    /// The digests asked for in the requests not answered yet; the file under way has left it.
    asked: VecDeque<DigestAlgorithm>,
    receiving: Option<Receiving>,
    unacknowledged: usize,
    keep_alives: KeepAlives,
}

/// A file whose chunks are arriving.
#[derive(Debug)]
struct Receiving {
    info: FileInfo,
    received: u64,
    hasher: Hasher,
}

/// Proof that every byte of a file arrived: opened in order, as many as announced, and with the
/// digest that the provider states. Only the session makes it; only with it may a file get its
/// final name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedFile {
    info: FileInfo,
    digest: Digest,
}

impl VerifiedFile {
    /// What the provider said about the file.
    pub fn info(&self) -> &FileInfo {
        &self.info
    }

    /// The digest of the bytes received.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

/// What a frame from the listener means.
#[derive(Debug, PartialEq, Eq)]
pub enum RequesterEvent<'a> {
    /// The oldest unanswered request is answered with this file; its chunks follow.
    FileStarted(FileInfo),
    /// The next bytes of the file.
    Chunk(&'a [u8]),
    /// The file is complete and verified. Acknowledge it.
    FileVerified(VerifiedFile),
    /// The oldest unanswered request, or the file under way, failed.
    RequestFailed(ErrorCode),
    /// The listener is alive.
    KeepAlive,
    /// The listener ends the session in order.
    Goodbye,
}

impl RequesterSession {
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
            asked: VecDeque::new(),
            receiving: None,
            unacknowledged: 0,
            keep_alives: KeepAlives::default(),
        }
    }

    /// Who provides.
    pub fn peer(&self) -> &VerifiedPeer {
        &self.peer
    }

    /// Requests sent whose answer has not ended.
    pub fn unanswered(&self) -> usize {
        self.asked.len() + usize::from(self.receiving.is_some())
    }

    /// Asks for a file: the frame to send.
    ///
    /// # Errors
    /// When too many requests are unanswered, or the path is too long for a frame.
    pub fn request_file(
        &mut self,
        path: &str,
        digest: DigestAlgorithm,
    ) -> Result<Vec<u8>, SessionError> {
        if path.len() > MAX_PATH_BYTES {
            return Err(SessionError::PathTooLong {
                limit: MAX_PATH_BYTES,
                actual: path.len(),
            });
        }
        if self.unanswered() == MAX_PIPELINED_REQUESTS {
            return Err(SessionError::TooManyRequests {
                limit: MAX_PIPELINED_REQUESTS,
            });
        }
        let request = RequestFile {
            path: path.to_owned(),
            digest: digest.number(),
        };
        let frame = self
            .sealer
            .seal(FrameType::RequestFile, &request.encode())?;
        self.asked.push_back(digest);
        Ok(frame)
    }

    /// Tells the provider what became of the oldest verified file: the frame to send.
    ///
    /// # Errors
    /// When no verified file waits for it.
    pub fn acknowledge(&mut self, outcome: Outcome) -> Result<Vec<u8>, SessionError> {
        self.unacknowledged = self
            .unacknowledged
            .checked_sub(1)
            .ok_or(SessionError::NothingToAcknowledge)?;
        let message = Acknowledge { outcome };
        Ok(self
            .sealer
            .seal(FrameType::Acknowledge, &message.encode())?)
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

    /// Opens the listener's next frame and says what it means.
    ///
    /// # Errors
    /// When it does not open, is not expected now, or contradicts what was announced. The session
    /// is over then.
    pub fn handle_frame<'a>(
        &mut self,
        frame: Frame<'a>,
    ) -> Result<RequesterEvent<'a>, SessionError> {
        let frame_type = frame.header.frame_type();
        let plaintext = self.opener.open_in_place(frame)?;
        self.keep_alives.count(frame_type)?;
        match frame_type {
            FrameType::FileInfo => self.start_file(FileInfo::decode(plaintext)?),
            FrameType::Chunk => self.take_chunk(plaintext),
            FrameType::FileEnd => self.end_file(FileEnd::decode(plaintext)?),
            FrameType::Error => self.fail_request(ErrorMessage::decode(plaintext)?.code),
            FrameType::KeepAlive => empty(plaintext).map(|()| RequesterEvent::KeepAlive),
            FrameType::Goodbye if self.unanswered() > 0 => Err(SessionError::EarlyGoodbye),
            FrameType::Goodbye => empty(plaintext).map(|()| RequesterEvent::Goodbye),
            other => Err(SessionError::UnexpectedFrame(other)),
        }
    }

    fn start_file(&mut self, info: FileInfo) -> Result<RequesterEvent<'static>, SessionError> {
        let unexpected = SessionError::UnexpectedFrame(FrameType::FileInfo);
        if self.receiving.is_some() {
            return Err(unexpected);
        }
        let asked = self.asked.pop_front().ok_or(unexpected)?;
        if asked != info.digest {
            return Err(SessionError::OtherDigest {
                asked,
                answered: info.digest,
            });
        }
        self.receiving = Some(Receiving {
            info,
            received: 0,
            hasher: Hasher::new(info.digest),
        });
        Ok(RequesterEvent::FileStarted(info))
    }

    fn take_chunk<'a>(&mut self, bytes: &'a [u8]) -> Result<RequesterEvent<'a>, SessionError> {
        let file = self
            .receiving
            .as_mut()
            .ok_or(SessionError::UnexpectedFrame(FrameType::Chunk))?;
        if bytes.is_empty() {
            return Err(SessionError::EmptyChunk);
        }
        if bytes.len() > MAX_CHUNK_BYTES {
            return Err(SessionError::ChunkTooLong {
                limit: MAX_CHUNK_BYTES,
                actual: bytes.len(),
            });
        }
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let received = file.received.saturating_add(length);
        if received > file.info.size {
            return Err(SessionError::WrongSize {
                announced: file.info.size,
                actual: received,
            });
        }
        file.received = received;
        file.hasher.update(bytes);
        Ok(RequesterEvent::Chunk(bytes))
    }

    fn end_file(&mut self, end: FileEnd) -> Result<RequesterEvent<'static>, SessionError> {
        let file = self
            .receiving
            .take()
            .ok_or(SessionError::UnexpectedFrame(FrameType::FileEnd))?;
        if file.received != file.info.size || end.size != file.info.size {
            return Err(SessionError::WrongSize {
                announced: file.info.size,
                actual: if file.received == file.info.size {
                    end.size
                } else {
                    file.received
                },
            });
        }
        let actual = file.hasher.finish();
        if end.digest != actual {
            return Err(SessionError::WrongDigest {
                stated: end.digest,
                actual,
            });
        }
        self.unacknowledged += 1;
        Ok(RequesterEvent::FileVerified(VerifiedFile {
            info: file.info,
            digest: actual,
        }))
    }

    fn fail_request(&mut self, code: ErrorCode) -> Result<RequesterEvent<'static>, SessionError> {
        if self.receiving.take().is_none() && self.asked.pop_front().is_none() {
            return Err(SessionError::UnexpectedFrame(FrameType::Error));
        }
        Ok(RequesterEvent::RequestFailed(code))
    }
}
