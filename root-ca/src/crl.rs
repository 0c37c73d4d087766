use common::limits::MAX_CRL_BYTES;
use der::asn1::ObjectIdentifier;
use der::oid::AssociatedOid;
use der::{Decode, Encode};
use time::{Duration, OffsetDateTime};
use x509_cert::certificate::Version;
use x509_cert::crl::{CertificateList, RevokedCert, TbsCertList};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, CrlNumber, CrlReason};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;

use crate::authority::Authority;
use crate::encode::{extension, signature_algorithm, time};
use crate::key::KeyError;
use crate::serial::Serial;

/// reasonCode (RFC 5280, 5.3.1).
const REASON_CODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");

/// How long a CRL may be believed: peers that reach the auth server have a newer one within an
/// hour; those that do not stop trusting after this.
const CRL_LIFETIME: Duration = Duration::hours(24);

/// Why a certificate was revoked (RFC 5280, 5.3.1): the reasons that this authority uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationReason {
    /// No reason was given.
    Unspecified,
    /// The private key is in other hands.
    KeyCompromise,
    /// The person's role or name changed.
    AffiliationChanged,
    /// Another certificate took its place.
    Superseded,
    /// The person left.
    CessationOfOperation,
    /// The account was disabled.
    PrivilegeWithdrawn,
}

impl RevocationReason {
    /// All reasons.
    pub const ALL: [Self; 6] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::PrivilegeWithdrawn,
    ];

    /// The number in RFC 5280.
    pub fn code(self) -> u8 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::PrivilegeWithdrawn => 9,
        }
    }

    /// The reason with that number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// Its name in RFC 5280.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
        }
    }

    /// "The reason code CRL entry extension SHOULD be absent instead of using the unspecified
    /// reason code value" (RFC 5280, 5.3.1).
    fn encoded(self) -> Option<CrlReason> {
        match self {
            Self::Unspecified => None,
            Self::KeyCompromise => Some(CrlReason::KeyCompromise),
            Self::AffiliationChanged => Some(CrlReason::AffiliationChanged),
            Self::Superseded => Some(CrlReason::Superseded),
            Self::CessationOfOperation => Some(CrlReason::CessationOfOperation),
            Self::PrivilegeWithdrawn => Some(CrlReason::PrivilegeWithdrawn),
        }
    }
}

impl std::fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no reason of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a reason is one of unspecified, keyCompromise, affiliationChanged, superseded, \
     cessationOfOperation and privilegeWithdrawn"
)]
pub struct UnknownReason;

impl std::str::FromStr for RevocationReason {
    type Err = UnknownReason;

    fn from_str(name: &str) -> Result<Self, UnknownReason> {
        Self::ALL
            .into_iter()
            .find(|reason| reason.name().eq_ignore_ascii_case(name))
            .ok_or(UnknownReason)
    }
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedCertificate {
    /// The certificate.
    pub serial: Serial,
    /// When it was revoked.
    pub revoked_at: OffsetDateTime,
    /// Why.
    pub reason: RevocationReason,
}

/// Why no CRL was signed.
#[derive(Debug, thiserror::Error)]
pub enum CrlError {
    /// More than peers accept.
    #[error("the CRL has {actual} bytes, peers accept {MAX_CRL_BYTES}")]
    TooLarge {
        /// Its size.
        actual: usize,
    },
    /// The number is not above the last one.
    #[error("CRL number {number} does not follow {last}")]
    NotMonotone {
        /// The number asked for.
        number: u64,
        /// The last number used.
        last: u64,
    },
    /// The list, read back, is not the list that was given: a mistake in this crate.
    #[error("the CRL does not read back as it was laid out")]
    Lint,
    /// The root key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A value has no encoding in DER.
    #[error("the CRL cannot be encoded")]
    Encode(#[from] der::Error),
}

/// A CRL with the root's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCrl {
    der: Vec<u8>,
    number: u64,
    next_update: OffsetDateTime,
}

impl SignedCrl {
    /// The list, DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When it ends.
    pub fn next_update(&self) -> OffsetDateTime {
        self.next_update
    }
}

impl Authority {
    /// Signs the list of `revoked` under `number`, which the caller has reserved durably and
    /// which must follow `last`.
    ///
    /// # Errors
    /// When the number does not rise, the list is too large, or the key fails.
    pub fn sign_crl(
        &self,
        revoked: &[RevokedCertificate],
        number: u64,
        last: u64,
        now: OffsetDateTime,
    ) -> Result<SignedCrl, CrlError> {
        if number <= last {
            return Err(CrlError::NotMonotone { number, last });
        }
        let next_update = now + CRL_LIFETIME;
        let list = TbsCertList {
            version: Version::V2,
            signature: signature_algorithm(self.key_algorithm()),
            issuer: Name::from_der(&self.names().to_der()?)?,
            this_update: time(now)?,
            next_update: Some(time(next_update)?),
            revoked_certificates: self.entries(revoked)?,
            crl_extensions: Some(self.crl_extensions(number)?),
        };
        let content = list.to_der()?;
        let draft = self.draft(&content)?;
        if draft.len() > MAX_CRL_BYTES {
            return Err(CrlError::TooLarge {
                actual: draft.len(),
            });
        }
        match CertificateList::from_der(&draft) {
            Ok(read) if read.tbs_cert_list == list => {}
            _ => return Err(CrlError::Lint),
        }
        Ok(SignedCrl {
            der: self.seal(&content)?,
            number,
            next_update,
        })
    }

    /// "When there are no revoked certificates, the revoked certificates list MUST be absent"
    /// (RFC 5280, 5.1.2.6).
    fn entries(&self, revoked: &[RevokedCertificate]) -> der::Result<Option<Vec<RevokedCert>>> {
        if revoked.is_empty() {
            return Ok(None);
        }
        let entry = |revoked: &RevokedCertificate| {
            let reason = match revoked.reason.encoded() {
                Some(reason) => Some(vec![extension(REASON_CODE, false, &reason)?]),
                None => None,
            };
            Ok(RevokedCert {
                serial_number: SerialNumber::new(revoked.serial.as_bytes())?,
                revocation_date: time(revoked.revoked_at)?,
                crl_entry_extensions: reason,
            })
        };
        revoked
            .iter()
            .map(entry)
            .collect::<der::Result<_>>()
            .map(Some)
    }

    fn crl_extensions(&self, number: u64) -> der::Result<Vec<x509_cert::ext::Extension>> {
        let issuer = AuthorityKeyIdentifier {
            key_identifier: Some(self.key_id().clone()),
            authority_cert_issuer: None,
            authority_cert_serial_number: None,
        };
        Ok(vec![
            extension(AuthorityKeyIdentifier::OID, false, &issuer)?,
            extension(CrlNumber::OID, false, &CrlNumber::try_from(number)?)?,
        ])
    }
}
