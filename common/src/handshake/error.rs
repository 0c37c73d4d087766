use rustls::{AlertDescription, CertificateError, Error as TlsError};

use crate::crl::Revoked;
use crate::crypto::OpenError;
use crate::identity::{Alias, IdentityError};
use crate::message::DecodeError;
use crate::wire::{FrameType, NotReadyCode};

/// A handshake that ended: why, and what to send before closing.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub error: HandshakeError,
    /// Whole frames for the other side; empty when there is nothing to say.
    pub reply: Vec<u8>,
}

/// Why a handshake ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// We refused the other side's certificate.
    #[error(transparent)]
    Distrust(#[from] Distrust),
    /// The other side refused us.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// We are a listener that cannot decide about anybody now.
    #[error("{0}")]
    NotReady(NotReadyCode),
    /// A frame that has no place in this state.
    #[error("unexpected frame {0} in the handshake")]
    UnexpectedFrame(FrameType),
    /// More handshake bytes than the limit.
    #[error("the handshake is longer than {limit} bytes")]
    TooLong {
        /// Bytes allowed in one direction.
        limit: usize,
    },
    /// Neither side's suites are among the other's.
    #[error("no suite in common")]
    NoCommonSuite,
    /// The listener speaks another version of the message set.
    #[error("expected version {expected} of the protocol, the other side speaks {actual}")]
    Version {
        /// Ours.
        expected: u32,
        /// Theirs.
        actual: u32,
    },
    /// The verdict did not open under the keys that both sides should share.
    #[error("the verdict was altered on the way")]
    Verdict(#[from] OpenError),
    /// The verdict opened but cannot be read.
    #[error(transparent)]
    Message(#[from] DecodeError),
    /// TLS failed for another reason: damaged bytes, or not TLS 1.3 at all.
    #[error("the TLS handshake failed: {0}")]
    Tls(String),
}

/// Why we do not trust the certificate that the other side presented.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// No certificate at all.
    #[error("the other side presented no certificate")]
    NoCertificate,
    /// Not signed by this organisation's root.
    #[error("the certificate was not issued by this organisation")]
    OtherAuthority,
    /// Past its end.
    #[error("the certificate has expired")]
    Expired,
    /// Before its start.
    #[error("the certificate is not valid yet; check both clocks")]
    NotYetValid,
    /// On the revocation list; what it says, where that is known.
    #[error("{}", revoked(.0.as_ref()))]
    Revoked(Option<Revoked>),
    /// Our own revocation list is too old to decide.
    #[error("this device's revocation list is out of date")]
    CrlStale,
    /// The other side does not hold the certificate's private key.
    #[error("the other side does not hold the key of its certificate")]
    BadSignature,
    /// Not meant for peers.
    #[error("the certificate is not meant for this use")]
    WrongUsage,
    /// A good certificate of somebody else.
    #[error("expected {expected}, but {actual} answered")]
    WrongMember {
        /// Who was asked for.
        expected: Alias,
        /// Who answered.
        actual: Alias,
    },
    /// One of the rules for a member's certificate does not hold.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Any other fault of the certificate.
    #[error("the certificate cannot be verified")]
    Other,
}

fn revoked(listed: Option<&Revoked>) -> String {
    listed.map_or_else(|| "the certificate was revoked".into(), ToString::to_string)
}

impl From<&CertificateError> for Distrust {
    fn from(error: &CertificateError) -> Self {
        use CertificateError as E;
        match error {
            E::UnknownIssuer => Self::OtherAuthority,
            E::Expired | E::ExpiredContext { .. } => Self::Expired,
            E::NotValidYet | E::NotValidYetContext { .. } => Self::NotYetValid,
            E::Revoked => Self::Revoked(None),
            E::ExpiredRevocationList
            | E::ExpiredRevocationListContext { .. }
            | E::UnknownRevocationStatus => Self::CrlStale,
            E::InvalidPurpose | E::InvalidPurposeContext { .. } => Self::WrongUsage,
            E::BadSignature => Self::BadSignature,
            _ => Self::Other,
        }
    }
}

/// Why the other side refused us, as far as a TLS alert (RFC 8446, 6.2) can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The listener is not ready for anybody.
    #[error("{0}")]
    NotReady(NotReadyCode),
    /// `certificate_revoked`.
    #[error("the other side says that this device's certificate was revoked")]
    Revoked,
    /// `certificate_expired`: expired, or not yet valid by its clock.
    #[error("the other side says that this device's certificate is not valid at this time")]
    Expired,
    /// `unknown_ca`.
    #[error("the other side belongs to another organisation")]
    OtherAuthority,
    /// `access_denied`.
    #[error(
        "the other side does not accept this device: it is no member there, or not who was expected"
    )]
    AccessDenied,
    /// `certificate_required`.
    #[error("the other side demands a certificate")]
    CertificateRequired,
    /// `no_application_protocol`.
    #[error("no suite in common with the other side")]
    NoCommonSuite,
    /// Any other alert.
    #[error("the other side refused the handshake (TLS alert {0})")]
    Alert(u8),
}

impl From<AlertDescription> for Refusal {
    fn from(alert: AlertDescription) -> Self {
        match alert {
            AlertDescription::CertificateRevoked => Self::Revoked,
            AlertDescription::CertificateExpired => Self::Expired,
            AlertDescription::UnknownCA => Self::OtherAuthority,
            AlertDescription::AccessDenied => Self::AccessDenied,
            AlertDescription::CertificateRequired => Self::CertificateRequired,
            AlertDescription::NoApplicationProtocol => Self::NoCommonSuite,
            other => Self::Alert(other.into()),
        }
    }
}

impl From<TlsError> for HandshakeError {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::AlertReceived(alert) => Self::Refused(alert.into()),
            TlsError::InvalidCertificate(error) => Self::Distrust((&error).into()),
            TlsError::NoCertificatesPresented => Self::Distrust(Distrust::NoCertificate),
            TlsError::NoApplicationProtocol => Self::NoCommonSuite,
            other => Self::Tls(other.to_string()),
        }
    }
}
