//! Members' devices, honest and forged, that show their certificates to the server.

use std::future::Future;

use auth_server::audit::{Actor, Record};
use auth_server::home::Home;
use auth_server::store::{AuditStore, Issuance, StoreLedger};
use rcgen::KeyPair;
use root_ca::{Authority, Profile, ProfileConfig, ProvenKey, Serial, Subject, key_store};
use rustls::pki_types::CertificateDer;
use tempfile::TempDir;
use time::OffsetDateTime;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::{Answer, Org, PASSPHRASE, Server, pem, post, request, said, succeeded, write_secret};

/// A device: its key and its certificate.
pub(crate) struct Member {
    pub(crate) key: KeyPair,
    pub(crate) leaf: CertificateDer<'static>,
}

impl Member {
    pub(crate) fn serial(&self) -> String {
        let parsed = Certificate::from_der(&self.leaf).unwrap();
        let serial = parsed.tbs_certificate().serial_number().as_bytes();
        Serial::from_bytes(serial).unwrap().to_string()
    }

    /// A folder as the peer keeps it.
    pub(crate) fn folder(&self, root: &CertificateDer<'_>) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        let both = pem("PRIVATE KEY", &self.key.serialize_der()) + &pem("CERTIFICATE", &self.leaf);
        write_secret(&dir.path().join("device.pem"), &both);
        std::fs::write(dir.path().join("root.crt"), pem("CERTIFICATE", root)).unwrap();
        dir
    }
}

impl Server {
    /// A device that has just logged in.
    pub(crate) fn member(&self, alias: &str, password: &str) -> Member {
        let key = KeyPair::generate().unwrap();
        let leaf = self.login_with(alias, password, &request(&key));
        Member {
            key,
            leaf: leaf.certificate(),
        }
    }

    /// `None` when the server does not speak with that device at all.
    pub(crate) fn renew_with(&self, member: &Member, csr: &str) -> Option<Answer> {
        let body = serde_json::json!({ "csr": csr }).to_string();
        let request = post("/renew", "application/json", body.as_bytes());
        self.send_as(Some(member), &request)
    }

    /// With a fresh key.
    pub(crate) fn renew(&self, member: &Member) -> Result<Member, Option<Answer>> {
        let key = KeyPair::generate().unwrap();
        match self.renew_with(member, &request(&key)) {
            Some(answer) if answer.status == 200 => Ok(Member {
                key,
                leaf: answer.certificate(),
            }),
            refused => Err(refused),
        }
    }

    /// The status and the detail of a refused renewal; 0 when there was no answer.
    pub(crate) fn refusal(&self, member: &Member) -> (u16, String) {
        match self.renew(member) {
            Ok(_) => panic!("renewed"),
            Err(None) => (0, String::new()),
            Err(Some(answer)) => (answer.status, answer.text()),
        }
    }
}

/// A member as the authority would certify one.
pub(crate) fn subject(alias: &str, role: &str) -> Subject {
    Subject::Member {
        alias: alias.parse().unwrap(),
        role: role.parse().unwrap(),
    }
}

/// Whether the ledger of a certificate is the organisation's or none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorded {
    Yes,
    No,
}

struct NoLedger;

impl root_ca::Ledger for NoLedger {
    type Error = std::convert::Infallible;

    async fn about_to_sign(&self, _: &root_ca::LedgerEntry) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn signed(&self, _: &Serial) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl Org {
    /// What the authority itself issued at another time, with its own key and its own ledger.
    pub(crate) fn issued(
        &self,
        subject: &Subject,
        now: OffsetDateTime,
        recorded: Recorded,
    ) -> Member {
        let home = Home::new(self.home());
        let sealed = key_store::open(&home.root_key(), &PASSPHRASE.into()).unwrap();
        let authority = Authority::open(self.root(), Box::new(sealed)).unwrap();
        let key = KeyPair::generate().unwrap();
        let proven = ProvenKey::from_pem(&request(&key)).unwrap();
        let profile = Profile::new(&ProfileConfig::default()).unwrap();
        let prepared = authority.prepare(&profile, subject, &proven, now).unwrap();
        let issued = match recorded {
            Recorded::No => wait(authority.issue(prepared, &NoLedger)).unwrap(),
            Recorded::Yes => self.in_store(async |store| {
                let by = Actor::server();
                let issuance = Issuance {
                    by: &by,
                    renews: None,
                    now,
                };
                let ledger = StoreLedger { store, issuance };
                authority.issue(prepared, &ledger).await.unwrap()
            }),
        };
        Member {
            key,
            leaf: issued.der().clone(),
        }
    }

    /// Revokes a device whose key is in other hands; what is said then.
    pub(crate) fn report_stolen(&self, member: &Member) -> String {
        let serial = member.serial();
        let output = self.command(&["cert", "revoke", &serial, "--reason", "keyCompromise"]);
        succeeded(&output);
        said(&output)
    }

    /// The audit log.
    pub(crate) fn audit_records(&self) -> Vec<Record> {
        self.in_store(async |store| store.audit_page(0, 10_000).await.unwrap().entries)
    }
}

/// Runs what waits for the store.
pub(crate) fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}
