use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::name::Name;

use super::certificate::text_attribute;
use super::label::{LabelError, OrgLabel};

/// X.520, 6.4.4: "an identification of an organization different from the organization name".
const ORGANIZATION_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.97");
const ORGANIZATION_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");

/// SHA-256 of a certificate's DER, written `SHA256:` and 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// The text is not a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is written SHA256: and 64 hexadecimal digits")]
pub struct FingerprintError;

impl Fingerprint {
    /// The fingerprint of a certificate.
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, certificate).as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SHA256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Takes upper and lower case, and the colons between bytes that `openssl x509 -fingerprint`
    /// writes.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let rest = text
            .trim()
            .get(..7)
            .filter(|prefix| prefix.eq_ignore_ascii_case("sha256:"))
            .and_then(|_| text.trim().get(7..))
            .ok_or(FingerprintError)?;
        let digits: Vec<u8> = rest
            .chars()
            .filter(|c| *c != ':')
            .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
            .collect::<Option<_>>()
            .ok_or(FingerprintError)?;
        if digits.len() != 64 {
            return Err(FingerprintError);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Ok(Self(bytes))
    }
}

/// Why a certificate cannot be an org root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrgRootError {
    /// Not an X.509 certificate in DER.
    #[error("not an X.509 certificate")]
    Malformed,
    /// The subject does not name an organisation as `O=<name>, organizationIdentifier=<org>`.
    #[error("the certificate is not an orgshare root: its subject names no organisation")]
    NoOrganisation,
    /// The organisation's label breaks the rules for labels.
    #[error("the certificate's organisation is not usable")]
    Label(#[from] LabelError),
}

/// The organisation's root certificate: who the organisation is and what verifies its members.
#[derive(Debug, Clone)]
pub struct OrgRoot {
    certificate: CertificateDer<'static>,
    subject: Name,
    public_key: Vec<u8>,
    label: OrgLabel,
    display_name: String,
}

impl OrgRoot {
    /// Reads the organisation out of a root certificate. That it *is* the right root is for the
    /// caller to know, by its fingerprint or by where it was stored.
    ///
    /// # Errors
    /// When it is no certificate, or its subject names no organisation.
    pub fn from_der(certificate: CertificateDer<'static>) -> Result<Self, OrgRootError> {
        let parsed = Certificate::from_der(&certificate).map_err(|_| OrgRootError::Malformed)?;
        let subject = parsed.tbs_certificate().subject();
        let (Some(label), Some(display_name)) = (
            text_attribute(subject, ORGANIZATION_IDENTIFIER),
            text_attribute(subject, ORGANIZATION_NAME),
        ) else {
            return Err(OrgRootError::NoOrganisation);
        };
        Ok(Self {
            label: label.parse()?,
            display_name,
            subject: subject.clone(),
            public_key: parsed
                .tbs_certificate()
                .subject_public_key_info()
                .subject_public_key
                .raw_bytes()
                .to_vec(),
            certificate,
        })
    }

    /// The certificate, DER.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The subject, as CRLs and certificates name their issuer.
    pub(crate) fn subject(&self) -> &Name {
        &self.subject
    }

    /// The contents of the subjectPublicKey bit string.
    pub(crate) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// The organisation as part of its members' names.
    pub fn label(&self) -> &OrgLabel {
        &self.label
    }

    /// The organisation as people write it. Escape it before printing.
    pub fn display_name(&self) -> &str {
        &self.display_name
    }

    /// What people compare.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_reads_back_what_it_writes_and_what_openssl_writes() {
        let print = Fingerprint::of(&CertificateDer::from(b"abc".as_slice()));
        let text = print.to_string();
        assert_eq!(
            text,
            "SHA256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(text.parse(), Ok(print));
        let colons = "sha256:BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";
        assert_eq!(colons.parse(), Ok(print));
    }

    #[test]
    fn text_that_is_no_fingerprint_is_refused() {
        for bad in [
            "",
            "SHA256:",
            "SHA256:00",
            "MD5:00",
            "SHA256:zz",
            &format!("SHA256:{}", "0".repeat(65)),
            "\u{e9}\u{e9}\u{e9}\u{e9}",
        ] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(FingerprintError), "{bad}");
        }
    }
}
