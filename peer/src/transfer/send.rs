use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;

use common::digest::{Digest, DigestAlgorithm};
use common::limits::{FRAME_HEADER_BYTES, MAX_TAG_BYTES, SENT_CHUNK_BYTES};
use common::message::FileInfo;
use common::session::{ListenerSession, SessionError};
use common::wire::ErrorCode;

use crate::connection::FrameStream;

/// Why sending broke off; the connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The session refused a step.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// What became of a file at its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Sent whole; the receiver has still to verify it.
    Whole {
        /// Bytes.
        bytes: u64,
        /// Digest of them.
        digest: Digest,
    },
    /// Given up; the requester was told why, and the session goes on.
    GivenUp(ErrorCode),
}

/// What must not change while a file is sent.
#[derive(PartialEq, Eq)]
struct Version {
    size: u64,
    mtime: (i64, i64),
}

impl Version {
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            mtime: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

fn info(metadata: &Metadata, digest: DigestAlgorithm) -> FileInfo {
    FileInfo {
        size: metadata.size(),
        mtime_secs: metadata.mtime(),
        mtime_nanos: u32::try_from(metadata.mtime_nsec()).unwrap_or(0),
        mode: metadata.mode() & 0o777,
        digest,
    }
}

/// Answers the request at hand with `file`. Each chunk is read, digested, sealed and sent while it
/// is in the cache, all in one buffer. Between two chunks `stop` may give a reason to give the file up.
///
/// # Errors
/// When the connection is of no more use. A file that cannot be read, or that changed meanwhile,
/// is no error here: the requester is told.
pub fn send_file(
    stream: &mut FrameStream,
    session: &mut ListenerSession,
    mut file: File,
    digest: DigestAlgorithm,
    stop: &dyn Fn() -> Option<ErrorCode>,
) -> Result<Sent, SendError> {
    let Ok(before) = file.metadata() else {
        stream.send(&session.refuse(ErrorCode::SourceUnreadable)?)?;
        return Ok(Sent::GivenUp(ErrorCode::SourceUnreadable));
    };
    let (mut answer, first) = session.answer_file(info(&before, digest))?;
    stream.send(&first)?;
    let largest = chunk_bytes(answer.remaining());
    let mut buffer = vec![0; FRAME_HEADER_BYTES + largest + MAX_TAG_BYTES];
    while answer.remaining() > 0 {
        let wanted = chunk_bytes(answer.remaining());
        let frame = &mut buffer[..answer.frame_bytes(wanted)];
        let chunk = &mut frame[FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + wanted];
        if let Err(code) = stop()
            .map_or(Ok(()), Err)
            .and_then(|()| read_chunk(&mut file, chunk))
        {
            stream.send(&answer.abort(code)?)?;
            return Ok(Sent::GivenUp(code));
        }
        answer.seal_chunk(frame)?;
        stream.send(frame)?;
    }
    let unchanged = file
        .metadata()
        .is_ok_and(|after| Version::of(&after) == Version::of(&before));
    if !unchanged {
        stream.send(&answer.abort(ErrorCode::SourceChanged)?)?;
        return Ok(Sent::GivenUp(ErrorCode::SourceChanged));
    }
    let (digest, last) = answer.finish()?;
    stream.send(&last)?;
    Ok(Sent::Whole {
        bytes: before.size(),
        digest,
    })
}

fn chunk_bytes(remaining: u64) -> usize {
    usize::try_from(remaining).map_or(SENT_CHUNK_BYTES, |bytes| bytes.min(SENT_CHUNK_BYTES))
}

/// Fills `chunk`. The file had that much when it was opened; less means that it was cut short.
fn read_chunk(file: &mut File, chunk: &mut [u8]) -> Result<(), ErrorCode> {
    file.read_exact(chunk).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ErrorCode::SourceChanged,
        _ => ErrorCode::SourceUnreadable,
    })
}
