use crate::crypto::{OpenError, SealError};
use crate::digest::{Digest, DigestAlgorithm};
use crate::message::DecodeError;
use crate::wire::FrameType;

/// Why a session ended. The connection is closed; nothing is echoed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// A frame did not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A frame could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A frame opened, but its message cannot be read.
    #[error(transparent)]
    Message(#[from] DecodeError),
    /// A frame that the other side may not send now.
    #[error("unexpected frame {0}")]
    UnexpectedFrame(FrameType),
    /// The provider sends more or less than it announced.
    #[error("the provider announced {announced} bytes and sent {actual}")]
    WrongSize {
        /// Bytes announced.
        announced: u64,
        /// Bytes received so far.
        actual: u64,
    },
    /// The bytes received do not have the digest that the provider states.
    #[error("the file's digest is {actual}, but the provider states {stated}")]
    WrongDigest {
        /// What the provider states.
        stated: Digest,
        /// What was received.
        actual: Digest,
    },
    /// A chunk over the limit.
    #[error("a chunk of {actual} bytes is over the limit of {limit}")]
    ChunkTooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes received.
        actual: usize,
    },
    /// Nothing but keep-alives.
    #[error("more than {limit} keep-alives and nothing else")]
    OnlyKeepAlives {
        /// Keep-alives allowed in a row.
        limit: u32,
    },
    /// A chunk without a byte: it would be progress that is none.
    #[error("a chunk is empty")]
    EmptyChunk,
    /// The provider digests the file in another way than was asked for.
    #[error("asked for the digest {}, the provider makes {}", asked.name(), answered.name())]
    OtherDigest {
        /// What was asked for.
        asked: DigestAlgorithm,
        /// What the provider announces.
        answered: DigestAlgorithm,
    },
    /// The listener says goodbye before everything is answered.
    #[error("the other side ended the session before everything was answered")]
    EarlyGoodbye,
    /// A path that no listener takes.
    #[error("a path has at most {limit} bytes, this one has {actual}")]
    PathTooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes of the path.
        actual: usize,
    },
    /// No verified file waits to be acknowledged.
    #[error("there is no file to acknowledge")]
    NothingToAcknowledge,
    /// More requests than may be unanswered at once.
    #[error("more than {limit} requests are unanswered")]
    TooManyRequests {
        /// Requests allowed.
        limit: usize,
    },
    /// There is no request to answer.
    #[error("there is no request to answer")]
    NothingToAnswer,
}
