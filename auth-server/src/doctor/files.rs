//! The folder, its files, and the disk under them.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Finding;
use crate::disk::{MIN_FREE_BYTES, free_bytes};
use crate::home::Home;
use crate::ownership::called;
use crate::staging;

/// The check of owners and modes.
pub(super) const PERMISSIONS: &str = "permissions";
/// Less than this is worth a look.
const ENOUGH_FREE_BYTES: u64 = 1024 * 1024 * 1024;

/// Who may read and write what.
pub(super) fn permissions(home: &Home) -> Vec<Finding> {
    let mut found: Vec<Finding> = wrong_mode(home.dir(), 0o077).into_iter().collect();
    let entries = std::fs::read_dir(home.dir()).map(|entries| {
        entries
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .collect::<Vec<_>>()
    });
    match entries {
        Err(error) => found.push(Finding::fail(
            PERMISSIONS,
            format!("{}: {error}", home.dir().display()),
            "look at the folder and its disk",
        )),
        Ok(mut entries) => {
            entries.sort();
            found.extend(entries.iter().filter_map(|path| look_at(home, path)));
        }
    }
    if found.is_empty() {
        found.push(Finding::ok(PERMISSIONS, "folder and files are closed"));
    }
    found
}

fn look_at(home: &Home, path: &Path) -> Option<Finding> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    if staging::is_one(path) {
        return staging::is_left_over(path).then(|| {
            Finding::warn(
                PERMISSIONS,
                format!(
                    "{} was left by a backup or restore that was interrupted",
                    path.display()
                ),
                format!(
                    "the next backup or run removes it, or: rm -r {}",
                    path.display()
                ),
            )
        });
    }
    let is_secret = path == home.root_key() || name.starts_with("store.sqlite");
    let is_ours = is_secret || path == home.root_certificate() || path == home.config_file();
    match (is_secret, is_ours) {
        (true, _) => wrong_mode(path, 0o077),
        (false, true) => wrong_mode(path, 0o022),
        (false, false) => None,
    }
}

fn wrong_mode(path: &Path, forbidden: u32) -> Option<Finding> {
    let metadata = path.symlink_metadata().ok()?;
    let mode = metadata.mode() & 0o777;
    let owner = metadata.uid();
    if metadata.is_symlink() {
        return Some(Finding::fail(
            PERMISSIONS,
            format!("{} is a symbolic link", path.display()),
            "put the file itself there",
        ));
    }
    let own = rustix::process::geteuid();
    if owner != own.as_raw() {
        return Some(Finding::fail(
            PERMISSIONS,
            format!("{} belongs to {}", path.display(), called(owner)),
            format!("as root: chown {} {}", own.as_raw(), path.display()),
        ));
    }
    if mode & forbidden == 0 {
        return None;
    }
    let right = if metadata.is_dir() { "700" } else { "600" };
    Some(Finding::fail(
        PERMISSIONS,
        format!("{} is open to others (mode {mode:03o})", path.display()),
        format!("chmod {right} {}", path.display()),
    ))
}

/// Room for the store to grow.
pub(super) fn disk(home: &Home) -> Finding {
    let free = match free_bytes(home.dir()) {
        Ok(free) => free,
        Err(error) => {
            let says = format!("{}: {error}", home.dir().display());
            return Finding::fail("disk", says, "check the disk");
        }
    };
    let says = format!("{} MiB are free", free / (1024 * 1024));
    let cure = format!("make room on the disk of {}", home.dir().display());
    match free {
        free if free < MIN_FREE_BYTES => Finding::fail("disk", says, cure),
        free if free < ENOUGH_FREE_BYTES => Finding::warn("disk", says, cure),
        _ => Finding::ok("disk", says),
    }
}
