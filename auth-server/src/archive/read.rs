//! An archive becomes the parts in a folder, if it is exactly as it is written.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use tar::{Archive, EntryType};

use super::digest::{Digest, Digested, copy};
use super::{ArchiveError, MANIFEST, MANIFEST_DIGEST, Manifest, PARTS, write};
use crate::disk;

/// Bytes of a manifest: it has four parts and a name.
const MAX_MANIFEST_BYTES: u64 = 16 * 1024;

/// Takes the parts of the archive out into the empty `folder`, each with mode 0600. It says in the
/// beginning how large they are: nothing is written when that does not fit, and no more than that
/// ever.
///
/// # Errors
/// When it is not an archive exactly as [`write()`] makes it, or takes more room than there is.
pub fn read(from: impl Read, folder: &Path) -> Result<Manifest, ArchiveError> {
    let mut from = Digested::new(from);
    let manifest = take_out(&mut from, folder)?;
    let mut again = Digest::new();
    write(&mut again, folder, &manifest)?;
    // The end, and one byte too many if there is one: a pipe may never end by itself.
    let rest = again.bytes().saturating_sub(from.digest.bytes());
    io::copy(
        &mut (&mut from).take(rest.saturating_add(1)),
        &mut io::sink(),
    )?;
    match from.digest.finish() == again.finish() {
        true => Ok(manifest),
        false => Err(ArchiveError::Form("it has bytes that no backup has")),
    }
}

fn take_out(from: impl Read, folder: &Path) -> Result<Manifest, ArchiveError> {
    let mut archive = Archive::new(from);
    // Raw: the extensions of tar (long names, sparse files, links) are not interpreted.
    let mut entries = archive.entries()?.raw(true);
    let mut next = |name: &'static str, max: u64| {
        let entry = entries
            .next()
            .ok_or(ArchiveError::Form("it ends too early"))?
            .map_err(|_| ArchiveError::Form("it is not a tar file"))?;
        if entry.path_bytes() != name.as_bytes()
            || entry.header().entry_type() != EntryType::Regular
            || entry.size() > max
        {
            return Err(ArchiveError::Form("it holds something else"));
        }
        Ok(entry)
    };
    let mut json = Vec::new();
    next(MANIFEST, MAX_MANIFEST_BYTES)?.read_to_end(&mut json)?;
    let manifest: Manifest = serde_json::from_slice(&json)
        .map_err(|_| ArchiveError::Form("its manifest cannot be read"))?;
    manifest.check()?;
    demand_room(manifest.size(), folder)?;
    drop(next(MANIFEST_DIGEST, MAX_MANIFEST_BYTES)?);
    for (part, (name, max)) in manifest.parts.iter().zip(PARTS) {
        let entry = next(name, max)?;
        if entry.size() != part.size {
            return Err(ArchiveError::Part(name));
        }
        let mut out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join(name))?;
        let (size, sha256) = copy(entry.take(part.size), &mut out)?;
        out.sync_all()?;
        if size != part.size || sha256 != part.sha256 {
            return Err(ArchiveError::Part(name));
        }
    }
    Ok(manifest)
}

/// The store has to be opened there, and others may have their files on that disk.
fn demand_room(needed: u64, folder: &Path) -> Result<(), ArchiveError> {
    let room = disk::free_bytes(folder)?.saturating_sub(disk::MIN_FREE_BYTES);
    match needed <= room {
        true => Ok(()),
        false => Err(ArchiveError::Room { needed, room }),
    }
}
