//! The form of a backup: a tar file (POSIX ustar) of `manifest.json`, `manifest.sha256`, and the
//! parts that the manifest lists with sizes and digests, in this order and no other.
//!
//! Every archive has exactly one form: the reader takes the parts out, builds the archive again,
//! and refuses one that differs anywhere. Links, other names, other kinds of entries, bytes in the
//! padding and flipped bits are all the same to it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use tar::{Archive, Builder, EntryType, Header};
use time::OffsetDateTime;

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
/// Bytes of a manifest: it has four parts and a name.
const MAX_MANIFEST_BYTES: u64 = 16 * 1024;
/// What is read at a time.
const BUFFER_BYTES: usize = 64 * 1024;

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
}

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form of the archive.
    format: String,
    /// The version of the program that wrote it.
    pub version: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// The organisation's name.
    pub organisation: String,
    /// The root certificate's fingerprint.
    pub root: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    name: String,
    size: u64,
    sha256: String,
}

impl Manifest {
    /// Of the parts in `folder`.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn of(
        folder: &Path,
        organisation: &str,
        root: String,
        now: OffsetDateTime,
    ) -> Result<Self, ArchiveError> {
        let part = |(name, _): &(&str, u64)| {
            let (size, sha256) = digest(File::open(folder.join(name))?)?;
            Ok(Part {
                name: (*name).to_owned(),
                size,
                sha256,
            })
        };
        Ok(Self {
            format: FORMAT.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            created_at: now.replace_nanosecond(0).unwrap_or(now),
            organisation: organisation.to_owned(),
            root,
            parts: PARTS.iter().map(part).collect::<Result<_, io::Error>>()?,
        })
    }

    fn check(&self) -> Result<(), ArchiveError> {
        if self.format != FORMAT {
            return Err(ArchiveError::Format(self.format.chars().take(64).collect()));
        }
        let as_expected = self.parts.len() == PARTS.len()
            && self
                .parts
                .iter()
                .zip(PARTS)
                .all(|(part, (name, max))| part.name == name && part.size <= max);
        match as_expected {
            true => Ok(()),
            false => Err(ArchiveError::Form("its list of parts is wrong")),
        }
    }
}

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

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
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

/// Takes the parts of the archive out into the empty `folder`, each with mode 0600.
///
/// # Errors
/// When it is not an archive exactly as [`write()`] makes it.
pub fn read(file: &mut File, folder: &Path) -> Result<Manifest, ArchiveError> {
    use std::io::Seek;
    let length = file.metadata()?.len();
    let manifest = take_out(&*file, length, folder)?;
    let mut again = Digest(Context::new(&SHA256));
    write(&mut again, folder, &manifest)?;
    file.rewind()?;
    let (_, sha256) = digest(&*file)?;
    match sha256 == hexadecimal(again.0) {
        true => Ok(manifest),
        false => Err(ArchiveError::Form("it has bytes that no backup has")),
    }
}

fn take_out(file: &File, length: u64, folder: &Path) -> Result<Manifest, ArchiveError> {
    let mut archive = Archive::new(file);
    // Raw: the extensions of tar (long names, sparse files, links) are not interpreted.
    let mut entries = archive.entries()?.raw(true);
    let mut next = |name: &'static str, max: u64| {
        let entry = entries
            .next()
            .ok_or(ArchiveError::Form("it ends too early"))?
            .map_err(|_| ArchiveError::Form("it is not a tar file"))?;
        if entry.path_bytes() != name.as_bytes()
            || entry.header().entry_type() != EntryType::Regular
            || entry.size() > max.min(length)
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
        let (size, sha256) = copy(entry, &mut out)?;
        out.sync_all()?;
        if size != part.size || sha256 != part.sha256 {
            return Err(ArchiveError::Part(name));
        }
    }
    Ok(manifest)
}

struct Digest(Context);

impl Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn digest(from: impl Read) -> io::Result<(u64, String)> {
    copy(from, &mut io::sink())
}

fn copy(mut from: impl Read, to: &mut impl Write) -> io::Result<(u64, String)> {
    let mut sum = Digest(Context::new(&SHA256));
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut total = 0;
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok((total, hexadecimal(sum.0)));
        }
        to.write_all(&buffer[..read])?;
        sum.write_all(&buffer[..read])?;
        total += size(&buffer[..read]);
    }
}

fn hexadecimal(sum: Context) -> String {
    sum.finish()
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small archive, and the folder of its parts.
    fn archive() -> (tempfile::TempDir, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        for (name, _) in PARTS {
            std::fs::write(dir.path().join(name), format!("content of {name}")).unwrap();
        }
        let now = OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000);
        let manifest = Manifest::of(dir.path(), "Acme", "SHA256:00".into(), now).unwrap();
        let mut bytes = Vec::new();
        write(&mut bytes, dir.path(), &manifest).unwrap();
        (dir, bytes)
    }

    fn reads(bytes: &[u8]) -> Result<Manifest, ArchiveError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("archive");
        std::fs::write(&path, bytes).unwrap();
        let folder = dir.path().join("out");
        std::fs::create_dir(&folder).unwrap();
        let read = read(&mut File::open(&path).unwrap(), &folder);
        let found = std::fs::read_dir(&folder).unwrap();
        for entry in found {
            let name = entry.unwrap().file_name();
            assert!(PARTS.iter().any(|(part, _)| *part == name), "{name:?}");
        }
        read
    }

    #[test]
    fn what_was_written_is_read() {
        let (_dir, bytes) = archive();
        let manifest = reads(&bytes).unwrap();
        assert_eq!(manifest.organisation, "Acme");
    }

    #[test]
    fn flipped_bits_are_refused_wherever_they_are() {
        let (_dir, good) = archive();
        // Seven meets every field of a header and every bit of a byte.
        for at in (0..good.len()).step_by(7) {
            let mut bent = good.clone();
            bent[at] ^= 1 << (at % 8);
            assert!(reads(&bent).is_err(), "byte {at}");
        }
    }

    #[test]
    fn an_archive_cut_anywhere_or_longer_is_refused() {
        let (_dir, good) = archive();
        for length in (0..good.len()).step_by(97) {
            assert!(reads(&good[..length]).is_err(), "{length}");
        }
        for more in [&b"x"[..], &[0; 512]] {
            assert!(reads(&[&good, more].concat()).is_err());
        }
    }

    /// An archive of these entries, otherwise well made.
    fn tar_of(entries: &[(&str, EntryType, u64, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, kind, size, content) in entries {
            let mut header = Header::new_ustar();
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(*size);
            if kind.is_symlink() || kind.is_hard_link() {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_mode(0o600);
            header.set_cksum();
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(content);
            bytes.resize(bytes.len().next_multiple_of(512), 0);
        }
        bytes.resize(bytes.len() + 1024, 0);
        bytes
    }

    #[test]
    fn hostile_entries_are_refused_and_touch_nothing() {
        let (_dir, good) = archive();
        let json_size = Archive::new(good.as_slice())
            .entries()
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .size();
        let json = &good[512..512 + usize::try_from(json_size).unwrap()];
        let manifest = (MANIFEST, EntryType::Regular, json_size, json);
        let sum = (MANIFEST_DIGEST, EntryType::Regular, 1, &b"x"[..]);
        let regular = EntryType::Regular;
        for entries in [
            vec![],
            vec![("../config.toml", regular, 1, &b"x"[..])],
            vec![manifest, sum, ("../../config.toml", regular, 1, b"x")],
            vec![manifest, sum, ("/etc/orgshare", regular, 1, b"x")],
            vec![manifest, sum, ("config.toml", EntryType::Symlink, 0, b"")],
            vec![manifest, sum, ("config.toml", EntryType::Link, 0, b"")],
            vec![manifest, sum, ("config.toml", EntryType::Directory, 0, b"")],
            vec![manifest, sum, ("config.toml", EntryType::Fifo, 0, b"")],
            vec![manifest, sum, ("config.toml", regular, 1 << 34, b"x")],
            vec![(MANIFEST, regular, 1 << 33, b"{")],
            vec![(MANIFEST, EntryType::GNULongName, json_size, json)],
            vec![(MANIFEST, EntryType::XHeader, json_size, json)],
            vec![(MANIFEST, EntryType::GNUSparse, json_size, json)],
            vec![manifest, manifest],
        ] {
            assert!(reads(&tar_of(&entries)).is_err());
        }
    }

    #[test]
    fn another_version_s_form_is_named() {
        let (_dir, good) = archive();
        let text = String::from_utf8_lossy(&good).replace("auth-backup/1", "auth-backup/2");
        let error = reads(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("orgshare-auth-backup/2"), "{error}");
    }
}
