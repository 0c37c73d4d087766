//! Shares: folders offered under a name, and the confinement of everything read from them.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, MetadataExt, OpenOptions};
use common::name::{Escaped, RemotePath};
use common::wire::ErrorCode;
use rustix::io::Errno;

use crate::failure::{Exit, Failure};

/// A folder offered under a name. Everything beneath it is opened through its handle.
#[derive(Debug)]
pub struct Share {
    name: String,
    folder: PathBuf,
    dir: Dir,
    device: u64,
}

impl Share {
    /// Offers `folder` under `name`.
    ///
    /// # Errors
    /// When the name is not usable as one part of a remote path, or the folder cannot be opened.
    pub fn open(name: &str, folder: &Path) -> Result<Self, Failure> {
        let usable = name
            .parse::<RemotePath>()
            .is_ok_and(|path| path.components().count() == 1);
        if !usable {
            return Err(Failure::new(
                Exit::Usage,
                format!("{} cannot be the name of a share", Escaped(name)),
            )
            .hint("write NAME=FOLDER with a NAME that has no slash"));
        }
        let failed = |error: io::Error| Failure::file(folder, &error);
        let dir = Dir::open_ambient_dir(folder, ambient_authority()).map_err(failed)?;
        let device = dir.dir_metadata().map_err(failed)?.dev();
        Ok(Self {
            name: name.to_owned(),
            folder: folder.to_owned(),
            dir,
            device,
        })
    }

    /// The name that requests begin with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder on this machine.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Opens a regular file beneath the folder. Symbolic links may lead elsewhere inside the
    /// folder, never out of it, and the last part of the path is not followed; other file systems
    /// mounted inside are not entered; opening never blocks on a FIFO.
    fn open_file(&self, path: &RemotePath) -> Result<File, ErrorCode> {
        // Looked at before it is opened: opening a FIFO would take the place of its reader, and
        // closing it again would end whoever writes into it.
        let named = self
            .dir
            .symlink_metadata(path.as_str())
            .map_err(|error| code_of(&error))?;
        if named.is_dir() {
            return Err(ErrorCode::IsDirectory);
        }
        if named.is_symlink() {
            return Err(ErrorCode::NotFound);
        }
        if !named.is_file() {
            return Err(ErrorCode::NotRegular);
        }
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No).nonblock(true);
        let file = self
            .dir
            .open_with(path.as_str(), &options)
            .map_err(|error| code_of(&error))?;
        let metadata = file.metadata().map_err(|error| code_of(&error))?;
        if metadata.dev() != self.device {
            return Err(ErrorCode::NotFound);
        }
        if metadata.is_dir() {
            return Err(ErrorCode::IsDirectory);
        }
        if !metadata.is_file() {
            return Err(ErrorCode::NotRegular);
        }
        Ok(file.into_std())
    }
}

/// What the requester is told. A name that leads out of the share looks like a missing one.
fn code_of(error: &io::Error) -> ErrorCode {
    match Errno::from_io_error(error) {
        // A socket, or a device without a driver.
        Some(Errno::NXIO) => ErrorCode::NotRegular,
        Some(Errno::ISDIR) => ErrorCode::IsDirectory,
        Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::XDEV) => {
            ErrorCode::NotFound
        }
        // cap-std's answer to a path that would leave the folder has no system error behind it.
        None => ErrorCode::NotFound,
        Some(_) => ErrorCode::SourceUnreadable,
    }
}

/// All shares of a listener.
#[derive(Debug, Default)]
pub struct Shares(Vec<Share>);

impl Shares {
    /// Takes shares of different names.
    ///
    /// # Errors
    /// When two have the same name.
    pub fn new(shares: Vec<Share>) -> Result<Self, Failure> {
        let twice = shares
            .iter()
            .enumerate()
            .find(|(n, share)| shares[..*n].iter().any(|other| other.name == share.name));
        match twice {
            Some((_, share)) => Err(Failure::new(
                Exit::Usage,
                format!("two shares are named {}", share.name),
            )
            .hint("give each its own name")),
            None => Ok(Self(shares)),
        }
    }

    /// The shares, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Share> {
        self.0.iter()
    }

    /// Opens a file by the name in a request: `SHARE/PATH`, or `PATH` when there is one share.
    ///
    /// # Errors
    /// What the requester is told. A refused name and a missing file get the same answer.
    pub fn open_file(&self, requested: &str) -> Result<File, ErrorCode> {
        let path: RemotePath = requested.parse().map_err(|_| ErrorCode::NotFound)?;
        let (first, rest) = path.split_first();
        let named = self.0.iter().find(|share| share.name == first);
        match (named, rest, self.0.as_slice()) {
            (Some(share), Some(rest), [_]) => match share.open_file(&rest) {
                // A folder of the share's own name inside the only share.
                Err(ErrorCode::NotFound) => share.open_file(&path),
                answer => answer,
            },
            (Some(share), Some(rest), _) => share.open_file(&rest),
            (_, _, [only]) => match only.open_file(&path) {
                Err(ErrorCode::NotFound) if named.is_some() => Err(ErrorCode::IsDirectory),
                answer => answer,
            },
            (Some(_), None, _) => Err(ErrorCode::IsDirectory),
            (None, _, _) => Err(ErrorCode::NotFound),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    fn code(answer: Result<File, ErrorCode>) -> ErrorCode {
        answer.map(|_| ()).unwrap_err()
    }

    fn shares() -> (tempfile::TempDir, Shares) {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("shared");
        std::fs::create_dir_all(folder.join("sub")).unwrap();
        std::fs::write(outside.path().join("secret"), "secret").unwrap();
        std::fs::write(folder.join("a.txt"), "a").unwrap();
        std::fs::write(folder.join("sub/b.txt"), "b").unwrap();
        let share = Share::open("docs", &folder).unwrap();
        (outside, Shares::new(vec![share]).unwrap())
    }

    fn read(shares: &Shares, name: &str) -> String {
        let mut text = String::new();
        shares
            .open_file(name)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    #[test]
    fn a_file_is_found_with_the_share_s_name_and_without_it_when_there_is_one() {
        let (_outside, shares) = shares();
        assert_eq!(read(&shares, "docs/a.txt"), "a");
        assert_eq!(read(&shares, "a.txt"), "a");
        assert_eq!(read(&shares, "sub/b.txt"), "b");
    }

    #[test]
    fn with_several_shares_the_name_is_needed() {
        let (outside, _) = shares();
        let folder = outside.path().join("shared");
        let both = vec![
            Share::open("docs", &folder).unwrap(),
            Share::open("more", &folder).unwrap(),
        ];
        let both = Shares::new(both).unwrap();
        assert_eq!(read(&both, "more/a.txt"), "a");
        assert_eq!(code(both.open_file("a.txt")), ErrorCode::NotFound);
    }

    #[test]
    fn nothing_outside_the_share_is_reached() {
        let (outside, shares) = shares();
        let folder = outside.path().join("shared");
        symlink("../secret", folder.join("link")).unwrap();
        symlink("/etc/hostname", folder.join("absolute")).unwrap();
        symlink("..", folder.join("up")).unwrap();
        symlink("/", folder.join("top")).unwrap();
        for name in [
            "../secret",
            "docs/../../secret",
            "/etc/hostname",
            "link",
            "absolute",
            "up/secret",
            "top/etc/hostname",
            "docs/up/secret",
        ] {
            assert_eq!(code(shares.open_file(name)), ErrorCode::NotFound, "{name}");
        }
    }

    #[test]
    fn special_files_are_refused_without_blocking() {
        let (outside, shares) = shares();
        let folder = outside.path().join("shared");
        let made = std::process::Command::new("mkfifo")
            .arg(folder.join("pipe"))
            .status()
            .unwrap();
        assert!(made.success());
        let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
        assert_eq!(code(shares.open_file("pipe")), ErrorCode::NotRegular);
        assert_eq!(code(shares.open_file("socket")), ErrorCode::NotRegular);
        assert_eq!(code(shares.open_file("sub")), ErrorCode::IsDirectory);
        assert_eq!(code(shares.open_file("docs")), ErrorCode::IsDirectory);
    }

    #[test]
    fn a_missing_file_and_a_refused_name_get_the_same_answer() {
        let (_outside, shares) = shares();
        for name in [
            "missing",
            "a.txt/x",
            "sub/../a.txt",
            "a\n",
            "CON",
            &"x".repeat(5000),
        ] {
            assert_eq!(
                code(shares.open_file(name)),
                ErrorCode::NotFound,
                "{name:?}"
            );
        }
    }

    #[test]
    fn two_shares_of_one_name_and_unusable_names_are_refused() {
        let (outside, _) = shares();
        let open = |name| Share::open(name, outside.path());
        let twice = vec![open("a").unwrap(), open("a").unwrap()];
        assert_eq!(Shares::new(twice).unwrap_err().exit, Exit::Usage);
        for name in ["", "a/b", "..", "a\n"] {
            assert_eq!(open(name).unwrap_err().exit, Exit::Usage);
        }
    }
}
