//! The next certificate, got with the one that the device has: by itself, and on demand.

mod renewer;
pub mod schedule;

use std::sync::Arc;

use common::crl::RevocationList;
use common::handshake::Credentials;
use common::identity::{OrgRoot, PeerCertificate};
use rustls::pki_types::UnixTime;

pub use renewer::{News, Renewer};
use schedule::{Listed, Need};

use crate::auth_client::AuthClient;
use crate::clock;
use crate::device_key::DeviceKey;
use crate::failure::{Exit, Failure};
use crate::identity_store::IdentityStore;
use crate::key_request::KeyRequest;
use crate::offline::{Course, Situation};
use crate::servers::Servers;

/// What the device's own certificate needs, as far as `crl` knows.
pub fn need(certificate: &PeerCertificate, crl: &RevocationList, now: UnixTime) -> Need {
    let serial = certificate.serial();
    let listed = match (crl.is_outdated(serial), crl.is_revoked(serial)) {
        (true, _) => Listed::Outdated,
        (false, true) => Listed::Revoked,
        (false, false) => Listed::No,
    };
    schedule::need(certificate, listed, now)
}

/// Credentials to begin something with: renewed first when that is due. While the present
/// certificate serves, a renewal that fails is no reason to stop.
///
/// # Errors
/// When nobody is logged in, or the certificate serves no more and cannot be renewed.
pub fn ready(
    store: &IdentityStore,
    root: &OrgRoot,
    servers: Option<&Servers>,
    crl: &RevocationList,
    now: UnixTime,
) -> Result<Arc<Credentials>, Failure> {
    let present = store.credentials(root)?;
    let need = need(present.certificate(), crl, now);
    let renewed = match (need, servers) {
        (Need::Nothing | Need::Revoked, _) => return store.valid_credentials(root, now),
        (_, None) => Err(Failure::new(Exit::NotLoggedIn, "no auth server is known")),
        (_, Some(servers)) => renew(store, root, servers, Some(present.certificate())),
    };
    match (renewed, need) {
        (Ok(next), _) => Ok(Arc::new(next)),
        (Err(_), Need::Wanted) => Ok(Arc::new(present)),
        (Err(failure), _) => Err(lost(need, failure)),
    }
}

/// A certificate that serves no more, and why there is no other one.
fn lost(need: Need, failure: Failure) -> Failure {
    let what = match need {
        Need::RoleChanged => "your role changed, and this device's certificate with it",
        _ => "this device's certificate has expired",
    };
    Failure::new(
        Exit::NotLoggedIn,
        format!("{what}; it could not be renewed: {}", failure.message),
    )
    .hint(match (failure.exit, failure.hint) {
        (Exit::Unreachable, _) => Course::Connect.hint().unwrap_or_default().to_owned(),
        (_, Some(hint)) => hint,
        (_, None) => Course::LogIn.hint().unwrap_or_default().to_owned(),
    })
}

/// Gets the next certificate for a fresh key and keeps both. When the certificate on disk is not
/// `seen` any more, another process was faster: that one is returned.
///
/// # Errors
/// When nobody is logged in, the server refuses or cannot be reached, or certifies something else.
/// What the device has stays then.
pub fn renew(
    store: &IdentityStore,
    root: &OrgRoot,
    servers: &Servers,
    seen: Option<&PeerCertificate>,
) -> Result<Credentials, Failure> {
    let _lock = store.lock()?;
    let device = store.device_key(root)?;
    let present = device.credentials();
    if seen.is_some_and(|seen| seen != present.certificate()) {
        return Ok(present.clone());
    }
    let request = KeyRequest::like(&device)?;
    let client = AuthClient::with_device(servers, root, &device);
    let certificate = client
        .renew(request.csr())
        .map_err(|failure| long_ended(present.certificate(), failure))?;
    let key = request.key_pem();
    let next = certified(root, present, &key, &certificate)?;
    store.save_credentials(&key, &certificate)?;
    Ok(next)
}

/// A server that renews no certificate that ended so long ago refuses it inside TLS, and may be
/// gone before the refusal is read.
fn long_ended(present: &PeerCertificate, failure: Failure) -> Failure {
    let now = clock::now();
    if failure.exit != Exit::Unreachable || now <= present.not_after() {
        return failure;
    }
    Failure::new(
        Exit::NotLoggedIn,
        format!(
            "the auth server cannot be reached, or does not renew what ended on {}",
            clock::show(present.not_after())
        ),
    )
    .hint(
        Situation::of(false, None, present.not_after(), now)
            .course()
            .hint()
            .unwrap_or_default(),
    )
}

/// The server is trusted to certify, yet what it sent must be what was asked for.
fn certified(
    root: &OrgRoot,
    present: &Credentials,
    key: &str,
    certificate: &str,
) -> Result<Credentials, Failure> {
    let both = zeroize::Zeroizing::new(format!("{key}{certificate}"));
    DeviceKey::from_pem(both.as_bytes(), root.label())
        .ok()
        .map(|device| device.credentials().clone())
        .filter(|next| next.certificate().name() == present.certificate().name())
        .ok_or_else(|| {
            Failure::new(
                Exit::NotTrusted,
                "the auth server certified something else than was asked for",
            )
            .hint("tell your administrator")
        })
}
