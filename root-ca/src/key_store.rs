//! The root key at rest: a file that only its owner can read, sealed under a passphrase in the
//! strongest form that stock OpenSSL 3.0 still opens.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use der::pem::LineEnding;
use der::{Decode, SecretDocument};
use pkcs8::pkcs5::pbes2::{EncryptionScheme, Parameters, Salt, ScryptParams};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use rustix::fs::OFlags;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::key::SoftwareKey;

/// An encrypted RSA-4096 key is under 4 KiB in PEM.
const MAX_KEY_FILE_BYTES: u64 = 16 * 1024;
const PEM_LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// scrypt N: the most that OpenSSL 3.0 takes within its default memory limit of 32 MiB.
const SCRYPT_N: u64 = 1 << 14;
const SCRYPT_R: u16 = 8;
/// More rounds cost a guesser time without costing OpenSSL more memory.
const SCRYPT_P: u16 = 5;

/// Why the key or its file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// The file or folder is there already.
    #[error("{} exists already", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// Others than the owner can reach the file or folder.
    #[error("{} can be read by others (mode {mode:03o})", path.display())]
    TooOpen {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file or folder belongs to someone else.
    #[error("{} belongs to another user", path.display())]
    ForeignOwner {
        /// Which.
        path: PathBuf,
    },
    /// Not a regular file, or not a folder, or far too large.
    #[error("{} is not of the expected kind", path.display())]
    WrongKind {
        /// Which.
        path: PathBuf,
    },
    /// The content is not an encrypted private key.
    #[error("{} does not hold an encrypted private key", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
    },
    /// The passphrase does not open the key.
    #[error("the passphrase does not open {}", path.display())]
    Passphrase {
        /// Which.
        path: PathBuf,
    },
    /// The key could not be sealed.
    #[error("the key could not be sealed")]
    Seal,
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

fn io_error(path: &Path) -> impl FnOnce(std::io::Error) -> KeyStoreError + '_ {
    move |source| match source.kind() {
        ErrorKind::AlreadyExists => KeyStoreError::Exists {
            path: path.to_owned(),
        },
        _ => KeyStoreError::Io {
            path: path.to_owned(),
            source,
        },
    }
}

/// Makes the folder `path` with mode 0700, or accepts one that is ours and closed to others.
///
/// # Errors
/// When it cannot be made, or others can reach what is there.
pub fn ensure_private_dir(path: &Path) -> Result<(), KeyStoreError> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(io_error(path))?;
    let metadata = std::fs::metadata(path).map_err(io_error(path))?;
    if !metadata.is_dir() {
        return Err(KeyStoreError::WrongKind {
            path: path.to_owned(),
        });
    }
    check_private(path, &metadata)
}

/// Writes a new file with mode 0600 and makes it durable, name included. Never replaces a file.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), KeyStoreError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(flags(OFlags::NOFOLLOW))
        .open(path)
        .map_err(io_error(path))?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(io_error(path))?;
    sync_dir(path)
}

/// Seals `key` under `passphrase` into the new file `path`.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn create(
    path: &Path,
    key: &SoftwareKey,
    passphrase: &SecretString,
) -> Result<(), KeyStoreError> {
    let sealed = seal(key, passphrase).ok_or(KeyStoreError::Seal)?;
    write_private(path, sealed.as_bytes())
}

/// Opens the key in `path`.
///
/// # Errors
/// When others can read the file, or the passphrase is wrong.
pub fn open(path: &Path, passphrase: &SecretString) -> Result<SoftwareKey, KeyStoreError> {
    let document = sealed_document(path, &read_private(path)?)?;
    let sealed = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes());
    let sealed = sealed.map_err(|_| malformed(path))?;
    sealed
        .decrypt(passphrase.expose_secret())
        .ok()
        .and_then(|key| SoftwareKey::from_pkcs8(key.as_bytes()).ok())
        .ok_or_else(|| KeyStoreError::Passphrase {
            path: path.to_owned(),
        })
}

/// The content of the file `path`, which holds a sealed key that nobody else can read.
///
/// # Errors
/// When others can read it, or it does not look like a sealed key.
pub fn read_sealed(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyStoreError> {
    let content = read_private(path)?;
    sealed_document(path, &content)?;
    Ok(content)
}

fn sealed_document(path: &Path, content: &[u8]) -> Result<SecretDocument, KeyStoreError> {
    let text = std::str::from_utf8(content).map_err(|_| malformed(path))?;
    let (label, document) = SecretDocument::from_pem(text).map_err(|_| malformed(path))?;
    match EncryptedPrivateKeyInfoRef::from_der(document.as_bytes()) {
        Ok(_) if label == PEM_LABEL => Ok(document),
        _ => Err(malformed(path)),
    }
}

fn malformed(path: &Path) -> KeyStoreError {
    KeyStoreError::Malformed {
        path: path.to_owned(),
    }
}

fn seal(key: &SoftwareKey, passphrase: &SecretString) -> Option<Zeroizing<String>> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    rand::fill(&mut salt).ok()?;
    rand::fill(&mut iv).ok()?;
    let kdf = ScryptParams {
        salt: Salt::new(salt).ok()?,
        cost_parameter: SCRYPT_N,
        block_size: SCRYPT_R,
        parallelization: SCRYPT_P,
        key_length: None,
    };
    let parameters = Parameters {
        kdf: kdf.into(),
        encryption: EncryptionScheme::Aes256Cbc { iv },
    };
    let plain = key.to_pkcs8().ok()?;
    let sealed = PrivateKeyInfoRef::from_der(&plain)
        .ok()?
        .encrypt_with_params(parameters, passphrase.expose_secret())
        .ok()?;
    sealed.to_pem(PEM_LABEL, LineEnding::LF).ok()
}

/// Reads a file of ours that holds a secret.
fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyStoreError> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .open(path)
        .map_err(io_error(path))?;
    let metadata = file.metadata().map_err(io_error(path))?;
    if !metadata.is_file() || metadata.len() > MAX_KEY_FILE_BYTES {
        return Err(KeyStoreError::WrongKind {
            path: path.to_owned(),
        });
    }
    check_private(path, &metadata)?;
    let mut content = Zeroizing::new(Vec::with_capacity(16 * 1024));
    file.take(MAX_KEY_FILE_BYTES)
        .read_to_end(&mut content)
        .map_err(io_error(path))?;
    Ok(content)
}

fn check_private(path: &Path, metadata: &Metadata) -> Result<(), KeyStoreError> {
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyStoreError::TooOpen {
            path: path.to_owned(),
            mode,
        });
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(KeyStoreError::ForeignOwner {
            path: path.to_owned(),
        });
    }
    Ok(())
}

/// A new name is durable only when its folder is.
fn sync_dir(path: &Path) -> Result<(), KeyStoreError> {
    let dir = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(io_error(dir))
}

fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}
