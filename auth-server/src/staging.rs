//! A folder within the server's own, for files that are not finished; gone when dropped. Its maker
//! holds a lock on it (flock(2)), which ends with him however he ends: what nobody holds was left over.

use std::fs::File;
use std::path::{Path, PathBuf};

use root_ca::key_store;
use rustix::fs::{FlockOperation, flock};

use crate::failure::Failure;
use crate::home::Home;
use crate::ui;

/// What such folders are called.
const PREFIX: &str = "unfinished-";

/// The folder, mode 0700.
#[derive(Debug)]
pub struct Staging {
    dir: PathBuf,
    _held: File,
}

impl Staging {
    /// Makes one, and removes what others left over.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(home: &Home) -> Result<Self, Failure> {
        for path in sweep(home)? {
            let left = "which a backup or restore that was interrupted had left";
            let text = format!("Removed {}, {left}.", path.display());
            ui::message(&ui::safe(&text));
        }
        let _turn = turn(home)?;
        let dir = home.dir().join(format!("{PREFIX}{}", random_name()?));
        key_store::ensure_private_dir(&dir)?;
        let held = lock(&dir)?;
        Ok(Self { dir, _held: held })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// Removes what interrupted commands left in the server's folder, and says what it was.
///
/// # Errors
/// When something cannot be removed.
pub fn sweep(home: &Home) -> Result<Vec<PathBuf>, Failure> {
    let _turn = turn(home)?;
    let left: Vec<PathBuf> = all(home.dir())
        .into_iter()
        .filter(|path| is_left_over(path))
        .collect();
    for path in &left {
        std::fs::remove_dir_all(path).map_err(|error| Failure::io(path, &error))?;
    }
    Ok(left)
}

/// Such folders in the server's folder, at work or left over.
pub fn all(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut found: Vec<PathBuf> = paths.filter(|path| is_one(path)).collect();
    found.sort();
    found
}

/// Whether it is such a folder; a link is none.
pub fn is_one(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    name.is_some_and(|name| name.starts_with(PREFIX))
        && path
            .symlink_metadata()
            .is_ok_and(|metadata| metadata.is_dir())
}

/// Whether nobody works in it any more.
pub fn is_left_over(path: &Path) -> bool {
    File::open(path).is_ok_and(|dir| flock(&dir, FlockOperation::NonBlockingLockShared).is_ok())
}

/// Held while such a folder is made or removed: one that is made is locked before anybody looks.
fn turn(home: &Home) -> Result<File, Failure> {
    lock(home.dir())
}

/// Waits for whoever looks at it just now.
fn lock(dir: &Path) -> Result<File, Failure> {
    let held = File::open(dir).map_err(|error| Failure::io(dir, &error))?;
    flock(&held, FlockOperation::LockExclusive).map_err(|error| Failure::io(dir, &error.into()))?;
    Ok(held)
}

/// A name that nobody guesses.
///
/// # Errors
/// When the system has no random numbers.
pub fn random_name() -> Result<String, Failure> {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Failure::other("the system has no random numbers"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_works_in_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().to_owned());
        let (old, precious) = ("unfinished-0011", "unfinished-link");
        std::fs::create_dir(folder.path().join(old)).unwrap();
        std::fs::write(folder.path().join(old).join("store.sqlite"), "x").unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::write(elsewhere.path().join("precious"), "x").unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), folder.path().join(precious)).unwrap();
        let first = Staging::new(&home).unwrap();
        assert!(!folder.path().join(old).exists());
        let second = Staging::new(&home).unwrap();
        assert!(first.dir().exists() && second.dir().exists());
        assert!(!is_left_over(first.dir()));
        assert_eq!(all(folder.path()).len(), 2);
        assert!(elsewhere.path().join("precious").exists());
        drop((first, second));
        assert_eq!(all(folder.path()).len(), 0);
    }
}
