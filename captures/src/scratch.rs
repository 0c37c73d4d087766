//! Temporary folders and the files in them.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::error::{Doing, Result};

/// A new temporary folder, gone when dropped.
///
/// # Errors
/// If the system refuses.
pub fn folder() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("orgshare-")
        .tempdir()
        .doing("making a temporary folder")
}

/// A new folder in memory, for what must not be slowed down by a disk.
///
/// # Errors
/// If the system refuses.
pub fn memory_folder() -> Result<TempDir> {
    let builder = &mut tempfile::Builder::new();
    builder
        .prefix("orgshare-")
        .tempdir_in("/dev/shm")
        .doing("making a folder in /dev/shm")
}

/// Writes a file that no compression and no repetition could fake: SplitMix64 from a seed.
///
/// # Errors
/// If it cannot be written.
pub fn generate(path: &Path, bytes: u64, seed: u64) -> Result<()> {
    let doing = || format!("writing {}", path.display());
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path).doing(doing())?);
    let mut state = seed;
    let mut left = bytes;
    while left > 0 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let word = (z ^ (z >> 31)).to_le_bytes();
        let take = word.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        file.write_all(&word[..take]).doing(doing())?;
        left -= u64::try_from(take).unwrap_or(left);
    }
    file.flush().doing(doing())
}

/// SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// If it cannot be read.
pub fn sha256(path: &Path) -> Result<String> {
    let doing = || format!("reading {}", path.display());
    let mut file = File::open(path).doing(doing())?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).doing(doing())? {
            0 => return Ok(hexadecimal(&digest.finalize())),
            n => digest.update(&buffer[..n]),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

/// Every regular file below a folder, in order; the folder may be missing.
#[must_use]
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(files_below(&path)),
            Ok(kind) if kind.is_file() => files.push(path),
            _ => {}
        }
    }
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_file_has_its_size_and_depends_on_its_seed() {
        let folder = folder().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        generate(&a, 1001, 1).unwrap();
        generate(&b, 1001, 2).unwrap();
        assert_eq!(fs::metadata(&a).unwrap().len(), 1001);
        assert_ne!(sha256(&a).unwrap(), sha256(&b).unwrap());
        generate(&b, 1001, 1).unwrap();
        assert_eq!(sha256(&a).unwrap(), sha256(&b).unwrap());
    }

    #[test]
    fn the_digest_is_that_of_fips_180() {
        let folder = folder().unwrap();
        let path = folder.path().join("abc");
        fs::write(&path, "abc").unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&path).unwrap(), expected);
    }
}
