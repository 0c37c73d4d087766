//! What this device knows and is: org root, revocation list, private key and certificate, and the
//! auth server that it belongs to.

use std::fs::File;
use std::sync::Arc;

use common::crl::RevocationList;
use common::handshake::{Credentials, Trust};
use common::identity::OrgRoot;
use common::limits::MAX_CRL_BYTES;
use pem::Pem;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

use crate::device_key::DeviceKey;
use crate::failure::{Exit, Failure};
use crate::home::{self, Home};
use crate::servers::{Alarm, Servers};

/// The auth servers of this device and who is logged in.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Each `https://HOST:PORT`; the first one is asked first.
    #[serde(
        default,
        alias = "server",
        deserialize_with = "one_or_several",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub servers: Vec<String>,
    /// Who logged in last.
    pub alias: Option<String>,
}

/// As long as there was only one, it stood alone.
fn one_or_several<'de, D: Deserializer<'de>>(kept: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        One(String),
        Several(Vec<String>),
    }
    Ok(match Kept::deserialize(kept)? {
        Kept::One(one) => vec![one],
        Kept::Several(several) => several,
    })
}

/// The files of one [`Home`], read and written as values.
#[derive(Debug, Clone)]
pub struct IdentityStore {
    home: Home,
}

impl IdentityStore {
    /// The store in that folder.
    pub fn new(home: Home) -> Self {
        Self { home }
    }

    /// Where it lies.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The org root.
    ///
    /// # Errors
    /// When the device trusts no organisation yet, or the file is damaged.
    pub fn root(&self) -> Result<OrgRoot, Failure> {
        self.root_if_any()?.ok_or_else(|| {
            Failure::new(Exit::NotLoggedIn, "this device trusts no organisation yet").hint(
                "run the line that the administrator's auth-server printed: \
                 peer trust https://HOST:12565 --fingerprint SHA256:...",
            )
        })
    }

    /// The org root, if the device has one.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn root_if_any(&self) -> Result<Option<OrgRoot>, Failure> {
        let Some(path) = self.home.existing_root() else {
            return Ok(None);
        };
        let damaged = || {
            Failure::new(
                Exit::LocalFile,
                format!("{} holds no org root certificate", path.display()),
            )
            .hint("remove it and run peer trust again")
        };
        let pem = home::read_small(&path)?.ok_or_else(damaged)?;
        let der = CertificateDer::from_pem_slice(&pem).map_err(|_| damaged())?;
        OrgRoot::from_der(der).map(Some).map_err(|_| damaged())
    }

    /// Keeps an org root: exactly this certificate, encoded anew, so that nothing that came beside
    /// it is ever trusted by other programs that read the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save_root(&self, root: &OrgRoot) -> Result<(), Failure> {
        self.home.create()?;
        let pem = pem::encode(&Pem::new("CERTIFICATE", root.certificate().to_vec()));
        home::write_private(&self.home.root(), pem.as_bytes())
    }

    /// The auth servers, if any are known.
    ///
    /// # Errors
    /// When what was kept is damaged.
    pub fn servers(&self, alarm: Alarm) -> Result<Option<Servers>, Failure> {
        Servers::new(&self.account()?.servers, self.home.answered(), alarm)
    }

    /// Servers and alias; empty when nothing was kept.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn account(&self) -> Result<Account, Failure> {
        let path = self.home.account();
        let Some(bytes) = home::read_small(&path)? else {
            return Ok(Account::default());
        };
        toml::from_slice(&bytes).map_err(|error| {
            Failure::new(
                Exit::LocalFile,
                format!("{}: {}", path.display(), error.message()),
            )
            .hint("remove it and run peer trust again")
        })
    }

    /// Keeps servers and alias.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save_account(&self, account: &Account) -> Result<(), Failure> {
        let text = toml::to_string(account)
            .map_err(|error| Failure::new(Exit::Other, error.to_string()))?;
        home::write_private(&self.home.account(), text.as_bytes())
    }

    /// Private key and certificate, for the handshake between peers.
    ///
    /// # Errors
    /// When nobody is logged in, or the file is damaged or readable by others.
    pub fn device_key(&self, root: &OrgRoot) -> Result<DeviceKey, Failure> {
        let path = self.home.device();
        let pem = home::read_secret(&path)?.ok_or_else(|| {
            Failure::new(Exit::NotLoggedIn, "nobody is logged in on this device")
                .hint("run peer login ALIAS")
        })?;
        self.home.check()?;
        DeviceKey::from_pem(&pem, root.label()).map_err(|_| {
            Failure::new(
                Exit::NotLoggedIn,
                format!("{} holds no usable certificate", path.display()),
            )
            .hint("run peer login ALIAS")
        })
    }

    /// What this device presents to peers, valid or not.
    ///
    /// # Errors
    /// As [`device_key`](Self::device_key).
    pub fn credentials(&self, root: &OrgRoot) -> Result<Credentials, Failure> {
        Ok(self.device_key(root)?.credentials().clone())
    }

    /// Credentials that are valid at `now`.
    ///
    /// # Errors
    /// As [`credentials`](Self::credentials), and when the certificate has expired.
    pub fn valid_credentials(
        &self,
        root: &OrgRoot,
        now: UnixTime,
    ) -> Result<Arc<Credentials>, Failure> {
        let credentials = self.credentials(root)?;
        if credentials.is_valid_at(now) {
            return Ok(Arc::new(credentials));
        }
        Err(
            Failure::new(Exit::NotLoggedIn, "this device's certificate has expired")
                .hint("renew it with peer renew or log in again with peer login; check the clock"),
        )
    }

    /// Keeps other programs on this device from replacing key and certificate until it is dropped.
    /// Waits for one that does so.
    ///
    /// # Errors
    /// When there is no place to lock.
    pub fn lock(&self) -> Result<File, Failure> {
        self.home.create()?;
        home::lock(&self.home.device_lock())
    }

    /// The right to tell others where this device listens, until it is dropped; `None` while another
    /// program on this device has it.
    ///
    /// # Errors
    /// When there is no place to lock.
    pub fn lock_announcing(&self) -> Result<Option<File>, Failure> {
        self.home.create()?;
        home::try_lock(&self.home.announcer_lock())
    }

    /// Keeps private key and certificate. The caller holds the [`lock`](Self::lock).
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save_credentials(&self, key_pem: &str, certificate_pem: &str) -> Result<(), Failure> {
        let both = Zeroizing::new(format!("{key_pem}{certificate_pem}"));
        home::write_private(&self.home.device(), both.as_bytes())
    }

    /// Forgets private key and certificate; `false` when there was none.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn remove_credentials(&self) -> Result<bool, Failure> {
        let path = self.home.device();
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Failure::file(&path, &error)),
        }
    }

    /// The revocation list held, fresh or not; `None` when there is none or it is damaged, so
    /// that a new one is fetched.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn crl(&self, root: &OrgRoot) -> Result<Option<RevocationList>, Failure> {
        let limit = u64::try_from(MAX_CRL_BYTES).unwrap_or(u64::MAX);
        let bytes = home::read_bounded(&self.home.crl(), limit)?;
        Ok(bytes.and_then(|der| RevocationList::read(der.into(), root).ok()))
    }

    /// Keeps a revocation list that was accepted. Where another program on this device has kept a newer
    /// one meanwhile, that one stays.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save_crl(&self, list: &RevocationList, root: &OrgRoot) -> Result<(), Failure> {
        self.home.create()?;
        let _lock = home::lock(&self.home.crl_lock())?;
        let kept = self.crl(root).ok().flatten();
        if kept.is_some_and(|kept| kept.number() > list.number()) {
            return Ok(());
        }
        home::write_private(&self.home.crl(), list.der())
    }
}

/// Trust built from root and list.
///
/// # Errors
/// When the verifier takes neither; they were checked when they were kept.
pub fn trust(root: &OrgRoot, crl: RevocationList) -> Result<Arc<Trust>, Failure> {
    Trust::new(root.clone(), crl)
        .map(Arc::new)
        .map_err(|error| Failure::new(Exit::LocalFile, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::testing::TestOrg;

    #[test]
    fn a_newer_list_is_never_replaced_by_an_older_one_of_the_same_organisation() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(folder.path().join("peer"))).unwrap();
        let store = IdentityStore::new(home);
        let org = TestOrg::new("acme");
        let number = |org: &TestOrg| store.crl(&org.root()).unwrap().map(|list| list.number());
        for (saved, kept) in [(3, 3), (2, 3), (5, 5), (4, 5), (5, 5)] {
            store
                .save_crl(&org.revoke(saved, &[7]), &org.root())
                .unwrap();
            assert_eq!(number(&org), Some(kept));
        }
        // What another organisation signed, or nobody, is in nobody's way.
        let other = TestOrg::new("other");
        store
            .save_crl(&other.revoke(1, &[]), &other.root())
            .unwrap();
        assert_eq!(number(&other), Some(1));
        std::fs::write(store.home().crl(), b"damaged").unwrap();
        store.save_crl(&org.revoke(1, &[]), &org.root()).unwrap();
        assert_eq!(number(&org), Some(1));
    }

    fn read(text: &str) -> Option<Account> {
        toml::from_str(text).ok()
    }

    #[test]
    fn an_account_has_one_server_or_several() {
        let old = read("server = \"https://a:1\"\nalias = \"alice\"").unwrap();
        assert_eq!(old.servers, ["https://a:1"]);
        assert_eq!(old.alias.as_deref(), Some("alice"));
        let several = Account {
            servers: vec!["https://a:1".into(), "https://b:1".into()],
            alias: None,
        };
        let kept = toml::to_string(&several).unwrap();
        assert_eq!(read(&kept).unwrap().servers, several.servers);
        assert!(read("").unwrap().servers.is_empty());
        for odd in [
            "server = 1",
            "servers = [1]",
            "server = \"a\"\nservers = [\"b\"]",
        ] {
            assert!(read(odd).is_none(), "{odd}");
        }
    }
}
