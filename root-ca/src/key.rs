use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256,
};
use zeroize::Zeroizing;

use crate::encode::public_key_info;

/// What a key can do and how its signatures are labelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSA, signing with PKCS #1 v1.5 and SHA-256 (RFC 4055): what every verifier reads.
    Rsa,
    /// ECDSA on P-256 with SHA-256 (RFC 5758).
    P256,
}

/// Kinds of key that [`SoftwareKey::generate`] makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// RSA with a modulus of 3072 bits: 128-bit strength, the default of a root.
    Rsa3072,
    /// RSA with a modulus of 4096 bits.
    Rsa4096,
    /// The NIST curve P-256.
    P256,
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key could not be made.
    #[error("the key could not be made")]
    Generate,
    /// Not an RSA or P-256 private key in PKCS #8.
    #[error("not an RSA or P-256 private key")]
    NotUsable,
    /// The signature could not be made.
    #[error("the signature could not be made")]
    Sign,
}

/// A public key as a certificate carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: KeyAlgorithm,
    bits: Vec<u8>,
    der: Vec<u8>,
}

impl PublicKey {
    /// `bits` is the content of the BIT STRING in SubjectPublicKeyInfo. Whoever calls this has
    /// checked it.
    pub(crate) fn new(algorithm: KeyAlgorithm, bits: Vec<u8>) -> Result<Self, KeyError> {
        let der = public_key_info(algorithm, &bits).map_err(|_| KeyError::NotUsable)?;
        Ok(Self {
            algorithm,
            bits,
            der,
        })
    }

    /// What kind of key it is.
    pub fn key_algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// The SubjectPublicKeyInfo, DER.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The content of the BIT STRING in it: an RSAPublicKey, or a point.
    pub(crate) fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    pub fn sha256(&self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(digest(&SHA256, &self.der).as_ref());
        out
    }
}

/// Where the root key lives: in memory here; a PKCS #11 token can stand behind it as well.
pub trait SigningKey: Send + Sync {
    /// The public half.
    fn public_key(&self) -> &PublicKey;

    /// Signs `message` with the algorithm that the public half states.
    ///
    /// # Errors
    /// [`KeyError::Sign`] when the key refuses or cannot be reached.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError>;
}

enum Private {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
}

/// A private key in this process's memory.
pub struct SoftwareKey {
    private: Private,
    public: PublicKey,
}

impl std::fmt::Debug for SoftwareKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SoftwareKey([secret])")
    }
}

impl SoftwareKey {
    /// Makes a new key from the system's random numbers.
    ///
    /// # Errors
    /// [`KeyError::Generate`].
    pub fn generate(key_type: KeyType) -> Result<Self, KeyError> {
        let size = match key_type {
            KeyType::Rsa3072 => KeySize::Rsa3072,
            KeyType::Rsa4096 => KeySize::Rsa4096,
            KeyType::P256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
                    .map_err(|_| KeyError::Generate)?;
                return Self::from_p256(pair);
            }
        };
        Self::from_rsa(RsaKeyPair::generate(size).map_err(|_| KeyError::Generate)?)
    }

    /// Reads an unencrypted PKCS #8 key.
    ///
    /// # Errors
    /// [`KeyError::NotUsable`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
            return Self::from_rsa(pair);
        }
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der)
            .map_err(|_| KeyError::NotUsable)?;
        Self::from_p256(pair)
    }

    /// The key as unencrypted PKCS #8, to be sealed or handed to a TLS stack.
    ///
    /// # Errors
    /// [`KeyError::NotUsable`] when it cannot be encoded.
    pub fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        match &self.private {
            Private::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::NotUsable)?;
                Ok(Zeroizing::new(der.as_ref().to_vec()))
            }
            Private::P256(pair) => {
                let der = pair.to_pkcs8v1().map_err(|_| KeyError::NotUsable)?;
                Ok(Zeroizing::new(der.as_ref().to_vec()))
            }
        }
    }

    fn from_rsa(pair: RsaKeyPair) -> Result<Self, KeyError> {
        let bits = KeyPair::public_key(&pair).as_ref().to_vec();
        Ok(Self {
            private: Private::Rsa(Box::new(pair)),
            public: PublicKey::new(KeyAlgorithm::Rsa, bits)?,
        })
    }

    fn from_p256(pair: EcdsaKeyPair) -> Result<Self, KeyError> {
        let bits = KeyPair::public_key(&pair).as_ref().to_vec();
        Ok(Self {
            private: Private::P256(Box::new(pair)),
            public: PublicKey::new(KeyAlgorithm::P256, bits)?,
        })
    }
}

impl SigningKey for SoftwareKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.private {
            Private::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(|_| KeyError::Sign)?;
                Ok(signature)
            }
            Private::P256(pair) => pair
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| KeyError::Sign),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_pkcs8_form() {
        for key_type in [KeyType::Rsa3072, KeyType::P256] {
            let key = SoftwareKey::generate(key_type).unwrap();
            let again = SoftwareKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
            assert_eq!(key.public_key(), again.public_key());
        }
    }

    #[test]
    fn a_key_prints_as_secret() {
        let key = SoftwareKey::generate(KeyType::P256).unwrap();
        assert_eq!(format!("{key:?}"), "SoftwareKey([secret])");
    }
}
