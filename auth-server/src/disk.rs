//! Room on the disk under a folder.

use std::io;
use std::path::Path;

/// Less free space than this stops the store within days; nothing of ours that could wait takes it.
pub const MIN_FREE_BYTES: u64 = 64 * 1024 * 1024;

/// Bytes that are free there for who asks.
///
/// # Errors
/// When the system does not tell.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(folder)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}
