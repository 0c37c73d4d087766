//! A list's bytes (RFC 5280, 5.1), read in place and one entry at a time: a long one takes no more
//! memory than what is kept of it.

use std::collections::HashMap;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use rustls::pki_types::UnixTime;
use x509_cert::Version;
use x509_cert::crl::RevokedCert;
use x509_cert::der::asn1::{BitStringRef, ObjectIdentifier};
use x509_cert::der::{Decode, Error as DerError, Reader, SliceReader, Tag, TagMode, TagNumber};
use x509_cert::ext::pkix::CrlNumber;
use x509_cert::ext::{Extension, Extensions};
use x509_cert::name::Name;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::Time;

use super::{CrlError, Revocation};
use crate::identity::{OrgRoot, unix_time};

const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
pub(super) const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");

/// Extensions of a list, and of an entry: more than there are.
const MAX_EXTENSIONS: usize = 16;

/// Delta CRL indicator, issuing distribution point and certificate issuer (RFC 5280, 5.2.4, 5.2.5 and 5.3.3):
/// by them a list says that it does not name all who are revoked, or names those of others. They are
/// critical; no list is taken for a whole one where they are not.
const PARTIAL: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("2.5.29.27"),
    ObjectIdentifier::new_unwrap("2.5.29.28"),
    ObjectIdentifier::new_unwrap("2.5.29.29"),
];

/// What a list says.
pub(super) struct Parts {
    pub(super) number: u64,
    pub(super) this_update: UnixTime,
    pub(super) next_update: UnixTime,
    pub(super) revoked: HashMap<Box<[u8]>, Revocation>,
}

/// What a list's form breaks, whatever it is, is said in one way.
impl From<DerError> for CrlError {
    fn from(_: DerError) -> Self {
        Self::Malformed
    }
}

/// Reads a list whose signature is that of `root`: nothing behind the issuer is looked at before that
/// is known.
pub(super) fn read(der: &[u8], root: &OrgRoot) -> Result<Parts, CrlError> {
    let mut reader = SliceReader::new(der)?;
    let (signed, algorithm, signature) = reader.sequence(|list| {
        let signed = list.tlv_bytes()?;
        let algorithm = AlgorithmIdentifierOwned::decode(list)?;
        Ok::<_, DerError>((signed, algorithm, BitStringRef::decode(list)?))
    })?;
    reader.finish()?;
    let mut reader = SliceReader::new(signed)?;
    let parts = reader.sequence(|list| {
        let version = Version::decode(list)?;
        if version != Version::V2 || AlgorithmIdentifierOwned::decode(list)? != algorithm {
            return Err(CrlError::Malformed);
        }
        if Name::decode(list)? != *root.subject() {
            return Err(CrlError::OtherIssuer);
        }
        check_signature(signed, &algorithm, signature, root)?;
        contents(list)
    })?;
    reader.finish()?;
    Ok(parts)
}

fn check_signature(
    signed: &[u8],
    algorithm: &AlgorithmIdentifierOwned,
    signature: BitStringRef<'_>,
    root: &OrgRoot,
) -> Result<(), CrlError> {
    let verification: &'static dyn VerificationAlgorithm = match algorithm.oid {
        SHA256_WITH_RSA => &RSA_PKCS1_2048_8192_SHA256,
        ECDSA_WITH_SHA256 => &ECDSA_P256_SHA256_ASN1,
        _ => return Err(CrlError::BadSignature),
    };
    let signature = signature.as_bytes().ok_or(CrlError::Malformed)?;
    UnparsedPublicKey::new(verification, root.public_key())
        .verify(signed, signature)
        .map_err(|_| CrlError::BadSignature)
}

/// What follows the issuer.
fn contents(list: &mut SliceReader<'_>) -> Result<Parts, CrlError> {
    let this_update = unix_time(Time::decode(list)?);
    let next_update = unix_time(Time::decode(list)?);
    let mut revoked = HashMap::new();
    if !list.is_finished() && Tag::peek(list)? == Tag::Sequence {
        list.sequence(|entries| {
            while !entries.is_finished() {
                add(&mut revoked, &RevokedCert::decode(entries)?)?;
            }
            Ok::<_, CrlError>(())
        })?;
    }
    let extensions: Option<Extensions> = list.context_specific(TagNumber(0), TagMode::Explicit)?;
    Ok(Parts {
        number: number(extensions.as_deref().unwrap_or_default())?,
        this_update,
        next_update,
        revoked,
    })
}

/// Of two entries for one certificate the one counts that ends it.
fn add(revoked: &mut HashMap<Box<[u8]>, Revocation>, entry: &RevokedCert) -> Result<(), CrlError> {
    check_extensions(entry.crl_entry_extensions.as_deref().unwrap_or_default())?;
    let told = Revocation::read(entry);
    let serial = entry.serial_number.as_bytes().into();
    let kept = revoked.entry(serial).or_insert(told);
    if kept.is_of_a_change() {
        *kept = told;
    }
    Ok(())
}

/// A critical extension that is not understood must not be ignored (RFC 5280, 5.2), and none stands twice
/// (4.2): who reads the other one would read another list.
fn check_extensions(extensions: &[Extension]) -> Result<(), CrlError> {
    if extensions.len() > MAX_EXTENSIONS {
        return Err(CrlError::Malformed);
    }
    let oid = |extension: &Extension| extension.extn_id.to_string();
    let is_partial = |extension: &&Extension| PARTIAL.contains(&extension.extn_id);
    if let Some(extension) = extensions.iter().find(is_partial) {
        return Err(CrlError::Partial {
            oid: oid(extension),
        });
    }
    let is_unknown = |extension: &&Extension| extension.critical && extension.extn_id != CRL_NUMBER;
    if let Some(extension) = extensions.iter().find(is_unknown) {
        return Err(CrlError::UnknownCritical {
            oid: oid(extension),
        });
    }
    let stands_twice = |(index, extension): (usize, &Extension)| {
        let mut before = extensions.iter().take(index);
        before.any(|other| other.extn_id == extension.extn_id)
    };
    match extensions.iter().enumerate().any(stands_twice) {
        true => Err(CrlError::Malformed),
        false => Ok(()),
    }
}

/// The CRL number (RFC 5280, 5.2.3).
fn number(extensions: &[Extension]) -> Result<u64, CrlError> {
    check_extensions(extensions)?;
    let number = extensions
        .iter()
        .find(|extension| extension.extn_id == CRL_NUMBER)
        .and_then(|extension| CrlNumber::from_der(extension.extn_value.as_bytes()).ok())
        .ok_or(CrlError::Malformed)?;
    let bytes = number.0.as_bytes();
    if bytes.len() > 8 {
        return Err(CrlError::Malformed);
    }
    Ok(bytes
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte)))
}
