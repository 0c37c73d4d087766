use std::fmt;
use std::time::Duration;

use rustls::pki_types::UnixTime;
use x509_cert::crl::RevokedCert;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{DateTime, Decode};
use x509_cert::ext::pkix::CrlReason;

use crate::identity::{Alias, unix_time};

const REASON_CODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");

/// An entry of a revocation list: why and when. A list has hundreds of thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    at_secs: u64,
    reason: CrlReason,
}

impl Revocation {
    /// Reads date and reason code (RFC 5280, 5.3.1); what has none, or one that cannot be read, is
    /// unspecified.
    pub(super) fn read(entry: &RevokedCert) -> Self {
        let extensions = entry.crl_entry_extensions.as_deref().unwrap_or_default();
        let mut reasons = extensions
            .iter()
            .filter(|extension| extension.extn_id == REASON_CODE)
            .filter_map(|extension| CrlReason::from_der(extension.extn_value.as_bytes()).ok());
        Self {
            at_secs: unix_time(entry.revocation_date).as_secs(),
            reason: reasons.next().unwrap_or(CrlReason::Unspecified),
        }
    }

    /// affiliationChanged: what the certificate states of its holder is no longer so.
    pub(super) fn is_of_a_change(&self) -> bool {
        self.reason == CrlReason::AffiliationChanged
    }

    /// When.
    pub fn at(&self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(self.at_secs))
    }

    /// Why, in the words of RFC 5280; `None` when that was not told.
    pub fn reason(&self) -> Option<&'static str> {
        match self.reason {
            CrlReason::Unspecified => None,
            CrlReason::KeyCompromise => Some("keyCompromise"),
            CrlReason::CaCompromise => Some("cACompromise"),
            CrlReason::AffiliationChanged => Some("affiliationChanged"),
            CrlReason::Superseded => Some("superseded"),
            CrlReason::CessationOfOperation => Some("cessationOfOperation"),
            CrlReason::CertificateHold => Some("certificateHold"),
            CrlReason::RemoveFromCRL => Some("removeFromCRL"),
            CrlReason::PrivilegeWithdrawn => Some("privilegeWithdrawn"),
            CrlReason::AaCompromise => Some("aACompromise"),
        }
    }
}

/// Whose certificate a revocation list names, why and when: for the people who wonder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    alias: Alias,
    revocation: Revocation,
}

impl Revoked {
    pub(super) fn new(alias: Alias, revocation: Revocation) -> Self {
        Self { alias, revocation }
    }

    /// Whose.
    pub fn alias(&self) -> &Alias {
        &self.alias
    }

    /// Why and when.
    pub fn revocation(&self) -> &Revocation {
        &self.revocation
    }
}

impl fmt::Display for Revoked {
    /// `bob's certificate was revoked (keyCompromise) on 2026-11-21 17:20:03 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}'s certificate was revoked", self.alias)?;
        if let Some(reason) = self.revocation.reason() {
            write!(f, " ({reason})")?;
        }
        let at = Duration::from_secs(self.revocation.at_secs);
        // Later than the year 9999 is no date that a list can have.
        let Ok(at) = DateTime::from_unix_duration(at) else {
            return Ok(());
        };
        write!(
            f,
            " on {:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minutes(),
            at.seconds()
        )
    }
}
