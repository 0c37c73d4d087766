//! Where things lie: one folder with `--dir`, else the places of the XDG Base Directory
//! Specification; and how secrets are written and read there.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FlockOperation, flock};
use zeroize::Zeroizing;

use crate::failure::{Exit, Failure};

/// Bytes of any file of ours but the revocation list.
const MAX_SMALL_FILE_BYTES: u64 = 64 * 1024;

/// The org root that an organisation put on the device beforehand.
const PREINSTALLED_ROOT: &str = "/etc/orgshare/root.crt";

/// The folder of this device's identity.
#[derive(Debug, Clone)]
pub struct Home {
    data: PathBuf,
}

impl Home {
    /// `dir` when given, else `$XDG_DATA_HOME/orgshare`.
    ///
    /// # Errors
    /// When there is no home folder to derive it from.
    pub fn locate(dir: Option<PathBuf>) -> Result<Self, Failure> {
        let data = match dir {
            Some(dir) => dir,
            None => directories::BaseDirs::new()
                .map(|base| base.data_dir().join("orgshare"))
                .ok_or_else(|| {
                    Failure::new(Exit::Other, "this account has no home folder")
                        .hint("name a folder with --dir")
                })?,
        };
        Ok(Self { data })
    }

    /// The folder itself.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Whether `folder` holds this one, so that sharing it would share the device's key.
    pub fn is_inside(&self, folder: &Path) -> bool {
        match (self.data.canonicalize(), folder.canonicalize()) {
            (Ok(data), Ok(folder)) => data.starts_with(folder),
            _ => false,
        }
    }

    /// The org root, PEM.
    pub fn root(&self) -> PathBuf {
        self.data.join("root.crt")
    }

    /// The org root that this device has: its own, else the preinstalled one.
    pub fn existing_root(&self) -> Option<PathBuf> {
        [self.root(), PREINSTALLED_ROOT.into()]
            .into_iter()
            .find(|path| path.exists())
    }

    /// Private key and certificate, PEM, in one file so that they never part.
    pub fn device(&self) -> PathBuf {
        self.data.join("device.pem")
    }

    /// What is locked while those are replaced.
    pub fn device_lock(&self) -> PathBuf {
        self.data.join("device.lock")
    }

    /// What the one program has locked that tells others that this device is online.
    pub fn announcer_lock(&self) -> PathBuf {
        self.data.join("announcer.lock")
    }

    /// The newest revocation list accepted, DER.
    pub fn crl(&self) -> PathBuf {
        self.data.join("root.crl")
    }

    /// What is locked while it is replaced.
    pub fn crl_lock(&self) -> PathBuf {
        self.data.join("crl.lock")
    }

    /// Which auth servers, and who logged in.
    pub fn account(&self) -> PathBuf {
        self.data.join("account.toml")
    }

    /// Which auth server answered last.
    pub fn answered(&self) -> PathBuf {
        self.data.join("answered.toml")
    }

    /// Makes the folder, for its owner only, when it is not there.
    ///
    /// # Errors
    /// When it cannot be made, or others may look into it.
    pub fn create(&self) -> Result<(), Failure> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.data)
            .map_err(|error| Failure::file(&self.data, &error))?;
        self.check()
    }

    /// Refuses a folder that others may write to: they could exchange what is in it.
    ///
    /// # Errors
    /// When others may write to it, or it cannot be looked at.
    pub fn check(&self) -> Result<(), Failure> {
        let metadata =
            fs::metadata(&self.data).map_err(|error| Failure::file(&self.data, &error))?;
        if metadata.mode() & 0o022 == 0 {
            return Ok(());
        }
        Err(Failure::new(
            Exit::LocalFile,
            format!("{} can be written to by others", self.data.display()),
        )
        .hint(format!("run chmod go-w {}", self.data.display())))
    }
}

/// Writes a file for its owner only, whole or not at all: a temporary file beside it, fsync,
/// rename, fsync of the folder.
///
/// # Errors
/// When any of these steps fails.
pub fn write_private(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    replace(path, contents).map_err(|error| Failure::file(path, &error))
}

fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    // Two threads may keep something of one name at once: each has its own file, and one of them wins.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("tmp{}-{number}", std::process::id()));
    // Left by a process of the same number that was killed; nobody else writes into this folder.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Locks a file until the handle is dropped; makes it, empty, when it is not there. Waits for
/// whoever holds the lock.
///
/// # Errors
/// When it cannot be made or locked.
pub fn lock(path: &Path) -> Result<File, Failure> {
    let file = lock_file(path)?;
    flock(&file, FlockOperation::LockExclusive)
        .map_err(|error| Failure::file(path, &error.into()))?;
    Ok(file)
}

/// The same without waiting; `None` when somebody holds the lock.
///
/// # Errors
/// When it cannot be made or locked.
pub fn try_lock(path: &Path) -> Result<Option<File>, Failure> {
    let file = lock_file(path)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(error) if error == rustix::io::Errno::WOULDBLOCK => Ok(None),
        Err(error) => Err(Failure::file(path, &error.into())),
    }
}

fn lock_file(path: &Path) -> Result<File, Failure> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| Failure::file(path, &error))
}

/// Reads a small file; `None` when there is none.
///
/// # Errors
/// When it cannot be read or is larger than any file of ours.
pub fn read_small(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    read_bounded(path, MAX_SMALL_FILE_BYTES)
}

/// Reads a file of at most `limit` bytes; `None` when there is none.
///
/// # Errors
/// When it cannot be read or is larger.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
    match File::open(path) {
        Ok(file) => contents(path, &file, limit).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::file(path, &error)),
    }
}

/// Reads a file that holds a secret; `None` when there is none.
///
/// # Errors
/// When it cannot be read, or others than its owner may read it.
pub fn read_secret(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file(path, &error)),
    };
    let mode = file
        .metadata()
        .map_err(|error| Failure::file(path, &error))?
        .permissions();
    if is_private(&mode) {
        return contents(path, &file, MAX_SMALL_FILE_BYTES)
            .map(Zeroizing::new)
            .map(Some);
    }
    Err(Failure::new(
        Exit::LocalFile,
        format!("{} can be read by others", path.display()),
    )
    .hint(format!(
        "run chmod 600 {}; if somebody may have read it, log in again",
        path.display()
    )))
}

fn is_private(permissions: &Permissions) -> bool {
    permissions.mode() & 0o077 == 0
}

fn contents(path: &Path, file: &File, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::file(path, &error))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        return Ok(bytes);
    }
    Err(Failure::new(
        Exit::LocalFile,
        format!("{} is larger than {limit} bytes", path.display()),
    ))
}
