use std::fs::File;
use std::io::{self, Read};

use tar::{Archive, EntryType, Header};
use time::OffsetDateTime;

use super::*;
use crate::disk;

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
    let read = read(File::open(&path).unwrap(), &folder);
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

/// The archive with other sizes in its manifest, and in the header of the store.
fn announcing(good: &[u8], size: u64) -> Vec<u8> {
    let mut archive = Archive::new(good);
    let mut entries = archive.entries().unwrap();
    let mut json = String::new();
    entries
        .next()
        .unwrap()
        .unwrap()
        .read_to_string(&mut json)
        .unwrap();
    let old = "content of store.sqlite".len();
    let (before, after) = json.rsplit_once(&format!("\"size\": {old}")).unwrap();
    let json = format!("{before}\"size\": {size}{after}");
    let regular = EntryType::Regular;
    let of = |name: &'static str| format!("content of {name}");
    let parts = PARTS.map(|(name, _)| (name, of(name)));
    let mut all = vec![
        (
            MANIFEST,
            regular,
            u64::try_from(json.len()).unwrap(),
            json.as_bytes(),
        ),
        (MANIFEST_DIGEST, regular, 1, &b"x"[..]),
    ];
    for (name, content) in &parts {
        let own = u64::try_from(content.len()).unwrap();
        let size = if *name == "store.sqlite" { size } else { own };
        all.push((*name, regular, size, content.as_bytes()));
    }
    tar_of(&all)
}

#[test]
fn an_archive_that_says_it_does_not_fit_is_refused_before_anything_is_written() {
    let (_dir, good) = archive();
    let folder = tempfile::tempdir().unwrap();
    for size in [1 << 40, disk::free_bytes(folder.path()).unwrap()] {
        let error = read(announcing(&good, size).as_slice(), folder.path()).unwrap_err();
        assert!(matches!(error, ArchiveError::Room { .. }), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
    // One that nothing holds is no backup at all.
    for size in [(1 << 40) + 1, u64::MAX] {
        assert!(read(announcing(&good, size).as_slice(), folder.path()).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn no_more_is_written_than_was_announced_whatever_follows() {
    let (_dir, good) = archive();
    let folder = tempfile::tempdir().unwrap();
    // An endless one, which a pipe can be.
    let endless = good.as_slice().chain(io::repeat(0));
    assert!(read(endless, folder.path()).is_err());
    let written: u64 = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    let announced: usize = PARTS
        .iter()
        .map(|(name, _)| "content of ".len() + name.len())
        .sum();
    assert_eq!(written, u64::try_from(announced).unwrap());
}

#[test]
fn an_archive_is_read_as_it_comes_out_of_a_pipe() {
    struct Drops<'a>(&'a [u8]);
    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let few = buffer.len().min(7);
            self.0.read(&mut buffer[..few])
        }
    }
    let (_dir, good) = archive();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        read(Drops(&good), folder.path()).unwrap().organisation,
        "Acme"
    );
}
