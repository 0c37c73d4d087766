use common::identity::{LabelError, OrgLabel, OrgRoot, OrgRootError};
use der::asn1::OctetString;
use der::oid::AssociatedOid;
use der::{Any, Decode, Encode, Tag};
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;
use x509_cert::Certificate;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier};
use x509_cert::name::RdnSequence;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Validity;

use crate::checkpoint::Checkpoint;
use crate::encode::{
    COMMON_NAME, ORGANIZATION_IDENTIFIER, ORGANIZATION_NAME, TbsCertificate, VERSION_3, date,
    draft, extension, name, sign, signature_algorithm, time,
};
use crate::key::{KeyAlgorithm, KeyError, PublicKey, SigningKey};
use crate::lint::{LintError, lint_root};
use crate::profile::Profile;
use crate::serial::Serial;

/// What the common name of the root adds to the organisation's name.
const ROOT_NAME_SUFFIX: &str = " Root CA";
/// ub-common-name of RFC 5280, appendix A.1, less the suffix.
const MAX_DISPLAY_NAME_CHARS: usize = 64 - ROOT_NAME_SUFFIX.len();

/// Why an authority cannot be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The organisation's name is empty, too long, or holds control characters.
    #[error("an organisation's name has 1 to {MAX_DISPLAY_NAME_CHARS} printable characters")]
    DisplayName,
    /// The organisation's name gives no usable label.
    #[error("the organisation's name gives no DNS label: it must begin with a letter from a to z")]
    Label(#[source] LabelError),
    /// The root certificate cannot be read.
    #[error("the root certificate cannot be read")]
    Root(#[from] OrgRootError),
    /// The certificate and the key are not of one pair.
    #[error("the root certificate does not belong to the root key")]
    KeyDiffers,
    /// The certificate is not what this crate would issue as a root.
    #[error("the root certificate is not a certificate authority's: {0}")]
    Lint(#[from] LintError),
    /// A key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The system has no random numbers.
    #[error("the system has no random numbers to give")]
    Random,
    /// A value has no encoding in DER.
    #[error("the root certificate cannot be encoded")]
    Encode(#[from] der::Error),
}

/// The root certificate together with the key behind it.
pub struct Authority {
    root: OrgRoot,
    names: RdnSequence,
    key_id: OctetString,
    not_after: OffsetDateTime,
    key: Box<dyn SigningKey>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("root", &self.root.fingerprint())
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Makes a new root certificate for the organisation `display_name`, valid for ten years.
    ///
    /// # Errors
    /// When the name cannot be carried by a certificate, or the key fails.
    pub fn create(
        display_name: &str,
        key: Box<dyn SigningKey>,
        now: OffsetDateTime,
    ) -> Result<Self, AuthorityError> {
        let (display_name, label) = names_of(display_name)?;
        let content = root_content(root_names(display_name, &label)?, key.public_key(), now)?;
        lint_root(&draft(&content, key.public_key().key_algorithm())?)?;
        let root = CertificateDer::from(sign(&content, key.as_ref())?);
        Self::open(root, key)
    }

    /// Checks the name of an organisation that is to be made.
    ///
    /// # Errors
    /// When it is empty, too long, or has no form that names can carry.
    pub fn check_name(display_name: &str) -> Result<(), AuthorityError> {
        names_of(display_name).map(drop)
    }

    /// Opens an existing authority.
    ///
    /// # Errors
    /// When certificate and key do not belong together, or the certificate is no root of ours.
    pub fn open(
        root: CertificateDer<'static>,
        key: Box<dyn SigningKey>,
    ) -> Result<Self, AuthorityError> {
        let root = OrgRoot::from_der(root)?;
        lint_root(root.certificate())?;
        let parsed = Certificate::from_der(root.certificate())?;
        let tbs = parsed.tbs_certificate();
        if tbs.subject_public_key_info().to_der()? != key.public_key().as_der() {
            return Err(AuthorityError::KeyDiffers);
        }
        let names = root_names(root.display_name(), root.label())?;
        if names != *tbs.subject().as_ref() {
            return Err(OrgRootError::NoOrganisation.into());
        }
        let (_, key_id) = tbs
            .get_extension::<SubjectKeyIdentifier>()?
            .ok_or(OrgRootError::Malformed)?;
        Ok(Self {
            names,
            key_id: key_id.0,
            not_after: date(tbs.validity().not_after).ok_or(OrgRootError::Malformed)?,
            root,
            key,
        })
    }

    /// The organisation and its root certificate.
    pub fn root(&self) -> &OrgRoot {
        &self.root
    }

    /// End of the root's own validity: nothing is issued beyond it.
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// The root's distinguished name.
    pub(crate) fn names(&self) -> &RdnSequence {
        &self.names
    }

    /// The root's subject key identifier.
    pub(crate) fn key_id(&self) -> &OctetString {
        &self.key_id
    }

    /// With what kind of key this authority signs.
    pub(crate) fn key_algorithm(&self) -> KeyAlgorithm {
        self.key.public_key().key_algorithm()
    }

    /// What [`seal`](Self::seal) would make of the content, with a throw-away signature.
    pub(crate) fn draft(&self, content: &[u8]) -> der::Result<Vec<u8>> {
        draft(content, self.key_algorithm())
    }

    /// Signs linted content with the root key: its only use but for [`attest`](Self::attest).
    pub(crate) fn seal(&self, content: &[u8]) -> Result<Vec<u8>, KeyError> {
        sign(content, self.key.as_ref())
    }

    /// Signs a checkpoint with the root key. Its message is laid out here, from numbers: no caller
    /// chooses a byte of it.
    pub(crate) fn attest(&self, checkpoint: &Checkpoint) -> Result<Vec<u8>, KeyError> {
        self.key.sign(&checkpoint.message(&self.root.fingerprint()))
    }
}

/// The subject key identifier of a key: the first 20 bytes of SHA-256 over the BIT STRING's
/// content (RFC 7093, 2, method 1).
pub(crate) fn key_identifier(key: &PublicKey) -> der::Result<OctetString> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.bits());
    OctetString::new(&digest.as_ref()[..20])
}

fn names_of(display_name: &str) -> Result<(&str, OrgLabel), AuthorityError> {
    let name = check_display_name(display_name)?;
    let label = OrgLabel::from_display_name(name).map_err(AuthorityError::Label)?;
    Ok((name, label))
}

fn check_display_name(name: &str) -> Result<&str, AuthorityError> {
    let name = name.trim();
    let chars = name.chars().count();
    let printable = !name.chars().any(char::is_control);
    if (1..=MAX_DISPLAY_NAME_CHARS).contains(&chars) && printable {
        Ok(name)
    } else {
        Err(AuthorityError::DisplayName)
    }
}

/// `O=<display name>, organizationIdentifier=<label>, CN=<display name> Root CA`.
fn root_names(display_name: &str, label: &OrgLabel) -> der::Result<RdnSequence> {
    name(&[
        (ORGANIZATION_NAME, Tag::Utf8String, display_name),
        (ORGANIZATION_IDENTIFIER, Tag::Utf8String, label.as_str()),
        (
            COMMON_NAME,
            Tag::Utf8String,
            &format!("{display_name}{ROOT_NAME_SUFFIX}"),
        ),
    ])
}

fn root_content(
    names: RdnSequence,
    key: &PublicKey,
    now: OffsetDateTime,
) -> Result<Vec<u8>, AuthorityError> {
    let serial = Serial::random().ok_or(AuthorityError::Random)?;
    let constraints = BasicConstraints {
        ca: true,
        path_len_constraint: Some(0),
    };
    let usage = KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign);
    let identifier = SubjectKeyIdentifier(key_identifier(key)?);
    let content = TbsCertificate {
        version: VERSION_3,
        serial: SerialNumber::new(serial.as_bytes())?,
        signature: signature_algorithm(key.key_algorithm()),
        issuer: names.clone(),
        validity: Validity::new(
            time(now - Profile::BACKDATE)?,
            time(now + Profile::ROOT_LIFETIME)?,
        ),
        subject: names,
        subject_public_key_info: Any::from_der(key.as_der())?,
        extensions: vec![
            extension(BasicConstraints::OID, true, &constraints)?,
            extension(KeyUsage::OID, true, &usage)?,
            extension(SubjectKeyIdentifier::OID, false, &identifier)?,
        ],
    };
    Ok(content.to_der()?)
}
