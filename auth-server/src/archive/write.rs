//! The parts of a folder become an archive.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use tar::{Builder, EntryType, Header};

use super::digest::{digest, size};
use super::{ArchiveError, MANIFEST, MANIFEST_DIGEST, Manifest};

/// Writes the archive of the parts in `folder`.
///
/// # Errors
/// When something cannot be read or written.
pub fn write(out: impl Write, folder: &Path, manifest: &Manifest) -> Result<(), ArchiveError> {
    let json = serde_json::to_vec_pretty(manifest).map_err(io::Error::from)?;
    let (_, sum) = digest(json.as_slice())?;
    let sum = format!("{sum}  {MANIFEST}\n");
    let mut archive = Builder::new(out);
    let when = u64::try_from(manifest.created_at.unix_timestamp()).unwrap_or_default();
    archive.append(&header(MANIFEST, size(&json), when)?, json.as_slice())?;
    archive.append(
        &header(MANIFEST_DIGEST, size(sum.as_bytes()), when)?,
        sum.as_bytes(),
    )?;
    for part in &manifest.parts {
        let file = File::open(folder.join(&part.name))?;
        archive.append(&header(&part.name, part.size, when)?, file.take(part.size))?;
    }
    archive.into_inner()?.flush()?;
    Ok(())
}

fn header(name: &str, size: u64, when: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o600);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(when);
    header.set_cksum();
    Ok(header)
}
