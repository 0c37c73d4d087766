use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::VerifiedPeer;
use super::error::Distrust;
use super::tls;
use crate::crl::RevocationList;
use crate::identity::OrgRoot;

/// The root certificate cannot be used for verification, or the revocation list is another root's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the org root or its revocation list cannot be used for verification")]
pub struct TrustError;

/// What members are verified against: one org root and its newest revocation list, which handshakes
/// share. The path verifier is not given the list: it would check the signature of the whole of it at
/// each handshake, where [`RevocationList`] has been checked once and is looked up.
#[derive(Debug)]
pub struct Trust {
    root: OrgRoot,
    crl: RevocationList,
    provider: Arc<CryptoProvider>,
    listeners: Arc<WebPkiServerVerifier>,
    requesters: Arc<dyn ClientCertVerifier>,
}

impl Trust {
    /// Trusts members of `root` except those on `crl`.
    ///
    /// # Errors
    /// When the path verifier does not take the root, or the root did not sign the list.
    pub fn new(root: OrgRoot, crl: RevocationList) -> Result<Self, TrustError> {
        if !crl.is_of(&root) {
            return Err(TrustError);
        }
        let provider = tls::provider();
        let mut roots = RootCertStore::empty();
        roots
            .add(root.certificate().clone())
            .map_err(|_| TrustError)?;
        let roots = Arc::new(roots);
        let listeners =
            WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone())
                .build()
                .map_err(|_| TrustError)?;
        let requesters = WebPkiClientVerifier::builder_with_provider(roots, provider.clone())
            .build()
            .map_err(|_| TrustError)?;
        Ok(Self {
            root,
            crl,
            provider,
            listeners,
            requesters,
        })
    }

    /// The organisation.
    pub fn root(&self) -> &OrgRoot {
        &self.root
    }

    /// The revocation list in force.
    pub fn crl(&self) -> &RevocationList {
        &self.crl
    }

    /// Looks again at a peer verified earlier, perhaps under an older list: at every request, and
    /// when a new list arrives.
    ///
    /// # Errors
    /// When it was revoked or has expired meanwhile, or the list in force is stale.
    pub fn check_again(&self, peer: &VerifiedPeer, now: UnixTime) -> Result<(), Distrust> {
        let certificate = peer.certificate();
        if let Some(revoked) = self.crl.revoked(certificate) {
            return Err(Distrust::Revoked(Some(revoked)));
        }
        if now < certificate.not_before() {
            return Err(Distrust::NotYetValid);
        }
        if !certificate.is_valid_at(now) {
            return Err(Distrust::Expired);
        }
        if !self.crl.is_fresh(now) {
            return Err(Distrust::CrlStale);
        }
        Ok(())
    }

    pub(super) fn provider(&self) -> &Arc<CryptoProvider> {
        &self.provider
    }

    pub(super) fn listeners(&self) -> &Arc<WebPkiServerVerifier> {
        &self.listeners
    }

    pub(super) fn requesters(&self) -> &Arc<dyn ClientCertVerifier> {
        &self.requesters
    }
}
