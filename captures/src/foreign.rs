//! Certificates that an honest peer must refuse, forged as close to a genuine one as can be.
//!
//! A forgery begins with a person's genuine certificate and changes one thing.

use std::fs;
use std::path::Path;

use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, SanType,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::der::oid::ObjectIdentifier;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::organisation::Organisation;
use crate::process;
use crate::rogue::Credentials;
use crate::scratch::files_below;

const SUBJECT_ALT_NAME: &str = "2.5.29.17";
const BASIC_CONSTRAINTS: &str = "2.5.29.19";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";

/// The one thing that is wrong with a forged certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing: signed by whoever forges, everything else as in the genuine one.
    None,
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYetValid,
    /// Its only use is that of an HTTPS server.
    ServerOnly,
    /// It names no use at all.
    NoUsage,
    /// It claims to be an authority.
    Authority,
    /// These names instead of the genuine one.
    Names(Vec<String>),
}

/// Who signs a forgery.
#[derive(Debug)]
pub struct Forger {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) root: CertificateDer<'static>,
}

impl Forger {
    /// An authority with the names of the organisation's root and another key.
    ///
    /// # Errors
    /// If the root cannot be read.
    pub fn with_the_same_names(organisation: &Organisation) -> Result<Self> {
        let key = KeyPair::generate().map_err(forging)?;
        Self::named_like(&root_certificate(&organisation.folder())?, key)
    }

    /// The organisation's own root, opened by stock OpenSSL: what a thief of the key could sign,
    /// and what the authority itself signed long ago.
    ///
    /// # Errors
    /// If OpenSSL cannot open the root key.
    pub fn with_the_root_key(organisation: &Organisation) -> Result<Self> {
        let root = root_certificate(&organisation.folder())?;
        Self::named_like(&root, root_key(organisation)?)
    }

    fn named_like(root: &CertificateDer<'static>, key: KeyPair) -> Result<Self> {
        Ok(Self {
            issuer: Issuer::from_ca_cert_der(root, key).map_err(forging)?,
            root: root.clone(),
        })
    }

    /// A forged copy of a person's certificate, with a new key and one flaw.
    ///
    /// # Errors
    /// If the genuine certificate cannot be read.
    pub fn forge(&self, genuine: &CertificateDer<'_>, flaw: &Flaw) -> Result<Credentials> {
        let key = KeyPair::generate().map_err(forging)?;
        let params = parameters(&parsed(genuine)?, flaw)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(forging)?;
        Ok(Credentials {
            chain: vec![certificate.der().clone()],
            key: private_key(&key)?,
        })
    }
}

/// A copy of a person's certificate that signed itself.
///
/// # Errors
/// If the genuine certificate cannot be read.
pub fn self_signed(genuine: &CertificateDer<'_>) -> Result<Credentials> {
    let key = KeyPair::generate().map_err(forging)?;
    let params = parameters(&parsed(genuine)?, &Flaw::None)?;
    let certificate = params.self_signed(&key).map_err(forging)?;
    Ok(Credentials {
        chain: vec![certificate.der().clone()],
        key: private_key(&key)?,
    })
}

/// A person's genuine certificate in the hands of someone who has not the key.
///
/// # Errors
/// If no key can be made.
pub fn without_its_key(genuine: CertificateDer<'static>) -> Result<Credentials> {
    let key = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).map_err(forging)?;
    Ok(Credentials {
        chain: vec![genuine],
        key: private_key(&key)?,
    })
}

/// A certificate in PEM, and its key.
///
/// # Errors
/// If the text is no certificate.
pub fn credentials(pem: &str, key: &KeyPair) -> Result<Credentials> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| Error::Unexpected(error.to_string()))?;
    Ok(Credentials {
        chain: vec![certificate],
        key: private_key(key)?,
    })
}

/// A person's genuine certificate and key, copied from the device.
///
/// # Errors
/// If the device has none.
pub fn stolen_from(device: &Device) -> Result<Credentials> {
    let key = files_below(&device.folder())
        .iter()
        .find_map(|path| PrivateKeyDer::from_pem_file(path).ok())
        .ok_or_else(|| missing("private key", &device.folder()))?;
    Ok(Credentials {
        chain: vec![leaf_of(device)?],
        key,
    })
}

/// The certificate of the person who is logged in on a device.
///
/// # Errors
/// If nobody is.
pub fn leaf_of(device: &Device) -> Result<CertificateDer<'static>> {
    certificate_below(&device.folder(), false)
}

/// The certificate of the organisation's root, in the folder of a device or an auth server.
///
/// # Errors
/// If there is none.
pub fn root_certificate(folder: &Path) -> Result<CertificateDer<'static>> {
    certificate_below(folder, true)
}

fn certificate_below(folder: &Path, authority: bool) -> Result<CertificateDer<'static>> {
    files_below(folder)
        .iter()
        .flat_map(|path| {
            CertificateDer::pem_file_iter(path)
                .into_iter()
                .flatten()
                .flatten()
        })
        .find(|der| parsed(der).is_ok_and(|certificate| is_authority(&certificate) == authority))
        .ok_or_else(|| missing("certificate", folder))
}

fn root_key(organisation: &Organisation) -> Result<KeyPair> {
    let folder = organisation.folder();
    let sealed = files_below(&folder)
        .into_iter()
        .find(|path| {
            let text = fs::read(path).unwrap_or_default();
            String::from_utf8_lossy(&text).contains("BEGIN ENCRYPTED PRIVATE KEY")
        })
        .ok_or_else(|| missing("sealed root key", &folder))?;
    let mut openssl = process::tool("openssl", "openssl")?;
    openssl.args(["pkey", "-in"]).arg(&sealed).arg("-passin");
    openssl.arg(format!("file:{}", organisation.passphrase_file().display()));
    let opened = process::run(&mut openssl)?.success()?.stdout;
    KeyPair::from_pem(&String::from_utf8_lossy(&opened)).map_err(forging)
}

fn parameters(genuine: &Certificate, flaw: &Flaw) -> Result<CertificateParams> {
    let now = OffsetDateTime::now_utc();
    let mut params = CertificateParams::default();
    params.distinguished_name = subject(genuine);
    (params.not_before, params.not_after) = match flaw {
        Flaw::Expired => (now - Duration::days(2), now - Duration::days(1)),
        Flaw::NotYetValid => (now + Duration::days(1), now + Duration::days(2)),
        _ => (now - Duration::minutes(5), now + Duration::days(1)),
    };
    let replaced = apply(&mut params, flaw)?;
    for extension in genuine.tbs_certificate().extensions().into_iter().flatten() {
        if Some(extension.extn_id) != replaced {
            params.custom_extensions.push(copied(extension));
        }
    }
    Ok(params)
}

/// Sets what the flaw changes, and names the extension that must not be copied then.
fn apply(params: &mut CertificateParams, flaw: &Flaw) -> Result<Option<ObjectIdentifier>> {
    Ok(match flaw {
        Flaw::None | Flaw::Expired | Flaw::NotYetValid => None,
        Flaw::NoUsage => Some(ObjectIdentifier::new_unwrap(EXTENDED_KEY_USAGE)),
        Flaw::ServerOnly => {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            Some(ObjectIdentifier::new_unwrap(EXTENDED_KEY_USAGE))
        }
        Flaw::Authority => {
            params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
            Some(ObjectIdentifier::new_unwrap(BASIC_CONSTRAINTS))
        }
        Flaw::Names(names) => {
            for name in names {
                let name = name.as_str().try_into().map_err(forging)?;
                params.subject_alt_names.push(SanType::DnsName(name));
            }
            Some(ObjectIdentifier::new_unwrap(SUBJECT_ALT_NAME))
        }
    })
}

fn copied(extension: &x509_cert::ext::Extension) -> CustomExtension {
    let arcs: Vec<u64> = extension.extn_id.arcs().map(u64::from).collect();
    let content = extension.extn_value.as_bytes().to_vec();
    let mut copy = CustomExtension::from_oid_content(&arcs, content);
    copy.set_criticality(extension.critical);
    copy
}

/// The subject with all its attributes: the role is one of them.
fn subject(certificate: &Certificate) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for attribute in certificate.tbs_certificate().subject().iter() {
        let arcs: Vec<u64> = attribute.oid.arcs().map(u64::from).collect();
        let value = String::from_utf8_lossy(attribute.value.value()).into_owned();
        name.push(DnType::from_oid(&arcs), value);
    }
    name
}

fn is_authority(certificate: &Certificate) -> bool {
    use x509_cert::ext::pkix::BasicConstraints;
    let found = certificate
        .tbs_certificate()
        .get_extension::<BasicConstraints>();
    found.is_ok_and(|found| found.is_some_and(|(_, constraints)| constraints.ca))
}

pub(crate) fn parsed(der: &CertificateDer<'_>) -> Result<Certificate> {
    Certificate::from_der(der).map_err(|error| Error::Unexpected(format!("a certificate: {error}")))
}

pub(crate) fn private_key(key: &KeyPair) -> Result<PrivateKeyDer<'static>> {
    PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|error| Error::Unexpected(format!("a key that is none: {error}")))
}

pub(crate) fn forging(error: rcgen::Error) -> Error {
    Error::Unexpected(format!("forging a certificate: {error}"))
}

fn missing(what: &str, folder: &Path) -> Error {
    Error::Unexpected(format!("no {what} below {}", folder.display()))
}
