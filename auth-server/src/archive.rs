//! The form of a backup: a tar file (POSIX ustar) of `manifest.json`, `manifest.sha256`, and the
//! parts that the manifest lists with sizes and digests, in this order and no other.
//!
//! Every archive has exactly one form: the reader takes the parts out, builds the archive again,
//! and refuses one that differs anywhere. Links, other names, other kinds of entries, bytes in the
//! padding and flipped bits are all the same to it.

mod digest;
mod manifest;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::io;

pub use manifest::Manifest;
pub use read::read;
pub use write::write;

/// The parts and the most bytes that each may have. The store may have what fits on a disk: it is
/// written as it is read, and never held in memory.
pub const PARTS: [(&str, u64); 4] = [
    ("config.toml", 64 * 1024),
    ("root.crt", 64 * 1024),
    ("root.key", 64 * 1024),
    ("store.sqlite", 1 << 40),
];
const MANIFEST: &str = "manifest.json";
const MANIFEST_DIGEST: &str = "manifest.sha256";

/// The format that this program writes and reads.
const FORMAT: &str = "orgshare-auth-backup/1";

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The system would not read or write.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not of this form.
    #[error("it is not a backup of an auth server, or it is damaged: {0}")]
    Form(&'static str),
    /// It is of another version's form.
    #[error("it has the form {0:?}, and this program reads {FORMAT:?}")]
    Format(String),
    /// A part is not what the manifest says.
    #[error("it is damaged: {0} is not what was backed up")]
    Part(&'static str),
    /// It says that its parts are larger than what may be written here.
    #[error("it takes {} MiB, and {} MiB may be written here", mebibytes(*.needed), mebibytes(*.room))]
    Room {
        /// Bytes of its parts.
        needed: u64,
        /// Bytes that are free beyond those that stay so.
        room: u64,
    },
}

/// In whole ones, rounded up.
fn mebibytes(bytes: u64) -> u64 {
    bytes.div_ceil(1024 * 1024)
}
