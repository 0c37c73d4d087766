//! The server's folder and what lies in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::identity::OrgRoot;
use root_ca::key_store;
use rustix::fs::{FlockOperation, flock};
use x509_cert::der::Document;

use crate::config::{Config, Given};
use crate::failure::Failure;
use crate::ownership;
use crate::staging;
use crate::store::Store;
use crate::store::sqlite::SqliteStore;

const CERTIFICATE_LABEL: &str = "CERTIFICATE";

/// The environment variable that names the folder.
pub const DIR_VARIABLE: &str = "ORGSHARE_AUTH_DIR";

/// The folder, mode 0700.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    dir: PathBuf,
}

impl Home {
    /// The folder `dir`, which need not exist yet.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// `/var/lib/orgshare` for the superuser and for who owns it, else `orgshare-auth` among the
    /// user's data.
    ///
    /// # Errors
    /// When the user has no home directory.
    pub fn default_dir() -> Result<PathBuf, Failure> {
        let system = PathBuf::from(ownership::SYSTEM_DIR);
        if rustix::process::geteuid().is_root() || ownership::is_ours(&system) {
            return Ok(system);
        }
        data_dir("orgshare-auth")
            .ok_or_else(|| Failure::usage("there is no home directory").cure("give --dir"))
    }

    /// The folder that commands mean where nobody names one: of the environment, else the default.
    pub fn unnamed_dir() -> Option<PathBuf> {
        let named = std::env::var_os(DIR_VARIABLE).filter(|dir| !dir.is_empty());
        named
            .map(PathBuf::from)
            .or_else(|| Self::default_dir().ok())
    }

    /// Whether it is that folder, however it is written.
    pub fn is_at(&self, dir: &Path) -> bool {
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        real(&self.dir) == real(dir)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The sealed root key.
    pub fn root_key(&self) -> PathBuf {
        self.dir.join("root.key")
    }

    /// The root certificate, PEM. Written last by `init`: it marks a finished one.
    pub fn root_certificate(&self) -> PathBuf {
        self.dir.join("root.crt")
    }

    /// The settings.
    pub fn config_file(&self) -> PathBuf {
        self.dir.join("config.toml")
    }

    /// The SQLite file.
    pub fn store_file(&self) -> PathBuf {
        self.dir.join("store.sqlite")
    }

    /// Whether `init` has finished here.
    pub fn is_initialised(&self) -> bool {
        self.root_certificate().exists()
    }

    /// Reads the organisation's root certificate.
    ///
    /// # Errors
    /// When there is none, or it cannot be read, or the folder is open to others.
    pub fn root(&self) -> Result<OrgRoot, Failure> {
        let path = self.root_certificate();
        self.demand_authority(&path)?;
        key_store::ensure_private_dir(&self.dir)?;
        let pem = std::fs::read_to_string(&path).map_err(|error| Failure::io(&path, &error))?;
        let damaged = || {
            Failure::local_file(format!("{} is not a root certificate", path.display()))
                .cure("restore it from a backup")
        };
        let (label, document) = Document::from_pem(&pem).map_err(|_| damaged())?;
        if label != CERTIFICATE_LABEL {
            return Err(damaged());
        }
        OrgRoot::from_der(document.into_vec().into()).map_err(|_| damaged())
    }

    fn demand_authority(&self, certificate: &Path) -> Result<(), Failure> {
        match certificate.try_exists() {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => return Err(Failure::io(certificate, &error)),
        }
        let missing = format!(
            "there is no certificate authority in {}",
            self.dir.display()
        );
        // Whoever interrupted an init hears what to do when it is tried again.
        if self.root_key().exists() {
            return Err(
                Failure::local_file(format!("{missing}: root.crt is missing")).cure(
                    "copy it from any device, which has it in its folder, or out of a backup",
                ),
            );
        }
        if staging::all(&self.dir)
            .iter()
            .any(|path| staging::is_left_over(path))
        {
            return Err(Failure::local_file(format!(
                "{missing}: a restore did not come to its end"
            ))
            .cure("restore again; what was left over is removed then"));
        }
        Err(Failure::local_file(missing)
            .cure("make one with: auth-server init --org NAME, or name its folder with --dir"))
    }

    /// Opens the store.
    ///
    /// # Errors
    /// When it is missing, damaged or another organisation's.
    pub async fn store(&self, root: &OrgRoot) -> Result<Arc<dyn Store>, Failure> {
        let store = SqliteStore::open(&self.store_file(), &root.fingerprint()).await?;
        Ok(Arc::new(store))
    }

    /// Opens a store that came from elsewhere.
    ///
    /// # Errors
    /// When it is missing, damaged, another organisation's, or not as this program makes one.
    pub async fn foreign_store(&self, root: &OrgRoot) -> Result<Arc<dyn Store>, Failure> {
        let store = SqliteStore::open_foreign(&self.store_file(), &root.fingerprint()).await?;
        Ok(Arc::new(store))
    }

    /// Opens the store without changing it; also says whether it is of this program's version.
    ///
    /// # Errors
    /// When it is missing, damaged or another organisation's.
    pub async fn store_as_it_is(&self, root: &OrgRoot) -> Result<(Arc<dyn Store>, bool), Failure> {
        let opened = SqliteStore::open_as_it_is(&self.store_file(), &root.fingerprint()).await?;
        Ok((Arc::new(opened.0), opened.1))
    }

    /// Whether a server runs on it: that one holds a lock on its root certificate.
    pub fn is_served(&self) -> bool {
        std::fs::File::open(self.root_certificate())
            .is_ok_and(|file| flock(&file, FlockOperation::NonBlockingLockShared).is_err())
    }

    /// Reads the settings, with what was given over them.
    ///
    /// # Errors
    /// When the file cannot be read, or a setting is not allowed.
    pub fn config(&self, given: &Given) -> Result<Config, Failure> {
        Config::load(&self.config_file(), given)
    }
}

/// A folder among the user's data (XDG Base Directory Specification).
pub fn data_dir(name: &str) -> Option<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join(name))
}

/// A certificate in PEM with Unix line ends.
///
/// # Errors
/// Never for a certificate that was read; the encoder's signature has it.
pub fn certificate_pem(der: &[u8]) -> Result<String, Failure> {
    x509_cert::der::pem::encode_string(CERTIFICATE_LABEL, x509_cert::der::pem::LineEnding::LF, der)
        .map_err(|error| Failure::other(error.to_string()))
}
