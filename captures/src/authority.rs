//! The authority of an organisation in the hands of a test: signs what the auth server would, without
//! a password, a request and a wait for each.

use auth_server::audit::Actor;
use auth_server::home::Home;
use auth_server::store::sqlite::SqliteStore;
use auth_server::store::{
    Issuance, Password, PasswordHash, Store as _, StoreLedger, UserStore as _,
};
use common::identity::Fingerprint;
use rcgen::KeyPair;
use root_ca::{
    Authority, Profile, ProfileConfig, ProvenKey, RevocationReason, RevokedCertificate, Serial,
    Subject, key_store,
};
use time::OffsetDateTime;

use crate::error::{Doing as _, Error, Result};
use crate::foreign::{private_key, root_certificate};
use crate::https::certificate_request_of;
use crate::organisation::Organisation;
use crate::rogue::Credentials;

const ROLE: &str = "member";

/// Opened with the passphrase, beside the server that runs.
#[derive(Debug)]
pub struct Signer {
    authority: Authority,
    home: Home,
}

impl Signer {
    /// That of an organisation.
    ///
    /// # Errors
    /// If its key cannot be opened.
    pub fn of(organisation: &Organisation) -> Result<Self> {
        let passphrase = std::fs::read_to_string(organisation.passphrase_file());
        let passphrase = passphrase.doing("reading the passphrase")?;
        let home = Home::new(organisation.folder());
        let key = key_store::open(&home.root_key(), &passphrase.trim_end().into());
        let key = Box::new(key.map_err(unexpected)?);
        let root = root_certificate(&organisation.folder())?;
        Ok(Self {
            authority: Authority::open(root, key).map_err(unexpected)?,
            home,
        })
    }

    /// A revocation list, DER, of so many certificates that nobody has, under any number.
    ///
    /// # Errors
    /// If it would be longer than peers take.
    pub fn list_of_strangers(&self, entries: usize, number: u64) -> Result<Vec<u8>> {
        let now = OffsetDateTime::now_utc();
        let stranger = || {
            Ok(RevokedCertificate {
                serial: Serial::random().ok_or_else(|| unexpected("no random numbers"))?,
                revoked_at: now,
                reason: RevocationReason::KeyCompromise,
            })
        };
        let revoked: Result<Vec<_>> = (0..entries).map(|_| stranger()).collect();
        let list = self.authority.sign_crl(&revoked?, number, number - 1, now);
        Ok(list.map_err(unexpected)?.der().to_vec())
    }

    /// So many people, `person-0` and so on, with so many devices each, put into store and ledger. They
    /// have no password that would let them in.
    ///
    /// # Errors
    /// If the store or the authority refuses.
    pub fn enrol(&self, people: usize, devices: usize) -> Result<Vec<Credentials>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .doing("starting a runtime")?;
        runtime.block_on(async {
            let root = Fingerprint::of(self.authority.root().certificate());
            let store = SqliteStore::open(&self.home.store_file(), &root).await;
            let store = store.map_err(unexpected)?;
            let mut enrolled = Vec::new();
            for person in 0..people {
                let alias = format!("person-{person}");
                add(&store, &alias).await?;
                for _ in 0..devices {
                    enrolled.push(self.certify(&store, &alias).await?);
                }
            }
            store.close().await.map_err(unexpected)?;
            Ok(enrolled)
        })
    }

    /// A first certificate for a new device of somebody.
    async fn certify(&self, store: &SqliteStore, alias: &str) -> Result<Credentials> {
        let key = KeyPair::generate().map_err(unexpected)?;
        let proven = ProvenKey::from_pem(&certificate_request_of(&key)?).map_err(unexpected)?;
        let profile = Profile::new(&ProfileConfig::default()).map_err(unexpected)?;
        let subject = Subject::Member {
            alias: alias.parse().map_err(unexpected)?,
            role: ROLE.parse().map_err(unexpected)?,
        };
        let now = OffsetDateTime::now_utc();
        let prepared = self.authority.prepare(&profile, &subject, &proven, now);
        let issuance = Issuance {
            by: &Actor::console(),
            renews: None,
            now,
        };
        let ledger = StoreLedger { store, issuance };
        let prepared = prepared.map_err(unexpected)?;
        let issued = self.authority.issue(prepared, &ledger).await;
        Ok(Credentials {
            chain: vec![issued.map_err(unexpected)?.der().clone()],
            key: private_key(&key)?,
        })
    }
}

async fn add(store: &SqliteStore, alias: &str) -> Result<()> {
    let password = Password::chosen(PasswordHash::new("none fits".into()));
    let (alias, role) = (alias.parse(), ROLE.parse());
    let (alias, role) = (alias.map_err(unexpected)?, role.map_err(unexpected)?);
    let (by, now) = (Actor::console(), OffsetDateTime::now_utc());
    let added = store.add_user(&alias, &role, &password, &by, now).await;
    added.map(drop).map_err(unexpected)
}

fn unexpected(error: impl std::fmt::Display) -> Error {
    Error::Unexpected(error.to_string())
}
