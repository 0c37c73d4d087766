use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use common::crl::RevocationList;
use common::handshake::Credentials;
use common::identity::OrgRoot;
use rustls::pki_types::UnixTime;

use super::schedule::{Need, Retry};
use super::{need, renew};
use crate::clock;
use crate::failure::own_revoked;
use crate::identity_store::IdentityStore;
use crate::servers::Servers;

/// Renews the certificate of a program that runs for long. Looks when it is asked to look.
pub struct Renewer {
    store: IdentityStore,
    root: OrgRoot,
    servers: Servers,
    retry: Retry,
    told: Told,
}

/// What the user knows already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Nothing,
    /// Renewals fail, and the certificate still serves.
    Failing,
    /// Peers refuse the certificate.
    Useless,
}

/// What a look brought.
pub enum News {
    /// New credentials to go on with.
    Renewed(Arc<Credentials>),
    /// Something the user should know, told once until it changes.
    Warning(String),
}

impl Renewer {
    /// For the device in that folder.
    pub fn new(store: IdentityStore, root: OrgRoot, servers: Servers) -> Self {
        Self {
            store,
            root,
            servers,
            retry: Retry::default(),
            told: Told::Nothing,
        }
    }

    /// Renews if that is due. To be called every minute, and compares wall clocks: after a sleep
    /// the first look finds everything overdue.
    pub fn look(
        &mut self,
        present: &Credentials,
        crl: &RevocationList,
        now: UnixTime,
    ) -> Option<News> {
        let certificate = present.certificate();
        let need = need(certificate, crl, now);
        match need {
            Need::Nothing => {
                self.reset();
                return None;
            }
            Need::Revoked => {
                let revoked = crl.revoked(certificate)?;
                return self.warn(Told::Useless, own_revoked(&revoked).to_string());
            }
            Need::Wanted | Need::RoleChanged | Need::Ended => {}
        }
        if !self.retry.is_due(now) {
            return None;
        }
        match renew(&self.store, &self.root, &self.servers, Some(certificate)) {
            Ok(next) => {
                self.reset();
                Some(News::Renewed(Arc::new(next)))
            }
            Err(failure) => {
                self.retry.failed(now, random());
                let until = clock::show(certificate.not_after());
                let (told, state) = match need {
                    Need::Wanted => (Told::Failing, format!("it serves until {until}")),
                    Need::RoleChanged => (
                        Told::Useless,
                        "peers refuse it since your role changed".into(),
                    ),
                    _ => (Told::Useless, format!("peers refuse it since {until}")),
                };
                self.warn(
                    told,
                    format!(
                        "the certificate could not be renewed and {state}; trying again: {failure}"
                    ),
                )
            }
        }
    }

    fn reset(&mut self) {
        self.retry.succeeded();
        self.told = Told::Nothing;
    }

    fn warn(&mut self, told: Told, text: String) -> Option<News> {
        (self.told < told).then(|| {
            self.told = told;
            News::Warning(text)
        })
    }
}

/// Spreads retries; nothing depends on it being secret.
fn random() -> u8 {
    let [byte, ..] = RandomState::new().build_hasher().finish().to_be_bytes();
    byte
}
