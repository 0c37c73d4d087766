use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::CertifiedKey;

use crate::identity::{IdentityError, OrgLabel, PeerCertificate};

/// Why a certificate and a key are not usable together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The certificate is not a member's.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The key is not of a kind that can sign TLS 1.3.
    #[error("the private key is of an unknown kind")]
    Key,
    /// The key is not the certificate's.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
}

/// This device's certificate and private key.
#[derive(Debug, Clone)]
pub struct Credentials {
    certified: Arc<CertifiedKey>,
    certificate: PeerCertificate,
}

impl Credentials {
    /// Takes a member's certificate of `org` and its private key.
    ///
    /// # Errors
    /// When the certificate is not a member's or the key is not its key.
    pub fn new(
        leaf: CertificateDer<'static>,
        key: &PrivateKeyDer<'_>,
        org: &OrgLabel,
    ) -> Result<Self, CredentialsError> {
        let certificate = PeerCertificate::from_der(&leaf, org)?;
        let signer = rustls::crypto::aws_lc_rs::sign::any_supported_type(key)
            .map_err(|_| CredentialsError::Key)?;
        let certified = CertifiedKey::new(vec![leaf], signer);
        certified
            .keys_match()
            .map_err(|_| CredentialsError::Mismatch)?;
        Ok(Self {
            certified: Arc::new(certified),
            certificate,
        })
    }

    /// What the certificate says.
    pub fn certificate(&self) -> &PeerCertificate {
        &self.certificate
    }

    /// Whether the certificate is valid at `now`.
    pub fn is_valid_at(&self, now: UnixTime) -> bool {
        self.certificate.is_valid_at(now)
    }

    pub(super) fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }
}

#[cfg(test)]
impl Credentials {
    /// A hostile peer's: presents `presented` without any of our checks.
    pub(crate) fn unchecked(
        presented: crate::testing::Issued,
        good: crate::testing::Issued,
        org: &str,
    ) -> Self {
        let label = org.parse().unwrap();
        let signer = rustls::crypto::aws_lc_rs::sign::any_supported_type(&presented.key).unwrap();
        Self {
            certified: Arc::new(CertifiedKey::new(vec![presented.leaf], signer)),
            certificate: PeerCertificate::from_der(&good.leaf, &label).unwrap(),
        }
    }
}
