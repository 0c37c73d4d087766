use std::net::IpAddr;

use common::identity::PeerName;
use der::asn1::{Ia5String, ObjectIdentifier, OctetString};
use der::oid::AssociatedOid;
use der::pem::{LineEnding, PemLabel, encode_string};
use der::{Any, Decode, Encode, Tag};
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;
use x509_cert::Certificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::RdnSequence;
use x509_cert::serial_number::SerialNumber;
use x509_cert::time::Validity;

use crate::authority::{Authority, key_identifier};
use crate::encode::{
    COMMON_NAME, ORGANIZATION_NAME, TITLE, TbsCertificate, VERSION_3, extension, name,
    signature_algorithm, time,
};
use crate::key::KeyError;
use crate::ledger::{Ledger, LedgerEntry};
use crate::lint::{Expected, LintError, lint_leaf};
use crate::profile::{Host, Profile, Subject};
use crate::request::ProvenKey;
use crate::serial::Serial;

pub(crate) const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");
pub(crate) const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
/// The purpose that stock `openssl cms -verify` demands of the signer of a receipt.
pub(crate) const EMAIL_PROTECTION: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4");

/// Why a certificate is not prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The root itself ends before the certificate would.
    #[error("the root certificate ends too soon, on {not_after}")]
    RootEnds {
        /// End of the root's validity.
        not_after: OffsetDateTime,
    },
    /// The auth server must have a name.
    #[error("the auth server's certificate needs at least one host name or address")]
    NoHost,
    /// A host name inside the domain of the members.
    #[error("the host name {host} lies in the domain of the organisation's members")]
    PeerDomain {
        /// The name.
        host: String,
    },
    /// The draft breaks the profile: a mistake in this crate, caught before signing.
    #[error("the certificate would break its profile: {0}")]
    Lint(#[from] LintError),
    /// The system has no random numbers.
    #[error("the system has no random numbers to give")]
    Random,
    /// A value has no encoding in DER.
    #[error("the certificate cannot be encoded")]
    Encode(#[from] der::Error),
}

/// Why a prepared certificate was not issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError<E> {
    /// The ledger refused, or could not be written.
    #[error("the ledger does not allow the certificate")]
    Ledger(#[source] E),
    /// The root key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Content that passed all checks, to be signed once. Made only by [`Authority::prepare`].
#[derive(Debug)]
pub struct Prepared {
    content: Vec<u8>,
    entry: LedgerEntry,
}

/// A certificate that the ledger knows as signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    der: CertificateDer<'static>,
    entry: LedgerEntry,
}

impl IssuedCertificate {
    /// The certificate, DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// The certificate, PEM with Unix line ends.
    ///
    /// # Errors
    /// Never for a certificate made here; the encoder's signature has it.
    pub fn to_pem(&self) -> Result<String, der::Error> {
        Ok(encode_string(
            Certificate::PEM_LABEL,
            LineEnding::LF,
            &self.der,
        )?)
    }

    /// What the ledger has of it.
    pub fn entry(&self) -> &LedgerEntry {
        &self.entry
    }
}

impl Authority {
    /// Does all the checking: decides names, usages and validity for `subject`, lays the
    /// certificate out around `key`, and lints a copy that carries a throw-away signature.
    ///
    /// # Errors
    /// When the subject may not have a certificate, or the lint finds a fault.
    pub fn prepare(
        &self,
        profile: &Profile,
        subject: &Subject,
        key: &ProvenKey,
        now: OffsetDateTime,
    ) -> Result<Prepared, PrepareError> {
        self.check_hosts(subject)?;
        let now = now.replace_nanosecond(0).unwrap_or(now);
        let serial = Serial::random().ok_or(PrepareError::Random)?;
        let entry = LedgerEntry {
            serial,
            alias: match subject {
                Subject::Member { alias, .. } => Some(alias.clone()),
                Subject::AuthServer { .. } => None,
            },
            role: match subject {
                Subject::Member { role, .. } => Some(role.clone()),
                Subject::AuthServer { .. } => None,
            },
            key_sha256: key.public_key().sha256(),
            not_before: now - Profile::BACKDATE,
            not_after: now + profile.lifetime(subject),
        };
        if entry.not_after > self.not_after() {
            return Err(PrepareError::RootEnds {
                not_after: self.not_after(),
            });
        }
        let content = self.content(subject, key, &entry)?.to_der()?;
        let expected = Expected {
            root: self.root(),
            issuer: self.names(),
            issuer_key_id: self.key_id(),
            subject,
            entry: &entry,
        };
        lint_leaf(&self.draft(&content)?, &expected)?;
        Ok(Prepared { content, entry })
    }

    /// Signs what was prepared, between the ledger's two records. The certificate leaves this
    /// function only when both are durable.
    ///
    /// # Errors
    /// When the ledger refuses or the key fails. A certificate whose second record failed is
    /// dropped here, and the ledger's first record names its serial for ever.
    pub async fn issue<L: Ledger>(
        &self,
        prepared: Prepared,
        ledger: &L,
    ) -> Result<IssuedCertificate, IssueError<L::Error>> {
        let Prepared { content, entry } = prepared;
        ledger
            .about_to_sign(&entry)
            .await
            .map_err(IssueError::Ledger)?;
        let der = CertificateDer::from(self.seal(&content)?);
        ledger
            .signed(&entry.serial)
            .await
            .map_err(IssueError::Ledger)?;
        Ok(IssuedCertificate { der, entry })
    }

    fn check_hosts(&self, subject: &Subject) -> Result<(), PrepareError> {
        let Subject::AuthServer { hosts } = subject else {
            return Ok(());
        };
        if hosts.is_empty() {
            return Err(PrepareError::NoHost);
        }
        match hosts
            .iter()
            .find(|host| host.is_in_peer_domain(self.root().label()))
        {
            Some(host) => Err(PrepareError::PeerDomain {
                host: host.to_string(),
            }),
            None => Ok(()),
        }
    }

    fn content(
        &self,
        subject: &Subject,
        key: &ProvenKey,
        entry: &LedgerEntry,
    ) -> der::Result<TbsCertificate> {
        Ok(TbsCertificate {
            version: VERSION_3,
            serial: SerialNumber::new(entry.serial.as_bytes())?,
            signature: signature_algorithm(self.key_algorithm()),
            issuer: self.names().clone(),
            validity: Validity::new(time(entry.not_before)?, time(entry.not_after)?),
            subject: self.subject_names(subject)?,
            subject_public_key_info: Any::from_der(key.public_key().as_der())?,
            extensions: self.extensions(subject, key)?,
        })
    }

    /// `O=<organisation>, title=<role>, CN=<alias>`, or `O=<organisation>, CN=auth server`.
    fn subject_names(&self, subject: &Subject) -> der::Result<RdnSequence> {
        let organisation = (
            ORGANIZATION_NAME,
            Tag::Utf8String,
            self.root().display_name(),
        );
        match subject {
            Subject::Member { alias, role } => name(&[
                organisation,
                (TITLE, Tag::Utf8String, role.as_str()),
                (COMMON_NAME, Tag::Utf8String, alias.as_str()),
            ]),
            Subject::AuthServer { .. } => {
                name(&[organisation, (COMMON_NAME, Tag::Utf8String, "auth server")])
            }
        }
    }

    fn extensions(&self, subject: &Subject, key: &ProvenKey) -> der::Result<Vec<Extension>> {
        let constraints = BasicConstraints {
            ca: false,
            path_len_constraint: None,
        };
        let issuer = AuthorityKeyIdentifier {
            key_identifier: Some(self.key_id().clone()),
            authority_cert_issuer: None,
            authority_cert_serial_number: None,
        };
        let identifier = SubjectKeyIdentifier(key_identifier(key.public_key())?);
        let names = SubjectAltName(self.alternative_names(subject)?);
        Ok(vec![
            extension(BasicConstraints::OID, true, &constraints)?,
            extension(
                KeyUsage::OID,
                true,
                &KeyUsage(KeyUsages::DigitalSignature.into()),
            )?,
            extension(
                ExtendedKeyUsage::OID,
                false,
                &ExtendedKeyUsage(usages(subject)),
            )?,
            extension(SubjectAltName::OID, false, &names)?,
            extension(SubjectKeyIdentifier::OID, false, &identifier)?,
            extension(AuthorityKeyIdentifier::OID, false, &issuer)?,
        ])
    }

    fn alternative_names(&self, subject: &Subject) -> der::Result<Vec<GeneralName>> {
        match subject {
            Subject::Member { alias, .. } => {
                let name = PeerName::new(alias.clone(), self.root().label().clone());
                Ok(vec![GeneralName::DnsName(Ia5String::new(
                    &name.to_string(),
                )?)])
            }
            Subject::AuthServer { hosts } => hosts.iter().map(host_name).collect(),
        }
    }
}

pub(crate) fn usages(subject: &Subject) -> Vec<ObjectIdentifier> {
    match subject {
        Subject::Member { .. } => vec![SERVER_AUTH, CLIENT_AUTH, EMAIL_PROTECTION],
        Subject::AuthServer { .. } => vec![SERVER_AUTH],
    }
}

pub(crate) fn host_name(host: &Host) -> der::Result<GeneralName> {
    Ok(match host {
        Host::Name(name) => GeneralName::DnsName(Ia5String::new(name)?),
        Host::Address(IpAddr::V4(address)) => {
            GeneralName::IpAddress(OctetString::new(address.octets())?)
        }
        Host::Address(IpAddr::V6(address)) => {
            GeneralName::IpAddress(OctetString::new(address.octets())?)
        }
    })
}
