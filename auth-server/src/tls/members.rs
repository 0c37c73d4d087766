use std::sync::Arc;
use std::time::Duration;

use common::identity::{OrgRoot, PeerCertificate};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

use super::{TlsError, provider};

/// Checks the certificate of a member that a client shows; it may show none. Whether it was
/// revoked is the ledger's to say, not a CRL's.
#[derive(Debug)]
pub(super) struct MemberVerifier {
    root: OrgRoot,
    path: Arc<dyn ClientCertVerifier>,
    grace: Duration,
}

impl MemberVerifier {
    /// Members of `root`; a certificate that ended less than `grace` ago still says who asks.
    pub(super) fn new(root: &OrgRoot, grace: Duration) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add(root.certificate().clone())?;
        let path =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider()))
                .allow_unauthenticated()
                .build()
                .map_err(|error| TlsError::Clients(error.to_string()))?;
        Ok(Self {
            root: root.clone(),
            path,
            grace,
        })
    }
}

impl ClientCertVerifier for MemberVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.path.root_hint_subjects()
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let member = PeerCertificate::from_der(leaf, self.root.label())
            .map_err(|_| CertificateError::ApplicationVerificationFailure)?;
        let ended = now.as_secs().saturating_sub(member.not_after().as_secs());
        // The path is checked at the certificate's last moment; what an ended one is still good
        // for is decided route by route.
        let at = if (1..=self.grace.as_secs()).contains(&ended) {
            member.not_after()
        } else {
            now
        };
        self.path.verify_client_cert(leaf, intermediates, at)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.path.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.path.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.path.supported_verify_schemes()
    }
}
