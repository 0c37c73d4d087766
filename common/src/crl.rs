//! Intake of the organisation's certificate revocation list (RFC 5280, 5): signature, number,
//! dates and size are checked before it replaces the one held.

mod parts;
mod revoked;

use std::collections::HashMap;
use std::fmt;

use rustls::pki_types::{CertificateRevocationListDer, UnixTime};

use crate::identity::{Fingerprint, OrgRoot, PeerCertificate};
use crate::limits::MAX_CRL_BYTES;
use parts::Parts;
pub use revoked::{Revocation, Revoked};

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

/// A revocation list that the org root signed: there is no way to one but by the check of that.
#[derive(Clone)]
pub struct RevocationList {
    der: CertificateRevocationListDer<'static>,
    root: Fingerprint,
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
        let Parts {
            number,
            this_update,
            next_update,
            revoked,
        } = parts::read(&der, root)?;
        Ok(Self {
            der,
            root: root.fingerprint(),
            number,
            this_update,
            next_update,
            revoked,
        })
    }

    /// The list, DER.
    pub fn der(&self) -> &CertificateRevocationListDer<'static> {
        &self.der
    }

    /// Whether it was checked with that root's key.
    pub fn is_of(&self, root: &OrgRoot) -> bool {
        self.root == root.fingerprint()
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

#[cfg(test)]
mod tests;
