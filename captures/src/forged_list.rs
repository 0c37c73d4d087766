//! Revocation lists that a thief of the root key could sign, and others could not.

use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber, SigningKey as _,
};
use rustls::pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};
use x509_cert::Certificate;
use x509_cert::crl::{CertificateList, TbsCertList};
use x509_cert::der::asn1::{BitString, OctetString};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::Extension;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::foreign::{Forger, forging, leaf_of, parsed};

/// What a list says; the default is a good one that names nobody.
#[derive(Debug, Clone)]
pub struct List {
    /// Its CRL number.
    pub number: u64,
    /// The serial numbers that it names.
    pub revoked: Vec<Vec<u8>>,
    /// When it was signed, from now.
    pub from: Duration,
    /// When it ends, from now.
    pub until: Duration,
}

impl List {
    /// In force today, with that number.
    #[must_use]
    pub fn numbered(number: u64) -> Self {
        Self {
            number,
            revoked: Vec::new(),
            from: Duration::minutes(-1),
            until: Duration::hours(24),
        }
    }
}

impl Forger {
    /// Signs a list, DER.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn list(&self, list: &List) -> Result<Vec<u8>> {
        let now = OffsetDateTime::now_utc();
        let revoked = |serial: &Vec<u8>| RevokedCertParams {
            serial_number: SerialNumber::from_slice(serial),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: now + list.from,
            next_update: now + list.until,
            crl_number: SerialNumber::from(list.number),
            issuing_distribution_point: None,
            revoked_certs: list.revoked.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let signed = params.signed_by(&self.issuer).map_err(forging)?;
        self.changed_list(signed.der(), |_| {})
    }

    /// The same list under the root's own name, after a change, signed anew.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn changed_list(
        &self,
        der: &[u8],
        change: impl FnOnce(&mut TbsCertList),
    ) -> Result<Vec<u8>> {
        let mut list = CertificateList::from_der(der).map_err(unexpected)?;
        list.tbs_cert_list.issuer = subject(&self.root)?;
        change(&mut list.tbs_cert_list);
        let text = list.tbs_cert_list.to_der().map_err(unexpected)?;
        let signature = self.issuer.key().sign(&text).map_err(forging)?;
        list.signature = BitString::from_bytes(&signature).map_err(unexpected)?;
        list.to_der().map_err(unexpected)
    }

    /// The same list with one more extension.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn with_extension(
        &self,
        der: &[u8],
        oid: &str,
        critical: bool,
        value: Vec<u8>,
    ) -> Result<Vec<u8>> {
        let extension = Extension {
            extn_id: ObjectIdentifier::new(oid).map_err(unexpected)?,
            critical,
            extn_value: OctetString::new(value).map_err(unexpected)?,
        };
        self.changed_list(der, |list| {
            list.crl_extensions.get_or_insert_default().push(extension);
        })
    }
}

/// The serial number of a device's certificate.
///
/// # Errors
/// If nobody is logged in there.
pub fn serial_of(device: &Device) -> Result<Vec<u8>> {
    let leaf = parsed(&leaf_of(device)?)?;
    Ok(leaf.tbs_certificate().serial_number().as_bytes().to_vec())
}

/// The number of a list.
///
/// # Errors
/// If it is none.
pub fn number_of(der: &[u8]) -> Result<u64> {
    let list: CertificateList = CertificateList::from_der(der).map_err(unexpected)?;
    let extensions = list.tbs_cert_list.crl_extensions.unwrap_or_default();
    let number = extensions
        .iter()
        .find(|extension| extension.extn_id.to_string() == "2.5.29.20")
        .ok_or_else(|| Error::Unexpected("a list without a number".to_owned()))?;
    // An INTEGER: two bytes of header before it.
    let bytes = number.extn_value.as_bytes().iter().skip(2);
    Ok(bytes.fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

fn subject(root: &CertificateDer<'_>) -> Result<x509_cert::name::Name> {
    let root: Certificate = parsed(root)?;
    Ok(root.tbs_certificate().subject().clone())
}

fn unexpected(error: impl std::fmt::Display) -> Error {
    Error::Unexpected(error.to_string())
}
