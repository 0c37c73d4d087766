//! A new device key, and the request to certify it.

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, RsaKeySize};
use zeroize::Zeroizing;

use crate::cli::KeyType;
use crate::device_key::DeviceKey;
use crate::failure::{Exit, Failure};

/// A key that nobody has certified yet.
pub struct KeyRequest {
    key: KeyPair,
    csr: String,
}

impl KeyRequest {
    /// A new key of that kind.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(kind: KeyType) -> Result<Self, Failure> {
        let key = match kind {
            KeyType::Rsa3072 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_3072),
            KeyType::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
        }
        .map_err(|error| cannot(&error))?;
        let csr = CertificateParams::default()
            .serialize_request(&key)
            .and_then(|request| request.pem())
            .map_err(|error| cannot(&error))?;
        Ok(Self { key, csr })
    }

    /// A new key of the kind that the device has.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn like(device: &DeviceKey) -> Result<Self, Failure> {
        let present = KeyPair::try_from(device.private_key()).map_err(|error| cannot(&error))?;
        Self::new(if present.algorithm() == &PKCS_ECDSA_P256_SHA256 {
            KeyType::P256
        } else {
            KeyType::Rsa3072
        })
    }

    /// The one that was made before, else a new one: making a key takes a while.
    ///
    /// # Errors
    /// When the system's cryptography fails.
    pub fn kept(before: &mut Option<Self>, key_type: KeyType) -> Result<&Self, Failure> {
        let request = match before.take() {
            Some(request) => request,
            None => Self::new(key_type)?,
        };
        Ok(before.insert(request))
    }

    /// The request, PEM.
    pub fn csr(&self) -> &str {
        &self.csr
    }

    /// The private key, PEM.
    pub fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.key.serialize_pem())
    }
}

fn cannot(error: &rcgen::Error) -> Failure {
    Failure::new(Exit::Other, format!("cannot make a key: {error}"))
}
