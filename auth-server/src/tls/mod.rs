//! The HTTPS side: TLS 1.3 only, and a certificate that renews itself.

mod members;

use std::net::IpAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use common::identity::OrgRoot;
use members::MemberVerifier;

use root_ca::{Authority, Host, KeyType, Profile, ProvenKey, SoftwareKey, Subject};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use time::OffsetDateTime;

use crate::audit::Actor;
use crate::store::{Issuance, Store, StoreLedger};

/// Why the HTTPS side cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate could not be issued.
    #[error("the HTTPS certificate could not be issued: {0}")]
    Issue(String),
    /// The members' certificates cannot be checked.
    #[error("TLS cannot be set up: {0}")]
    Clients(String),
    /// The TLS library refuses.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// The key exchanges, the post-quantum hybrid first, and what AWS-LC offers beside them.
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        kx_groups: vec![
            kx_group::X25519MLKEM768,
            kx_group::X25519,
            kx_group::SECP256R1,
        ],
        ..aws_lc_rs::default_provider()
    }
}

/// The current HTTPS certificate; connections made after a renewal get the new one.
#[derive(Debug)]
pub struct CurrentCertificate {
    key: RwLock<Arc<CertifiedKey>>,
}

impl CurrentCertificate {
    /// Starts with that certificate.
    pub fn new(key: CertifiedKey) -> Self {
        Self {
            key: RwLock::new(Arc::new(key)),
        }
    }

    /// Replaces the certificate.
    pub fn replace(&self, key: CertifiedKey) {
        // A poisoned lock holds a whole value all the same: replacing it is one assignment.
        *self
            .key
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(key);
    }
}

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let key = self
            .key
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Some(key.clone())
    }
}

/// TLS 1.3 only, HTTP/1.1 only, no session tickets: every connection is a full handshake. Clients
/// may show a member's certificate of `root`, also one that ended less than `grace` ago.
///
/// # Errors
/// When the provider does not know TLS 1.3, or the root cannot be used.
pub fn server_config(
    certificate: Arc<CurrentCertificate>,
    root: &OrgRoot,
    grace: Duration,
) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider()))
        .with_protocol_versions(&[&version::TLS13])?
        .with_client_cert_verifier(Arc::new(MemberVerifier::new(root, grace)?))
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// When a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    from: OffsetDateTime,
    issued: OffsetDateTime,
    until: OffsetDateTime,
}

impl Life {
    /// Whether it is time for the next one: after two thirds, and when the clock was set back
    /// behind its beginning.
    pub fn is_renewal_due(&self, now: OffsetDateTime) -> bool {
        now < self.from || now >= self.issued + (self.until - self.issued) * 2 / 3
    }
}

/// A new key and certificate for `hosts`; the key lives in memory only. Also says when it is good.
///
/// # Errors
/// When it cannot be issued.
pub async fn issue(
    authority: &Authority,
    profile: &Profile,
    hosts: Vec<Host>,
    store: &dyn Store,
    now: OffsetDateTime,
) -> Result<(CertifiedKey, Life), TlsError> {
    let failed = |error: &dyn std::fmt::Display| TlsError::Issue(error.to_string());
    let key = SoftwareKey::generate(KeyType::P256).map_err(|error| failed(&error))?;
    let subject = Subject::AuthServer { hosts };
    let prepared = authority
        .prepare(profile, &subject, &ProvenKey::from(&key), now)
        .map_err(|error| failed(&error))?;
    let by = Actor::server();
    let issuance = Issuance {
        by: &by,
        renews: None,
        now,
    };
    let issued = authority
        .issue(prepared, &StoreLedger { store, issuance })
        .await
        .map_err(|error| failed(&error))?;
    let life = Life {
        from: issued.entry().not_before,
        issued: now,
        until: issued.entry().not_after,
    };
    let pkcs8 = key.to_pkcs8().map_err(|error| failed(&error))?;
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pkcs8.as_slice()));
    let private = aws_lc_rs::sign::any_ecdsa_type(&private)?;
    let chain = vec![issued.der().clone()];
    Ok((CertifiedKey::new(chain, private), life))
}

/// The names of the certificate: what the operator added, then what the machine answers to.
pub fn host_names(configured: &[Host]) -> Vec<Host> {
    let machine = rustix::system::uname();
    let machine = machine
        .nodename()
        .to_str()
        .ok()
        .and_then(|name| name.parse().ok());
    let local = ["localhost", "127.0.0.1", "::1"]
        .iter()
        .filter_map(|name| name.parse().ok());
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let interfaces = interfaces
        .into_iter()
        .map(|interface| interface.ip())
        .filter(|address| !is_link_local(address))
        .map(Host::Address);
    let mut hosts: Vec<Host> = configured.to_vec();
    for host in machine.into_iter().chain(local).chain(interfaces) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// Such an address means nothing without an interface, which a certificate cannot name.
fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;

    #[test]
    fn the_https_certificate_is_renewed_at_two_thirds_after_sleep_and_when_the_clock_is_set_back() {
        let issued = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        let life = Life {
            from: issued - Duration::minutes(5),
            issued,
            until: issued + Duration::days(30),
        };
        let after = |span| life.is_renewal_due(issued + span);
        assert!(!after(Duration::ZERO));
        assert!(!after(Duration::days(20) - Duration::seconds(1)));
        assert!(after(Duration::days(20)));
        assert!(after(Duration::days(400)));
        assert!(!after(-Duration::minutes(5)));
        assert!(after(-Duration::minutes(6)));
    }
}
