use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::cbor::{self, DecodeError, Message};
use crate::digest::{Digest, DigestAlgorithm};
use crate::limits::MAX_PATH_BYTES;
use crate::wire::ErrorCode;

/// The bits of a mode that travel: read, write and execute for owner, group and others.
const MODE_BITS: u32 = 0o777;

/// `RQFL`: asks for one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFile {
    /// The name as the requester spelled it: not yet checked, so that a refused name and a missing
    /// file get the same answer.
    pub path: String,
    /// How the file is to be digested; a number, since the listener may not know it.
    pub digest: u8,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct RequestWire {
    #[n(0)]
    path: String,
    #[n(1)]
    digest: u8,
}

impl Message for RequestFile {
    fn encode(&self) -> Vec<u8> {
        cbor::encode(&RequestWire {
            path: self.path.clone(),
            digest: self.digest,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let wire: RequestWire = cbor::decode(bytes)?;
        if wire.path.len() > MAX_PATH_BYTES {
            return Err(DecodeError::Field);
        }
        Ok(Self {
            path: wire.path,
            digest: wire.digest,
        })
    }
}

/// `FLIN`: the file that follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileInfo {
    /// Bytes; exactly so many follow.
    pub size: u64,
    /// Last modification, seconds since 1970-01-01 UTC; negative before.
    pub mtime_secs: i64,
    /// The nanoseconds of it, under 10^9.
    pub mtime_nanos: u32,
    /// Permission bits, `rwxrwxrwx` only.
    pub mode: u32,
    /// How the digest at the end is made.
    pub digest: DigestAlgorithm,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct InfoWire {
    #[n(0)]
    size: u64,
    #[n(1)]
    mtime_secs: i64,
    #[n(2)]
    mtime_nanos: u32,
    #[n(3)]
    mode: u32,
    #[n(4)]
    digest: u8,
}

impl Message for FileInfo {
    fn encode(&self) -> Vec<u8> {
        cbor::encode(&InfoWire {
            size: self.size,
            mtime_secs: self.mtime_secs,
            mtime_nanos: self.mtime_nanos,
            mode: self.mode & MODE_BITS,
            digest: self.digest.number(),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let wire: InfoWire = cbor::decode(bytes)?;
        let in_range = wire.size <= i64::MAX.unsigned_abs()
            && wire.mtime_nanos < 1_000_000_000
            && wire.mode & !MODE_BITS == 0;
        let digest = DigestAlgorithm::from_number(wire.digest);
        match digest {
            Some(digest) if in_range => Ok(Self {
                size: wire.size,
                mtime_secs: wire.mtime_secs,
                mtime_nanos: wire.mtime_nanos,
                mode: wire.mode,
                digest,
            }),
            _ => Err(DecodeError::Field),
        }
    }
}

/// `EOFL`: all bytes of the file were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileEnd {
    /// Bytes sent: the size that `FLIN` announced.
    pub size: u64,
    /// Digest of the whole file.
    pub digest: Digest,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct EndWire {
    #[n(0)]
    size: u64,
    #[n(1)]
    algorithm: u8,
    #[n(2)]
    digest: ByteArray<32>,
}

impl Message for FileEnd {
    fn encode(&self) -> Vec<u8> {
        cbor::encode(&EndWire {
            size: self.size,
            algorithm: self.digest.algorithm().number(),
            digest: (*self.digest.bytes()).into(),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let wire: EndWire = cbor::decode(bytes)?;
        let algorithm = DigestAlgorithm::from_number(wire.algorithm).ok_or(DecodeError::Field)?;
        Ok(Self {
            size: wire.size,
            digest: Digest::new(algorithm, wire.digest.into()),
        })
    }
}

/// What became of a file at its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Verified, and durable under its final name.
    Kept,
    /// Not kept: the receiver could not store it, or gave up.
    Dropped,
}

/// `ACKF`: what became of the oldest file not yet acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledge {
    /// What became of it.
    pub outcome: Outcome,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct AcknowledgeWire {
    #[n(0)]
    outcome: u8,
}

impl Message for Acknowledge {
    fn encode(&self) -> Vec<u8> {
        let outcome = match self.outcome {
            Outcome::Kept => 0,
            Outcome::Dropped => 1,
        };
        cbor::encode(&AcknowledgeWire { outcome })
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let outcome = match cbor::decode::<AcknowledgeWire>(bytes)?.outcome {
            0 => Outcome::Kept,
            1 => Outcome::Dropped,
            _ => return Err(DecodeError::Field),
        };
        Ok(Self { outcome })
    }
}

/// `ERRO`: the current request failed; the session goes on with the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorMessage {
    /// Why.
    pub code: ErrorCode,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct ErrorWire {
    #[n(0)]
    code: u16,
}

impl Message for ErrorMessage {
    fn encode(&self) -> Vec<u8> {
        cbor::encode(&ErrorWire {
            code: self.code.number(),
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let wire: ErrorWire = cbor::decode(bytes)?;
        Ok(Self {
            code: ErrorCode::from_number(wire.code),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> FileInfo {
        FileInfo {
            size: 5,
            mtime_secs: -1,
            mtime_nanos: 999_999_999,
            mode: 0o755,
            digest: DigestAlgorithm::Blake3,
        }
    }

    #[test]
    fn messages_read_back_what_they_write() {
        let request = RequestFile {
            path: "docs/a".into(),
            digest: 0,
        };
        assert_eq!(RequestFile::decode(&request.encode()), Ok(request));
        assert_eq!(FileInfo::decode(&info().encode()), Ok(info()));
        let end = FileEnd {
            size: 5,
            digest: Digest::new(DigestAlgorithm::Sha256, [7; 32]),
        };
        assert_eq!(FileEnd::decode(&end.encode()), Ok(end));
        for outcome in [Outcome::Kept, Outcome::Dropped] {
            let message = Acknowledge { outcome };
            assert_eq!(Acknowledge::decode(&message.encode()), Ok(message));
        }
        let message = ErrorMessage {
            code: ErrorCode::Denied,
        };
        assert_eq!(ErrorMessage::decode(&message.encode()), Ok(message));
    }

    #[test]
    fn a_lying_provider_s_numbers_are_out_of_range() {
        let wire = |size, mtime_nanos, mode, digest| {
            cbor::encode(&InfoWire {
                size,
                mtime_secs: 0,
                mtime_nanos,
                mode,
                digest,
            })
        };
        for bad in [
            wire(1 << 63, 0, 0, 0),
            wire(0, 1_000_000_000, 0, 0),
            wire(0, 0, 0o4755, 0),
            wire(0, 0, 0, 9),
        ] {
            assert_eq!(FileInfo::decode(&bad), Err(DecodeError::Field));
        }
    }

    #[test]
    fn a_mode_never_carries_setuid() {
        let sent = FileInfo {
            mode: 0o104_755,
            ..info()
        };
        assert_eq!(FileInfo::decode(&sent.encode()).unwrap().mode, 0o755);
    }

    #[test]
    fn a_path_over_the_limit_is_refused() {
        let request = RequestFile {
            path: "a".repeat(MAX_PATH_BYTES + 1),
            digest: 0,
        };
        assert_eq!(
            RequestFile::decode(&request.encode()),
            Err(DecodeError::Field)
        );
    }
}
