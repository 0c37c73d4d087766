//! Intake of certificate requests: of all that a PKCS #10 request says only the public key is
//! taken, after its own signature proved that the sender holds the private half.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use der::asn1::{AnyRef, ObjectIdentifier, UintRef};
use der::{Decode, Document, Reader, SliceReader};
use x509_cert::request::CertReq;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::encode::element;
use crate::key::{KeyAlgorithm, PublicKey, SigningKey, SoftwareKey};

/// Bytes of a request, PEM or DER. RSA-4096 with a generous subject is under 3 KiB in PEM; the
/// limit bounds the work that a stranger's bytes can cause.
pub const MAX_REQUEST_BYTES: usize = 8 * 1024;

const PEM_LABEL: &str = "CERTIFICATE REQUEST";

const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const CURVE_P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const RSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_WITH_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");

/// Bytes of the RSA moduli that are accepted: 2048, 3072 and 4096 bits.
const RSA_MODULUS_BYTES: [usize; 3] = [256, 384, 512];
/// 65537: the only public exponent that is accepted.
const RSA_EXPONENT: &[u8] = &[1, 0, 1];
/// A modulus with a factor below this is not a product of two large primes.
const SMALL_FACTOR_LIMIT: u32 = 752;

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Longer than any honest request.
    #[error("the request is over {MAX_REQUEST_BYTES} bytes")]
    TooLarge,
    /// Not exactly one PKCS #10 request.
    #[error("the request is not a PKCS #10 certificate request")]
    Malformed,
    /// Neither RSA with 2048, 3072 or 4096 bits nor P-256.
    #[error("the key must be RSA with 2048, 3072 or 4096 bits, or P-256")]
    KeyType,
    /// An RSA key with another exponent than 65537, or an even or smooth modulus.
    #[error("the RSA key is weak: its exponent must be 65537 and its modulus a product of primes")]
    WeakKey,
    /// Signed with something else than SHA-2 and the key's own algorithm.
    #[error("the request's signature algorithm is not accepted")]
    SignatureAlgorithm,
    /// The signature does not verify: the sender does not hold the private key.
    #[error("the request's signature does not match its key")]
    Signature,
}

/// A public key whose holder proved possession of the private half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenKey(PublicKey);

impl ProvenKey {
    /// Takes the key out of a request in PEM, with nothing before or after it but white space.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn from_pem(pem: &str) -> Result<Self, RequestError> {
        if pem.len() > MAX_REQUEST_BYTES {
            return Err(RequestError::TooLarge);
        }
        let text = pem.trim();
        // RFC 7468, 2 lets parsers skip text before the label; nobody honest sends any.
        if !text.starts_with("-----BEGIN ") {
            return Err(RequestError::Malformed);
        }
        let (label, document) = Document::from_pem(text).map_err(|_| RequestError::Malformed)?;
        if label != PEM_LABEL {
            return Err(RequestError::Malformed);
        }
        Self::from_der(document.as_bytes())
    }

    /// Takes the key out of a request in DER.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn from_der(der: &[u8]) -> Result<Self, RequestError> {
        if der.len() > MAX_REQUEST_BYTES {
            return Err(RequestError::TooLarge);
        }
        let request = CertReq::from_der(der).map_err(|_| RequestError::Malformed)?;
        // CertificationRequestInfo, and in it after version and subject the key: the bytes as sent.
        let signed = element(der, 1).map_err(|_| RequestError::Malformed)?;
        let key = check_key(element(signed, 3).map_err(|_| RequestError::Malformed)?)?;
        let signature = request
            .signature
            .as_bytes()
            .ok_or(RequestError::Malformed)?;
        let algorithm = verification(key.key_algorithm(), &request.algorithm.oid)
            .ok_or(RequestError::SignatureAlgorithm)?;
        UnparsedPublicKey::new(algorithm, key.bits())
            .verify(signed, signature)
            .map_err(|_| RequestError::Signature)?;
        Ok(Self(key))
    }

    /// The key.
    pub fn public_key(&self) -> &PublicKey {
        &self.0
    }
}

impl From<&SoftwareKey> for ProvenKey {
    /// A key held by this very process.
    fn from(key: &SoftwareKey) -> Self {
        Self(key.public_key().clone())
    }
}

/// Accepts the keys that authority.md names and refuses all others.
fn check_key(spki: &[u8]) -> Result<PublicKey, RequestError> {
    let spki = SubjectPublicKeyInfoRef::from_der(spki).map_err(|_| RequestError::Malformed)?;
    let bits = spki
        .subject_public_key
        .as_bytes()
        .ok_or(RequestError::Malformed)?;
    if spki.algorithm.oid == RSA_ENCRYPTION {
        if spki.algorithm.parameters != Some(AnyRef::NULL) {
            return Err(RequestError::KeyType);
        }
        check_rsa(bits)?;
        return PublicKey::new(KeyAlgorithm::Rsa, bits.to_vec())
            .map_err(|_| RequestError::Malformed);
    }
    let on_p256 =
        spki.algorithm.oid == EC_PUBLIC_KEY && spki.algorithm.parameters_oid() == Ok(CURVE_P256);
    // An uncompressed point (SEC 1, 2.3.3); that it lies on the curve shows when it verifies.
    if on_p256 && bits.len() == 65 && bits[0] == 4 {
        return PublicKey::new(KeyAlgorithm::P256, bits.to_vec())
            .map_err(|_| RequestError::Malformed);
    }
    Err(RequestError::KeyType)
}

/// `RSAPublicKey ::= SEQUENCE { modulus, publicExponent }` (RFC 8017, A.1.1).
fn check_rsa(der: &[u8]) -> Result<(), RequestError> {
    let read = || {
        let mut reader = SliceReader::new(der)?;
        let pair = reader.sequence(|reader| {
            Ok::<_, der::Error>((UintRef::decode(reader)?, UintRef::decode(reader)?))
        })?;
        reader.finish()?;
        Ok::<_, der::Error>(pair)
    };
    let (modulus, exponent) = read().map_err(|_| RequestError::Malformed)?;
    let modulus = modulus.as_bytes();
    let full_length = modulus.first().is_some_and(|byte| *byte >= 0x80);
    if !RSA_MODULUS_BYTES.contains(&modulus.len()) || !full_length {
        return Err(RequestError::KeyType);
    }
    if exponent.as_bytes() != RSA_EXPONENT || has_small_factor(modulus) {
        return Err(RequestError::WeakKey);
    }
    Ok(())
}

/// Whether the number shares a factor with the product of all primes below the limit: the gcd
/// test, prime by prime, in one pass of 512 bytes each.
fn has_small_factor(modulus: &[u8]) -> bool {
    let remainder = |divisor: u32| {
        modulus.iter().fold(0, |rest: u32, byte| {
            (rest * 256 + u32::from(*byte)) % divisor
        })
    };
    let is_prime = |n: u32| {
        (2..n)
            .take_while(|d| d * d <= n)
            .all(|d| !n.is_multiple_of(d))
    };
    (2..SMALL_FACTOR_LIMIT)
        .filter(|n| is_prime(*n))
        .any(|prime| remainder(prime) == 0)
}

fn verification(
    key: KeyAlgorithm,
    signature: &ObjectIdentifier,
) -> Option<&'static dyn VerificationAlgorithm> {
    match (key, *signature) {
        (KeyAlgorithm::Rsa, RSA_WITH_SHA256) => Some(&RSA_PKCS1_2048_8192_SHA256),
        (KeyAlgorithm::Rsa, RSA_WITH_SHA384) => Some(&RSA_PKCS1_2048_8192_SHA384),
        (KeyAlgorithm::Rsa, RSA_WITH_SHA512) => Some(&RSA_PKCS1_2048_8192_SHA512),
        (KeyAlgorithm::P256, ECDSA_WITH_SHA256) => Some(&ECDSA_P256_SHA256_ASN1),
        _ => None,
    }
}
