//! What a peer keeps in its folder, as far as administration needs it: the org root, and private
//! key and certificate in one file. It is refused where the peer refuses it.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use common::handshake::Credentials;
use common::identity::OrgRoot;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use ureq::tls::PrivateKey;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// The org root that an organisation put on the device beforehand.
const PREINSTALLED_ROOT: &str = "/etc/orgshare/root.crt";
/// Bytes of a file: a key with 4096 bits and a certificate have less than 8 KiB.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// The folder of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceFiles {
    dir: PathBuf,
}

/// What a device proves itself with.
pub(super) struct Identity {
    pub(super) leaf: CertificateDer<'static>,
    pub(super) key: PrivateKey<'static>,
}

impl DeviceFiles {
    /// The folder `dir`.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The organisation that the device trusts.
    ///
    /// # Errors
    /// When there is none, or the file is damaged.
    pub fn root(&self) -> Result<OrgRoot, Failure> {
        let own = self.dir.join("root.crt");
        let found = [own, PREINSTALLED_ROOT.into()]
            .into_iter()
            .find(|path| path.exists());
        let path = found.ok_or_else(|| {
            Failure::not_logged_in("this device trusts no organisation yet")
                .cure("run peer trust on it, or name its folder with --device")
        })?;
        let damaged = || {
            Failure::local_file(format!("{} holds no org root certificate", path.display()))
                .cure("remove it and run peer trust again")
        };
        let file = open(&path)?.ok_or_else(damaged)?;
        let pem = contents(&path, &file)?;
        let der = CertificateDer::from_pem_slice(&pem).map_err(|_| damaged())?;
        OrgRoot::from_der(der).map_err(|_| damaged())
    }

    /// Private key and certificate, valid now.
    ///
    /// # Errors
    /// When nobody is logged in, the certificate has ended, or others may read the file.
    pub(super) fn identity(&self, root: &OrgRoot) -> Result<Identity, Failure> {
        let path = self.dir.join("device.pem");
        let log_in = "run peer login ALIAS";
        let pem = self.read_secret(&path)?.ok_or_else(|| {
            Failure::not_logged_in("nobody is logged in on this device").cure(log_in)
        })?;
        let damaged = || {
            let what = format!("{} holds no usable certificate", path.display());
            Failure::not_logged_in(what).cure(log_in)
        };
        let leaf = CertificateDer::from_pem_slice(&pem).map_err(|_| damaged())?;
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| damaged())?;
        let credentials =
            Credentials::new(leaf.clone(), &key, root.label()).map_err(|_| damaged())?;
        if credentials.is_valid_at(UnixTime::now()) {
            let key = PrivateKey::from_pem(&pem).map_err(|_| damaged())?;
            return Ok(Identity { leaf, key });
        }
        Err(
            Failure::not_logged_in("this device's certificate has expired")
                .cure("log in again with peer login, and check the clock"),
        )
    }

    /// Looks at the modes of what was opened, so that nothing can be exchanged in between.
    fn read_secret(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let Some(file) = open(path)? else {
            return Ok(None);
        };
        let shown = path.display();
        if mode(path, &file)? & 0o077 != 0 {
            let what = format!("{shown} can be read by others");
            return Err(Failure::local_file(what).cure(format!(
                "run chmod 600 {shown}; if somebody may have read it, log in again"
            )));
        }
        let dir = File::open(&self.dir).map_err(|error| Failure::io(&self.dir, &error))?;
        if mode(&self.dir, &dir)? & 0o022 != 0 {
            let shown = self.dir.display();
            let what = format!("{shown} can be written to by others");
            return Err(Failure::local_file(what).cure(format!("run chmod go-w {shown}")));
        }
        contents(path, &file).map(Some)
    }
}

fn open(path: &Path) -> Result<Option<File>, Failure> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::io(path, &error)),
    }
}

fn mode(path: &Path, file: &File) -> Result<u32, Failure> {
    let metadata = file.metadata().map_err(|error| Failure::io(path, &error))?;
    Ok(metadata.mode())
}

fn contents(path: &Path, file: &File) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(16 * 1024));
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::io(path, &error))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_FILE_BYTES) {
        return Ok(bytes);
    }
    Err(Failure::local_file(format!(
        "{} is larger than {MAX_FILE_BYTES} bytes",
        path.display()
    )))
}
