use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, UnixTime};
use std::time::Duration;
use x509_cert::Certificate;
use x509_cert::der::asn1::{ObjectIdentifier, PrintableStringRef, Utf8StringRef};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName};
use x509_cert::name::Name;
use x509_cert::time::Time;

use super::label::{OrgLabel, PeerName, Role};
use crate::limits::MAX_CERTIFICATE_BYTES;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// X.520, 6.4.3: "the designated position or function of the object within an organization".
const TITLE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.12");

/// The extended key usages that every peer certificate has, and no other certificate of the
/// organisation: server and client on the peer link, and signer of receipts.
const PEER_USAGES: [(ObjectIdentifier, &str); 3] = [
    (
        ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1"),
        "serverAuth",
    ),
    (
        ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2"),
        "clientAuth",
    ),
    (
        ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4"),
        "emailProtection",
    ),
];

/// Why a certificate, though its chain may be good, is not a member's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not an X.509 certificate in DER, or over the size limit, or an extension unreadable.
    #[error("the certificate cannot be read")]
    Malformed,
    /// Not exactly one certificate was sent.
    #[error("expected a chain of one certificate, got {actual}")]
    ChainLength {
        /// Certificates received.
        actual: usize,
    },
    /// Not exactly one subject alternative name of type dNSName.
    #[error("the certificate does not carry exactly one DNS name")]
    NotOneName,
    /// The name is not `<alias>.peer.<org>.internal` of this organisation.
    #[error("the certificate's name is not a member's name in this organisation")]
    ForeignName,
    /// The subject's common name is not the alias of the subject alternative name.
    #[error("the certificate's common name differs from its alias")]
    CommonNameDiffers,
    /// The subject states no usable role.
    #[error("the certificate states no role")]
    NoRole,
    /// An extended key usage or digitalSignature is missing.
    #[error("the certificate lacks the usage {usage}")]
    MissingUsage {
        /// The usage by its name in RFC 5280.
        usage: &'static str,
    },
    /// CA:TRUE, or no basic constraints at all.
    #[error("the certificate is not an end-entity certificate")]
    CertificateAuthority,
    /// The other side presented our own key: a reflection, or the very same device.
    #[error("the other side presented this device's own key")]
    OwnKey,
}

/// What a peer certificate says. Reading it proves nothing: a value counts only inside a
/// [`VerifiedPeer`](crate::handshake::VerifiedPeer), whose chain and revocation were checked too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    name: PeerName,
    role: Role,
    serial: Vec<u8>,
    not_before: UnixTime,
    not_after: UnixTime,
    key_sha256: [u8; 32],
    leaf_sha256: [u8; 32],
}

impl PeerCertificate {
    /// Reads `leaf` and checks everything about it that the web PKI path check does not: one
    /// name, of this organisation, equal to the common name; the usages; not a CA; a role.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn from_der(leaf: &CertificateDer<'_>, org: &OrgLabel) -> Result<Self, IdentityError> {
        if leaf.len() > MAX_CERTIFICATE_BYTES {
            return Err(IdentityError::Malformed);
        }
        let parsed = Certificate::from_der(leaf).map_err(|_| IdentityError::Malformed)?;
        let tbs = parsed.tbs_certificate();
        check_constraints(&parsed)?;
        check_usages(&parsed)?;
        let name = single_name(&parsed, org)?;
        if text_attribute(tbs.subject(), COMMON_NAME).as_deref() != Some(name.alias().as_str()) {
            return Err(IdentityError::CommonNameDiffers);
        }
        let role = text_attribute(tbs.subject(), TITLE)
            .and_then(|title| title.parse().ok())
            .ok_or(IdentityError::NoRole)?;
        let key = tbs
            .subject_public_key_info()
            .to_der()
            .map_err(|_| IdentityError::Malformed)?;
        Ok(Self {
            name,
            role,
            serial: tbs.serial_number().as_bytes().to_vec(),
            not_before: unix_time(tbs.validity().not_before),
            not_after: unix_time(tbs.validity().not_after),
            key_sha256: sha256(&key),
            leaf_sha256: sha256(leaf),
        })
    }

    /// The member's full name.
    pub fn name(&self) -> &PeerName {
        &self.name
    }

    /// The role the auth server gave when it issued the certificate.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// The serial number, big-endian as in the DER INTEGER.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// Start of validity, inclusive.
    pub fn not_before(&self) -> UnixTime {
        self.not_before
    }

    /// End of validity, inclusive.
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// Whether `now` lies within the validity, both ends inclusive (RFC 5280, 4.1.2.5).
    pub fn is_valid_at(&self, now: UnixTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// SHA-256 of the SubjectPublicKeyInfo: equal means the same key.
    pub fn key_sha256(&self) -> &[u8; 32] {
        &self.key_sha256
    }

    /// SHA-256 of the certificate's DER: binds session keys to it.
    pub fn leaf_sha256(&self) -> &[u8; 32] {
        &self.leaf_sha256
    }
}

fn check_constraints(certificate: &Certificate) -> Result<(), IdentityError> {
    match extension::<BasicConstraints>(certificate)? {
        Some(constraints) if !constraints.ca => Ok(()),
        _ => Err(IdentityError::CertificateAuthority),
    }
}

fn check_usages(certificate: &Certificate) -> Result<(), IdentityError> {
    let signs = extension::<KeyUsage>(certificate)?.is_some_and(|usage| usage.digital_signature());
    if !signs {
        return Err(IdentityError::MissingUsage {
            usage: "digitalSignature",
        });
    }
    let stated = extension::<ExtendedKeyUsage>(certificate)?.map_or(Vec::new(), |usages| usages.0);
    match PEER_USAGES.iter().find(|(oid, _)| !stated.contains(oid)) {
        Some((_, usage)) => Err(IdentityError::MissingUsage { usage }),
        None => Ok(()),
    }
}

fn single_name(certificate: &Certificate, org: &OrgLabel) -> Result<PeerName, IdentityError> {
    let names = extension::<SubjectAltName>(certificate)?.ok_or(IdentityError::NotOneName)?;
    let [GeneralName::DnsName(name)] = names.0.as_slice() else {
        return Err(IdentityError::NotOneName);
    };
    name.as_str()
        .parse()
        .ok()
        .filter(|name: &PeerName| name.org() == org)
        .ok_or(IdentityError::ForeignName)
}

fn extension<'a, T>(certificate: &'a Certificate) -> Result<Option<T>, IdentityError>
where
    T: Decode<'a> + x509_cert::der::oid::AssociatedOid,
{
    certificate
        .tbs_certificate()
        .get_extension::<T>()
        .map(|found| found.map(|(_critical, value)| value))
        .map_err(|_| IdentityError::Malformed)
}

/// The value of the only attribute of that type, when it is text.
pub(super) fn text_attribute(name: &Name, oid: ObjectIdentifier) -> Option<String> {
    let mut found = name.iter().filter(|attribute| attribute.oid == oid);
    let (Some(attribute), None) = (found.next(), found.next()) else {
        return None;
    };
    Utf8StringRef::try_from(&attribute.value)
        .map(|text| text.as_str().to_owned())
        .or_else(|_| {
            PrintableStringRef::try_from(&attribute.value).map(|text| text.as_str().to_owned())
        })
        .ok()
}

/// Seconds since 1970, from either form of an X.509 time.
pub(crate) fn unix_time(time: Time) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(time.to_unix_duration().as_secs()))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}
