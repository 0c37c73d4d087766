//! Where a received file goes, and what its name is while it is not whole.

use std::io;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use common::limits::MAX_NAME_BYTES;

use crate::failure::{Exit, Failure};

/// What to do when the final name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// Leave what is there and fail.
    Never,
    /// Replace it, at the moment the new file is whole.
    Replace,
    /// Choose another name: `NAME (1)`, `NAME (2)` and so on.
    Rename,
}

/// Reserved: no file gets a final name that ends so, so what ends so was left by a transfer. A bare
/// `.part` would not do: other programs, and people, name files so.
const PART_SUFFIX: &str = ".orgshare.part";

/// A name in a folder, chosen by the receiver.
#[derive(Debug)]
pub struct Destination {
    pub(super) dir: Dir,
    pub(super) folder: PathBuf,
    pub(super) name: String,
}

impl Destination {
    /// The place that `path` names.
    ///
    /// # Errors
    /// When its folder cannot be opened, or the path ends in no usable name.
    pub fn new(path: &Path) -> Result<Self, Failure> {
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| {
                Failure::new(
                    Exit::Usage,
                    format!("{} is not a usable file name", path.display()),
                )
            })?;
        if name.ends_with(PART_SUFFIX) {
            return Err(Failure::new(
                Exit::Usage,
                format!("names that end with {PART_SUFFIX} are kept for files under way"),
            )
            .hint("give another name"));
        }
        let dir = Dir::open_ambient_dir(folder, ambient_authority())
            .map_err(|error| Failure::file(folder, &error))?;
        Ok(Self {
            dir,
            folder: folder.to_owned(),
            name: name.to_owned(),
        })
    }

    /// The final path, for messages.
    pub fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// Where the file is while it is not whole, for messages.
    pub fn part_path(&self) -> PathBuf {
        self.folder.join(part_name(&self.name))
    }

    /// Whether something has the final name already.
    pub fn exists(&self) -> bool {
        self.dir.symlink_metadata(&self.name).is_ok()
    }

    /// What is wrong with a name in its folder.
    pub(super) fn failure(&self, name: &str, error: &io::Error) -> Failure {
        Failure::file(&self.folder.join(name), error)
    }
}

/// The name while the file is not whole; cut so that the suffix fits.
pub(super) fn part_name(name: &str) -> String {
    let mut end = name.len().min(MAX_NAME_BYTES - PART_SUFFIX.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{PART_SUFFIX}", &name[..end])
}
