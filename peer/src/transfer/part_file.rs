//! A file that is not yet whole: `NAME.orgshare.part` beside its final name, locked while it is written,
//! and renamed only with the proof that every byte was verified.

use std::fs::{File, FileTimes, Permissions};
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use common::message::FileInfo;
use common::session::VerifiedFile;
use rustix::fs::{FlockOperation, RenameFlags};
use rustix::io::Errno;

use super::destination::{Destination, Overwrite, part_name};
use super::write_behind::{WORTHWHILE_BYTES, WriteBehind};
use crate::failure::{Exit, Failure};

/// Names tried by [`Overwrite::Rename`] before giving up.
const MAX_RENAMES: u32 = 1000;

/// A file under its `.part` name, locked against other transfers.
#[derive(Debug)]
pub struct PartFile {
    destination: Destination,
    part: String,
    file: File,
    behind: Option<WriteBehind>,
}

impl PartFile {
    /// Makes the `.part` file, or takes over one that an interrupted transfer left.
    ///
    /// # Errors
    /// When it cannot be made, another transfer is writing it, or what is there is not ours.
    pub fn create(destination: Destination) -> Result<Self, Failure> {
        let part = part_name(&destination.name);
        loop {
            let file = match open_new(&destination.dir, &part) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    open_left_over(&destination, &part)?
                }
                Err(error) => return Err(destination.failure(&part, &error)),
                Ok(file) => file,
            };
            lock(&destination, &part, &file)?;
            // Between opening and locking another transfer may have finished and renamed it.
            if is_still_named(&destination.dir, &part, &file) {
                file.set_len(0)
                    .map_err(|error| destination.failure(&part, &error))?;
                return Ok(Self {
                    destination,
                    part,
                    file,
                    behind: None,
                });
            }
        }
    }

    /// The final path, for messages.
    pub fn path(&self) -> PathBuf {
        self.destination.path()
    }

    /// So many bytes will come: a large file is written by a thread of its own.
    pub fn expect(&mut self, bytes: u64) {
        if bytes >= WORTHWHILE_BYTES {
            // Without a thread the file is written all the same, only slower.
            let started = self.file.try_clone().and_then(WriteBehind::start);
            self.behind = started.ok();
        }
    }

    /// Appends the next bytes.
    ///
    /// # Errors
    /// When the file system does not take them.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file
            .write_all(bytes)
            .map_err(|error| self.destination.failure(&self.part, &error))
    }

    /// A buffer to exchange for the one with the next bytes, where a thread writes the file.
    ///
    /// # Errors
    /// When the file system did not take earlier bytes.
    pub fn spare_buffer(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        self.behind
            .as_mut()
            .map(WriteBehind::spare)
            .transpose()
            .map_err(|error| self.destination.failure(&self.part, &error))
    }

    /// Appends that part of a buffer, some time before [`publish`](Self::publish) returns.
    ///
    /// # Errors
    /// When the file system does not take the bytes, or did not take earlier ones.
    pub fn write_behind(&mut self, buffer: Vec<u8>, range: Range<usize>) -> Result<(), Failure> {
        match &mut self.behind {
            Some(behind) => behind
                .write(buffer, range)
                .map_err(|error| self.destination.failure(&self.part, &error)),
            None => self.write(&buffer[range]),
        }
    }

    /// Gives the verified file its time, its mode under the umask, and its final name, durably:
    /// the path it got.
    ///
    /// # Errors
    /// When a step fails or the final name is taken; the `.part` file stays then.
    pub fn publish(
        mut self,
        verified: &VerifiedFile,
        overwrite: Overwrite,
        umask: u32,
    ) -> Result<PathBuf, Failure> {
        self.behind
            .take()
            .map_or(Ok(()), WriteBehind::finish)
            .and_then(|()| self.finish(verified.info(), umask))
            .map_err(|error| self.destination.failure(&self.part, &error))?;
        let name = self.rename(overwrite)?;
        self.destination
            .dir
            .open(".")
            .and_then(|folder| folder.sync_all())
            .map_err(|error| self.destination.failure(&name, &error))?;
        Ok(self.destination.folder.join(name))
    }

    /// Removes the `.part` file.
    pub fn discard(self) {
        // Nothing depends on it: a later transfer takes over what is left.
        let _ = self.destination.dir.remove_file(&self.part);
    }

    fn finish(&self, info: &FileInfo, umask: u32) -> io::Result<()> {
        let mode = info.mode & 0o777 & !umask;
        self.file.set_permissions(Permissions::from_mode(mode))?;
        if let Some(mtime) = modified(info) {
            self.file
                .set_times(FileTimes::new().set_modified(mtime).set_accessed(mtime))?;
        }
        self.file.sync_all()
    }

    fn rename(&self, overwrite: Overwrite) -> Result<String, Failure> {
        let dir = &self.destination.dir;
        let name = &self.destination.name;
        match overwrite {
            Overwrite::Replace => dir
                .rename(&self.part, dir, name)
                .map(|()| name.clone())
                .map_err(|error| self.destination.failure(name, &error)),
            Overwrite::Never => rename_to_free(dir, &self.part, name)
                .map(|()| name.clone())
                .map_err(|error| self.taken(name, &error)),
            Overwrite::Rename => self.rename_to_next_free(),
        }
    }

    fn rename_to_next_free(&self) -> Result<String, Failure> {
        let name = &self.destination.name;
        for number in 0..MAX_RENAMES {
            let candidate = numbered(name, number);
            match rename_to_free(&self.destination.dir, &self.part, &candidate) {
                Ok(()) => return Ok(candidate),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.destination.failure(&candidate, &error)),
            }
        }
        Err(exists(&self.destination.path()))
    }

    fn taken(&self, name: &str, error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::AlreadyExists => exists(&self.destination.path()),
            _ => self.destination.failure(name, error),
        }
    }
}

/// The final name is taken.
pub(crate) fn exists(path: &Path) -> Failure {
    Failure::new(
        Exit::LocalFile,
        format!("{} exists already", path.display()),
    )
    .hint("give another name, or say what to do with --overwrite always or --overwrite rename")
}

fn modified(info: &FileInfo) -> Option<SystemTime> {
    let whole = Duration::from_secs(info.mtime_secs.unsigned_abs());
    let nanos = Duration::from_nanos(info.mtime_nanos.into());
    let base = if info.mtime_secs < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(whole)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(whole)
    };
    base.and_then(|base| base.checked_add(nanos))
}

/// `NAME`, `NAME (1)`, `NAME (2)`; the number goes before the ending.
fn numbered(name: &str, number: u32) -> String {
    match (number, name.rsplit_once('.')) {
        (0, _) => name.to_owned(),
        (_, Some((stem, ending))) if !stem.is_empty() => format!("{stem} ({number}).{ending}"),
        _ => format!("{name} ({number})"),
    }
}

fn open_new(dir: &Dir, part: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .follow(FollowSymlinks::No);
    dir.open_with(part, &options).map(|file| file.into_std())
}

/// A `.part` file that is there already is used only if it is a regular file of ours with one
/// name: anything else was put there to make us write elsewhere.
fn open_left_over(destination: &Destination, part: &str) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .nonblock(true)
        .follow(FollowSymlinks::No);
    let failed = |error: io::Error| destination.failure(part, &error);
    let file = destination
        .dir
        .open_with(part, &options)
        .map_err(failed)?
        .into_std();
    let metadata = file.metadata().map_err(failed)?;
    let ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if metadata.is_file() && ours && metadata.nlink() == 1 {
        return Ok(file);
    }
    Err(Failure::new(
        Exit::LocalFile,
        format!(
            "{} is in the way and not a file that an earlier transfer left",
            destination.folder.join(part).display()
        ),
    )
    .hint("look at it and remove it"))
}

fn lock(destination: &Destination, part: &str, file: &File) -> Result<(), Failure> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(Errno::WOULDBLOCK) => Err(Failure::new(
            Exit::LocalFile,
            format!(
                "another transfer is writing {}",
                destination.folder.join(part).display()
            ),
        )
        .hint("wait for it, or give another name")),
        Err(error) => Err(destination.failure(part, &error.into())),
    }
}

fn is_still_named(dir: &Dir, part: &str, file: &File) -> bool {
    use cap_std::fs::MetadataExt as _;
    match (dir.symlink_metadata(part), file.metadata()) {
        (Ok(named), Ok(opened)) => (named.dev(), named.ino()) == (opened.dev(), opened.ino()),
        _ => false,
    }
}

/// Renames without replacing anything. File systems that cannot do it in one step get a hard link
/// first, which fails when the name is taken.
fn rename_to_free(dir: &Dir, part: &str, name: &str) -> io::Result<()> {
    match rustix::fs::renameat_with(dir, part, dir, name, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            dir.hard_link(part, dir, name)?;
            dir.remove_file(part)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
