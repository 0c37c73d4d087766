//! Certificates that the authority itself issued long ago: by its own code, with its own key, in its
//! own ledger. Only the time is another one.

use std::fs;
use std::future::Future;

use auth_server::audit::Actor;
use auth_server::home::Home;
use auth_server::store::{Issuance, StoreLedger};
use captures::device::Device;
use captures::organisation::{Organisation, write_secret};
use rcgen::{CertificateParams, KeyPair};
use root_ca::{Authority, Profile, ProfileConfig, ProvenKey, Subject, key_store};
use time::{Duration, OffsetDateTime};

/// Puts a certificate on a device that its person got so long ago, and that lives 24 hours.
pub(crate) fn certify(organisation: &Organisation, device: &Device, alias: &str, ago: Duration) {
    let key = KeyPair::generate().unwrap();
    let request = CertificateParams::default()
        .serialize_request(&key)
        .unwrap();
    let proven = ProvenKey::from_pem(&request.pem().unwrap()).unwrap();
    let subject = Subject::Member {
        alias: alias.parse().unwrap(),
        role: "member".parse().unwrap(),
    };
    let certificate = issue(
        organisation,
        &subject,
        &proven,
        OffsetDateTime::now_utc() - ago,
    );
    let both = key.serialize_pem() + &certificate;
    write_secret(&device.folder().join("device.pem"), both.trim_end()).unwrap();
}

fn issue(
    organisation: &Organisation,
    subject: &Subject,
    key: &ProvenKey,
    now: OffsetDateTime,
) -> String {
    let home = Home::new(organisation.folder());
    let passphrase = fs::read_to_string(organisation.passphrase_file()).unwrap();
    let root_key = key_store::open(&home.root_key(), &passphrase.trim_end().into()).unwrap();
    let root = home.root().unwrap();
    let authority = Authority::open(root.certificate().clone(), Box::new(root_key)).unwrap();
    let profile = Profile::new(&ProfileConfig::default()).unwrap();
    let prepared = authority.prepare(&profile, subject, key, now).unwrap();
    wait(async {
        let store = home.store(&root).await.unwrap();
        let by = Actor::server();
        let ledger = StoreLedger {
            store: store.as_ref(),
            issuance: Issuance {
                by: &by,
                renews: None,
                now,
            },
        };
        let issued = authority.issue(prepared, &ledger).await.unwrap();
        store.close().await.unwrap();
        issued.to_pem().unwrap()
    })
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}
