//! A second reading of every certificate before the root key signs it: parsed anew from DER and
//! compared with what was decided, with nothing taken over from the code that laid it out.

use common::identity::{IdentityError, OrgRoot, PeerCertificate};
use der::asn1::{ObjectIdentifier, OctetString};
use der::oid::AssociatedOid;
use der::{Decode, Encode};
use rustls_pki_types::CertificateDer;
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::RdnSequence;
use x509_cert::{Certificate, TbsCertificate};

use crate::encode::date;
use crate::issue::{host_name, usages};
use crate::ledger::LedgerEntry;
use crate::profile::Subject;
use crate::serial::Serial;

/// What a draft does not keep of its profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LintError {
    /// It cannot be read back.
    #[error("it is not a certificate in DER")]
    Malformed,
    /// One field differs from what was decided.
    #[error("its {field} is not what the profile says")]
    Field {
        /// The field by its name in RFC 5280.
        field: &'static str,
    },
    /// Peers would refuse it.
    #[error("peers would refuse it: {0}")]
    Identity(#[from] IdentityError),
}

impl From<der::Error> for LintError {
    fn from(_: der::Error) -> Self {
        Self::Malformed
    }
}

/// What was decided about a leaf.
pub(crate) struct Expected<'a> {
    pub(crate) root: &'a OrgRoot,
    pub(crate) issuer: &'a RdnSequence,
    pub(crate) issuer_key_id: &'a OctetString,
    pub(crate) subject: &'a Subject,
    pub(crate) entry: &'a LedgerEntry,
}

fn demand(holds: bool, field: &'static str) -> Result<(), LintError> {
    if holds {
        Ok(())
    } else {
        Err(LintError::Field { field })
    }
}

/// The extensions present, with their criticality, in this order and no others.
fn demand_extensions(
    tbs: &TbsCertificate,
    expected: &[(ObjectIdentifier, bool)],
) -> Result<(), LintError> {
    let present = tbs.extensions().map_or(&[][..], Vec::as_slice);
    let same = present.len() == expected.len()
        && present
            .iter()
            .zip(expected)
            .all(|(found, (oid, critical))| found.extn_id == *oid && found.critical == *critical);
    demand(same, "extensions")
}

fn value<'a, T: Decode<'a> + AssociatedOid>(
    tbs: &'a TbsCertificate,
    field: &'static str,
) -> Result<T, LintError> {
    match tbs.get_extension::<T>() {
        Ok(Some((_, value))) => Ok(value),
        _ => Err(LintError::Field { field }),
    }
}

/// Checks a root certificate, new or loaded.
pub(crate) fn lint_root(der: &[u8]) -> Result<(), LintError> {
    let certificate = Certificate::from_der(der)?;
    let tbs = certificate.tbs_certificate();
    demand(tbs.version() == Version::V3, "version")?;
    demand(tbs.issuer() == tbs.subject(), "issuer")?;
    demand(
        tbs.signature() == certificate.signature_algorithm(),
        "signature",
    )?;
    demand_extensions(
        tbs,
        &[
            (BasicConstraints::OID, true),
            (KeyUsage::OID, true),
            (SubjectKeyIdentifier::OID, false),
        ],
    )?;
    let constraints: BasicConstraints = value(tbs, "basicConstraints")?;
    demand(
        constraints.ca && constraints.path_len_constraint == Some(0),
        "basicConstraints",
    )?;
    let usage: KeyUsage = value(tbs, "keyUsage")?;
    demand(
        usage.0 == KeyUsages::KeyCertSign | KeyUsages::CRLSign,
        "keyUsage",
    )
}

/// Checks a draft of a leaf against what was decided.
pub(crate) fn lint_leaf(der: &[u8], expected: &Expected<'_>) -> Result<(), LintError> {
    let certificate = Certificate::from_der(der)?;
    let tbs = certificate.tbs_certificate();
    demand(tbs.version() == Version::V3, "version")?;
    demand(
        tbs.signature() == certificate.signature_algorithm(),
        "signature",
    )?;
    demand(tbs.issuer().as_ref() == expected.issuer, "issuer")?;
    demand(
        Serial::from_bytes(tbs.serial_number().as_bytes()) == Some(expected.entry.serial),
        "serialNumber",
    )?;
    let validity = tbs.validity();
    demand(
        date(validity.not_before) == Some(expected.entry.not_before)
            && date(validity.not_after) == Some(expected.entry.not_after)
            && expected.entry.not_before < expected.entry.not_after,
        "validity",
    )?;
    lint_leaf_extensions(tbs, expected)?;
    match expected.subject {
        Subject::Member { .. } => lint_member(der, expected),
        Subject::AuthServer { .. } => lint_server(tbs, expected),
    }
}

fn lint_leaf_extensions(tbs: &TbsCertificate, expected: &Expected<'_>) -> Result<(), LintError> {
    demand_extensions(
        tbs,
        &[
            (BasicConstraints::OID, true),
            (KeyUsage::OID, true),
            (ExtendedKeyUsage::OID, false),
            (SubjectAltName::OID, false),
            (SubjectKeyIdentifier::OID, false),
            (AuthorityKeyIdentifier::OID, false),
        ],
    )?;
    let constraints: BasicConstraints = value(tbs, "basicConstraints")?;
    demand(
        !constraints.ca && constraints.path_len_constraint.is_none(),
        "basicConstraints",
    )?;
    let usage: KeyUsage = value(tbs, "keyUsage")?;
    demand(usage.0 == KeyUsages::DigitalSignature, "keyUsage")?;
    let extended: ExtendedKeyUsage = value(tbs, "extKeyUsage")?;
    demand(extended.0 == usages(expected.subject), "extKeyUsage")?;
    let issuer: AuthorityKeyIdentifier = value(tbs, "authorityKeyIdentifier")?;
    demand(
        issuer.key_identifier.as_ref() == Some(expected.issuer_key_id),
        "authorityKeyIdentifier",
    )
}

/// Reads a member's certificate as every peer will.
fn lint_member(der: &[u8], expected: &Expected<'_>) -> Result<(), LintError> {
    let Subject::Member { alias, role } = expected.subject else {
        return Err(LintError::Field { field: "subject" });
    };
    let certificate = CertificateDer::from(der);
    let read = PeerCertificate::from_der(&certificate, expected.root.label())?;
    demand(read.name().alias() == alias, "subjectAltName")?;
    demand(read.role() == role, "title")?;
    demand(
        *read.key_sha256() == expected.entry.key_sha256,
        "subjectPublicKeyInfo",
    )
}

/// An HTTPS certificate names the hosts and cannot be taken for a member's.
fn lint_server(tbs: &TbsCertificate, expected: &Expected<'_>) -> Result<(), LintError> {
    let Subject::AuthServer { hosts } = expected.subject else {
        return Err(LintError::Field { field: "subject" });
    };
    let names: SubjectAltName = value(tbs, "subjectAltName")?;
    let decided = hosts.iter().map(host_name).collect::<Result<Vec<_>, _>>()?;
    demand(names.0 == decided, "subjectAltName")?;
    let outside = !hosts
        .iter()
        .any(|host| host.is_in_peer_domain(expected.root.label()));
    demand(outside, "subjectAltName")?;
    let key = tbs.subject_public_key_info().to_der()?;
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &key);
    demand(
        digest.as_ref() == expected.entry.key_sha256,
        "subjectPublicKeyInfo",
    )
}
