//! Intake of the organisation's certificate revocation list (RFC 5280, 5): signature, number,
//! dates and size are checked before it replaces the one held.

use std::collections::HashMap;
use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use rustls::pki_types::{CertificateRevocationListDer, UnixTime};
use webpki::BorrowedCertRevocationList;
use x509_cert::crl::{CertificateList, RevokedCert};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::CrlNumber;
use x509_cert::ext::{Extension, Extensions};

use crate::identity::{OrgRoot, PeerCertificate, unix_time};
use crate::limits::MAX_CRL_BYTES;

mod revoked;

pub use revoked::{Revocation, Revoked};

const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");

/// Extensions of a list, and of an entry: more than there are.
const MAX_EXTENSIONS: usize = 16;

/// Delta CRL indicator and issuing distribution point (RFC 5280, 5.2.4 and 5.2.5): by them a list says that it
/// does not name all who are revoked. They are critical; no list is taken for a whole one where they are not.
const PARTIAL: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("2.5.29.27"),
    ObjectIdentifier::new_unwrap("2.5.29.28"),
];

/// Why a revocation list is refused. The one held stays in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CrlError {
    /// Over the size limit.
    #[error("the revocation list has {actual} bytes, more than the limit of {limit}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes received.
        actual: usize,
    },
    /// Not a version 2 CRL in DER, or without number or nextUpdate.
    #[error("the revocation list cannot be read")]
    Malformed,
    /// A critical extension that this program does not know: ignoring it could miss revocations.
    #[error("the revocation list has an unknown critical extension {oid}")]
    UnknownCritical {
        /// The extension.
        oid: String,
    },
    /// It does not name all who are revoked.
    #[error("the revocation list is only a part of one ({oid})")]
    Partial {
        /// The extension that says so.
        oid: String,
    },
    /// Issued under another name than the org root's.
    #[error("the revocation list is not this organisation's")]
    OtherIssuer,
    /// The signature is not the org root's.
    #[error("the revocation list is not signed by the org root")]
    BadSignature,
    /// Dated in the future.
    #[error("the revocation list is dated in the future; check this device's clock")]
    NotYetValid,
    /// Past its nextUpdate.
    #[error("the revocation list is out of date")]
    Expired,
    /// A lower number than one already held: somebody replays an old list.
    #[error("the revocation list has number {actual}, but number {held} was seen already")]
    RolledBack {
        /// The highest number seen.
        held: u64,
        /// The number received.
        actual: u64,
    },
}

/// A revocation list that the org root signed.
#[derive(Clone)]
pub struct RevocationList {
    der: CertificateRevocationListDer<'static>,
    number: u64,
    this_update: UnixTime,
    next_update: UnixTime,
    revoked: HashMap<Box<[u8]>, Revocation>,
}

/// Clocks of an organisation differ a little: a list may be dated this far ahead, in seconds.
const CLOCK_SKEW_SECS: u64 = 300;

impl RevocationList {
    /// Checks a list just received: it must be signed by `root`, in force at `now`, and not older
    /// than the `held` number.
    ///
    /// # Errors
    /// When any of that does not hold.
    pub fn accept(
        der: CertificateRevocationListDer<'static>,
        root: &OrgRoot,
        now: UnixTime,
        held: Option<u64>,
    ) -> Result<Self, CrlError> {
        let list = Self::read(der, root)?;
        if list.this_update.as_secs() > now.as_secs().saturating_add(CLOCK_SKEW_SECS) {
            return Err(CrlError::NotYetValid);
        }
        if !list.is_fresh(now) {
            return Err(CrlError::Expired);
        }
        match held {
            Some(held) if list.number < held => Err(CrlError::RolledBack {
                held,
                actual: list.number,
            }),
            _ => Ok(list),
        }
    }

    /// Reads a list that was accepted before and kept: signature and form are checked again, the
    /// dates are not, so that a stale one can still tell its number.
    ///
    /// # Errors
    /// When it is not a list signed by `root`.
    pub fn read(
        der: CertificateRevocationListDer<'static>,
        root: &OrgRoot,
    ) -> Result<Self, CrlError> {
        if der.len() > MAX_CRL_BYTES {
            return Err(CrlError::TooLong {
                limit: MAX_CRL_BYTES,
                actual: der.len(),
            });
        }
        let parsed = CertificateList::from_der(&der).map_err(|_| CrlError::Malformed)?;
        check_signature(&parsed, root)?;
        let tbs = parsed.tbs_cert_list;
        let number = crl_number(tbs.crl_extensions.as_ref())?;
        let entries = tbs.revoked_certificates.iter().flatten();
        for extensions in entries.filter_map(|entry| entry.crl_entry_extensions.as_ref()) {
            check_extensions(extensions)?;
        }
        let next_update = tbs.next_update.ok_or(CrlError::Malformed)?;
        // The verifier reads it once more: what that does not take must not be kept either.
        BorrowedCertRevocationList::from_der(&der).map_err(|_| CrlError::Malformed)?;
        let revoked = tbs.revoked_certificates.unwrap_or_default();
        Ok(Self {
            number,
            this_update: unix_time(tbs.this_update),
            next_update: unix_time(next_update),
            revoked: by_serial(&revoked),
            der,
        })
    }

    /// The list, DER.
    pub fn der(&self) -> &CertificateRevocationListDer<'static> {
        &self.der
    }

    /// Its CRL number (RFC 5280, 5.2.3).
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When it was signed.
    pub fn this_update(&self) -> UnixTime {
        self.this_update
    }

    /// Until when it may be relied on.
    pub fn next_update(&self) -> UnixTime {
        self.next_update
    }

    /// Whether it may be relied on at `now`.
    pub fn is_fresh(&self, now: UnixTime) -> bool {
        now < self.next_update
    }

    /// Whether it names this serial number.
    pub fn is_revoked(&self, serial: &[u8]) -> bool {
        self.revoked.contains_key(serial)
    }

    /// Whether it names this serial number because what the certificate states of its holder
    /// changed, such as the role: the holder may have another one.
    pub fn is_outdated(&self, serial: &[u8]) -> bool {
        let entry = self.revoked.get(serial);
        entry.is_some_and(Revocation::is_of_a_change)
    }

    /// Whether it names this serial number because its holder, or this device, is to have no part in
    /// anything any more: what is under way is cut. What is merely outdated ends with the file at hand.
    pub fn is_ended(&self, serial: &[u8]) -> bool {
        let entry = self.revoked.get(serial);
        entry.is_some_and(|entry| !entry.is_of_a_change())
    }

    /// What it says of that certificate, if it names it.
    pub fn revoked(&self, certificate: &PeerCertificate) -> Option<Revoked> {
        let entry = self.revoked.get(certificate.serial())?;
        Some(Revoked::new(certificate.name().alias().clone(), *entry))
    }

    /// Certificates it names.
    pub fn revoked_count(&self) -> usize {
        self.revoked.len()
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList")
            .field("number", &self.number)
            .field("revoked", &self.revoked.len())
            .finish_non_exhaustive()
    }
}

fn check_signature(list: &CertificateList, root: &OrgRoot) -> Result<(), CrlError> {
    let tbs = &list.tbs_cert_list;
    if tbs.signature != list.signature_algorithm {
        return Err(CrlError::Malformed);
    }
    if tbs.issuer != *root.subject() {
        return Err(CrlError::OtherIssuer);
    }
    let algorithm: &'static dyn VerificationAlgorithm = match list.signature_algorithm.oid {
        SHA256_WITH_RSA => &RSA_PKCS1_2048_8192_SHA256,
        ECDSA_WITH_SHA256 => &ECDSA_P256_SHA256_ASN1,
        _ => return Err(CrlError::BadSignature),
    };
    let signed = tbs.to_der().map_err(|_| CrlError::Malformed)?;
    let signature = list.signature.as_bytes().ok_or(CrlError::Malformed)?;
    UnparsedPublicKey::new(algorithm, root.public_key())
        .verify(&signed, signature)
        .map_err(|_| CrlError::BadSignature)
}

/// Where one is named twice, the graver reason counts.
fn by_serial(entries: &[RevokedCert]) -> HashMap<Box<[u8]>, Revocation> {
    let mut revoked = HashMap::with_capacity(entries.len());
    for entry in entries {
        let revocation = Revocation::read(entry);
        revoked
            .entry(entry.serial_number.as_bytes().into())
            .and_modify(|known: &mut Revocation| {
                if known.is_of_a_change() {
                    *known = revocation;
                }
            })
            .or_insert(revocation);
    }
    revoked
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

/// Entry and list extensions other than the number are not critical in our lists.
fn crl_number(extensions: Option<&Extensions>) -> Result<u64, CrlError> {
    let extensions = extensions.map(Vec::as_slice).unwrap_or_default();
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

#[cfg(test)]
mod tests;
