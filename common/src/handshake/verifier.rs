//! The web-PKI path check and, behind it, the identity step and the revocation list: run inside
//! rustls, so that a refusal becomes an alert and no later code can forget it.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error as TlsError, PeerMisbehaved,
    SignatureScheme,
};

use super::credentials::Credentials;
use super::error::Distrust;
use super::trust::Trust;
use crate::identity::{Alias, IdentityError, PeerCertificate};

/// Why the identity step refused: rustls carries only the alert, this the reason.
pub(super) type Reason = Arc<OnceLock<Distrust>>;

/// What the identity step of both sides needs.
#[derive(Debug)]
struct IdentityStep {
    trust: Arc<Trust>,
    own_key: [u8; 32],
    reason: Reason,
}

impl IdentityStep {
    fn new(trust: Arc<Trust>, own: &Credentials, reason: Reason) -> Self {
        Self {
            trust,
            own_key: *own.certificate().key_sha256(),
            reason,
        }
    }

    /// One certificate, a member's, and not our own.
    fn read(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
    ) -> Result<PeerCertificate, Distrust> {
        if !intermediates.is_empty() {
            let actual = intermediates.len() + 1;
            return Err(IdentityError::ChainLength { actual }.into());
        }
        let certificate = PeerCertificate::from_der(leaf, self.trust.root().label())?;
        if *certificate.key_sha256() == self.own_key {
            return Err(IdentityError::OwnKey.into());
        }
        Ok(certificate)
    }

    /// The list in force must be fresh and not name it: what a path verifier does with a list (RFC
    /// 5280, 6.3.3), whose signature was checked when it came. The reason, why and when, stays with us.
    fn check_list(&self, certificate: &PeerCertificate, now: UnixTime) -> Result<(), TlsError> {
        let list = self.trust.crl();
        if !list.is_fresh(now) {
            return Err(CertificateError::ExpiredRevocationList.into());
        }
        if let Some(revoked) = list.revoked(certificate) {
            // As in `refuse`; the alert is `certificate_revoked`.
            let _ = self.reason.set(Distrust::Revoked(Some(revoked)));
            return Err(CertificateError::Revoked.into());
        }
        Ok(())
    }

    /// Becomes the alert `access_denied`; the reason stays with us.
    fn refuse(&self, reason: Distrust) -> TlsError {
        // Only the first reason counts, and each connection has its own cell.
        let _ = self.reason.set(reason);
        TlsError::InvalidCertificate(CertificateError::ApplicationVerificationFailure)
    }
}

/// A path whose signature does not fit, or is not even of our root's kind, comes from an authority that borrowed our root's name. Told
/// as what it is, apart from a handshake signature that does not fit the certificate's key.
fn other_authority(error: TlsError) -> TlsError {
    match error {
        TlsError::InvalidCertificate(
            CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
        ) => TlsError::InvalidCertificate(CertificateError::UnknownIssuer),
        other => other,
    }
}

/// TLS 1.2 is not compiled in; its signature check can only be reached by a fault in rustls.
fn no_tls12() -> TlsError {
    TlsError::PeerMisbehaved(PeerMisbehaved::SelectedTls12UsingTls13VersionExtension)
}

/// The requester's check of the listener.
#[derive(Debug)]
pub(super) struct ListenerVerifier {
    step: IdentityStep,
    expected: Option<Alias>,
}

impl ListenerVerifier {
    pub(super) fn new(
        trust: Arc<Trust>,
        own: &Credentials,
        expected: Option<Alias>,
        reason: Reason,
    ) -> Self {
        Self {
            step: IdentityStep::new(trust, own, reason),
            expected,
        }
    }

    fn check_expected(&self, certificate: &PeerCertificate) -> Result<(), Distrust> {
        let actual = certificate.name().alias();
        match &self.expected {
            Some(expected) if expected != actual => Err(Distrust::WrongMember {
                expected: expected.clone(),
                actual: actual.clone(),
            }),
            _ => Ok(()),
        }
    }
}

impl ServerCertVerifier for ListenerVerifier {
    /// Runs the ordinary verifier with the name in the certificate, so that path, dates, usage and
    /// revocation are checked even when any member may answer; then compares with who was asked
    /// for. The dialled address plays no part.
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _dialled: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let step = &self.step;
        let certificate = step
            .read(leaf, intermediates)
            .map_err(|reason| step.refuse(reason))?;
        let name = ServerName::try_from(certificate.name().to_string())
            .map_err(|_| step.refuse(IdentityError::ForeignName.into()))?;
        let verified = step
            .trust
            .listeners()
            .verify_server_cert(leaf, intermediates, &name, ocsp_response, now)
            .map_err(other_authority)?;
        step.check_list(&certificate, now)?;
        self.check_expected(&certificate)
            .map_err(|reason| step.refuse(reason))?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.step
            .trust
            .listeners()
            .verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.step.trust.listeners().supported_verify_schemes()
    }
}

/// The listener's check of the requester.
#[derive(Debug)]
pub(super) struct RequesterVerifier {
    step: IdentityStep,
}

impl RequesterVerifier {
    pub(super) fn new(trust: Arc<Trust>, own: &Credentials, reason: Reason) -> Self {
        Self {
            step: IdentityStep::new(trust, own, reason),
        }
    }
}

impl ClientCertVerifier for RequesterVerifier {
    /// Empty: the listener's organisation need not be told to strangers before they prove theirs.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, TlsError> {
        let step = &self.step;
        let verified = step
            .trust
            .requesters()
            .verify_client_cert(leaf, intermediates, now)
            .map_err(other_authority)?;
        let certificate = step
            .read(leaf, intermediates)
            .map_err(|reason| step.refuse(reason))?;
        step.check_list(&certificate, now)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(no_tls12())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.step
            .trust
            .requesters()
            .verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.step.trust.requesters().supported_verify_schemes()
    }
}
