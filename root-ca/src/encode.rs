//! Certificates and CRLs laid out in DER, field by field (RFC 5280, 4.1 and 5.1).
//!
//! The types are those of `x509-cert`; its certificate type cannot be built from outside, so the
//! outermost sequence stands here. Nothing here decides anything.

use der::asn1::{Any, BitString, Null, ObjectIdentifier, OctetString};
use der::{DateTime, Decode, Encode, Header, Length, Reader, Sequence, SliceReader, Tag};
use time::OffsetDateTime;
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::ext::Extension;
use x509_cert::name::{RdnSequence, RelativeDistinguishedName};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::{Time, Validity};

use crate::key::{KeyAlgorithm, KeyError, SigningKey};

/// X.520, 6.4.4.
/// Bytes of the longest signature that a root makes: RSA-4096.
const MAX_SIGNATURE_BYTES: usize = 512;
pub(crate) const ORGANIZATION_IDENTIFIER: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.5.4.97");
pub(crate) const ORGANIZATION_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
/// X.520, 6.4.3.
pub(crate) const TITLE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.12");
pub(crate) const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
pub(crate) const RSA_ENCRYPTION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(crate) const EC_PUBLIC_KEY: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const CURVE_P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

#[derive(Sequence)]
struct SubjectPublicKeyInfo {
    algorithm: AlgorithmIdentifierOwned,
    subject_public_key: BitString,
}

/// TBSCertificate (RFC 5280, 4.1.2), version 3, without the unique identifiers.
#[derive(Sequence)]
pub(crate) struct TbsCertificate {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    pub(crate) version: u8,
    pub(crate) serial: SerialNumber,
    pub(crate) signature: AlgorithmIdentifierOwned,
    pub(crate) issuer: RdnSequence,
    pub(crate) validity: Validity,
    pub(crate) subject: RdnSequence,
    pub(crate) subject_public_key_info: Any,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT")]
    pub(crate) extensions: Vec<Extension>,
}

/// The value of `version` that means version 3.
pub(crate) const VERSION_3: u8 = 2;

/// The identifier of the algorithm with which a key of that kind signs (RFC 4055, 5; RFC 5758, 3.2).
pub(crate) fn signature_algorithm(key: KeyAlgorithm) -> AlgorithmIdentifierOwned {
    match key {
        KeyAlgorithm::Rsa => AlgorithmIdentifierOwned {
            oid: SHA256_WITH_RSA,
            parameters: Some(Null.into()),
        },
        KeyAlgorithm::P256 => AlgorithmIdentifierOwned {
            oid: ECDSA_WITH_SHA256,
            parameters: None,
        },
    }
}

/// SubjectPublicKeyInfo around `bits`, the content of its BIT STRING.
pub(crate) fn public_key_info(key: KeyAlgorithm, bits: &[u8]) -> der::Result<Vec<u8>> {
    let (oid, parameters) = match key {
        KeyAlgorithm::Rsa => (RSA_ENCRYPTION, Any::from(Null)),
        KeyAlgorithm::P256 => (EC_PUBLIC_KEY, Any::from(CURVE_P256)),
    };
    let algorithm = AlgorithmIdentifierOwned {
        oid,
        parameters: Some(parameters),
    };
    SubjectPublicKeyInfo {
        algorithm,
        subject_public_key: BitString::from_bytes(bits)?,
    }
    .to_der()
}

/// A distinguished name of one attribute a component, in the given order.
pub(crate) fn name(attributes: &[(ObjectIdentifier, Tag, &str)]) -> der::Result<RdnSequence> {
    let mut sequence = RdnSequence::default();
    for (oid, tag, text) in attributes {
        let mut component = RelativeDistinguishedName::default();
        component.insert(AttributeTypeAndValue {
            oid: *oid,
            value: Any::new(*tag, text.as_bytes())?,
        })?;
        sequence.push(component);
    }
    Ok(sequence)
}

/// An extension with the DER of `value` inside.
pub(crate) fn extension(
    oid: ObjectIdentifier,
    critical: bool,
    value: &impl Encode,
) -> der::Result<Extension> {
    Ok(Extension {
        extn_id: oid,
        critical,
        extn_value: OctetString::new(value.to_der()?)?,
    })
}

/// UTCTime up to 2049, GeneralizedTime from then on (RFC 5280, 4.1.2.5); whole seconds.
pub(crate) fn time(at: OffsetDateTime) -> der::Result<Time> {
    let seconds = u64::try_from(at.unix_timestamp()).map_err(|_| der::ErrorKind::DateTime)?;
    DateTime::from_unix_duration(std::time::Duration::from_secs(seconds)).map(Time::from)
}

/// A time as a certificate states it.
pub(crate) fn date(time: Time) -> Option<OffsetDateTime> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

/// `SEQUENCE { content, algorithm, signature }`, signed by `key` over exactly `content`.
pub(crate) fn sign(content: &[u8], key: &dyn SigningKey) -> Result<Vec<u8>, KeyError> {
    let signature = key.sign(content)?;
    join(content, key.public_key().key_algorithm(), signature).map_err(|_| KeyError::Sign)
}

/// The same with a throw-away signature, for the linter's eyes: zeros, which verify under no key,
/// and at least as many as a signature has.
pub(crate) fn draft(content: &[u8], algorithm: KeyAlgorithm) -> der::Result<Vec<u8>> {
    join(content, algorithm, vec![0; MAX_SIGNATURE_BYTES])
}

fn join(content: &[u8], algorithm: KeyAlgorithm, signature: Vec<u8>) -> der::Result<Vec<u8>> {
    let algorithm = signature_algorithm(algorithm).to_der()?;
    let signature = BitString::new(0, signature)?.to_der()?;
    let length = Length::try_from(content.len() + algorithm.len() + signature.len())?;
    let mut out = Header::new(Tag::Sequence, length).to_der()?;
    out.extend_from_slice(content);
    out.extend_from_slice(&algorithm);
    out.extend_from_slice(&signature);
    Ok(out)
}

/// The encoded `nth` element (from 1) of the SEQUENCE `der`.
pub(crate) fn element(der: &[u8], nth: usize) -> der::Result<&[u8]> {
    let mut reader = SliceReader::new(der)?;
    Header::decode(&mut reader)?
        .tag()
        .assert_eq(Tag::Sequence)?;
    for _ in 1..nth {
        reader.tlv_bytes()?;
    }
    reader.tlv_bytes()
}
