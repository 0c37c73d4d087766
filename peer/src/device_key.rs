//! The private key of this device together with its certificate.

use std::fmt;

use common::handshake::{Credentials, CredentialsError};
use common::identity::OrgLabel;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ureq::tls::{Certificate, ClientCert, PrivateKey};
use zeroize::Zeroize;

/// Key and certificate that belong together, in the forms that the peer link and HTTPS need.
pub struct DeviceKey {
    key: PrivateKeyDer<'static>,
    client: ClientCert,
    credentials: Credentials,
}

/// Why there is no usable key and certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceKeyError {
    /// A certificate or a private key is missing.
    #[error("a certificate and a private key were expected")]
    Incomplete,
    /// They are not a member's, or do not belong together.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
}

impl DeviceKey {
    /// Reads both out of PEM, for a member of `org`.
    ///
    /// # Errors
    /// When one of them is missing, or they do not belong together.
    pub fn from_pem(pem: &[u8], org: &OrgLabel) -> Result<Self, DeviceKeyError> {
        let incomplete = |_| DeviceKeyError::Incomplete;
        let leaf = CertificateDer::from_pem_slice(pem).map_err(incomplete)?;
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(incomplete)?;
        let for_https = PrivateKey::from_pem(pem).map_err(|_| DeviceKeyError::Incomplete)?;
        let chain = [Certificate::from_der(&leaf).to_owned()];
        let client = ClientCert::new_with_certs(&chain, for_https);
        let credentials = Credentials::new(leaf, &key, org)?;
        Ok(Self {
            key,
            client,
            credentials,
        })
    }

    /// What this device presents to peers.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The private key.
    pub fn private_key(&self) -> &PrivateKeyDer<'static> {
        &self.key
    }

    /// What this device presents to the auth server.
    pub fn client_certificate(&self) -> ClientCert {
        self.client.clone()
    }
}

impl Drop for DeviceKey {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceKey")
            .field("certificate", self.credentials.certificate())
            .field("key", &"[secret]")
            .finish_non_exhaustive()
    }
}
