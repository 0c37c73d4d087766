use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair,
    KeyUsagePurpose, RevocationReason, RevokedCertParams, SanType, SerialNumber, SigningKey as _,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, UnixTime};
use x509_cert::crl::{CertificateList, TbsCertList};
use x509_cert::der::asn1::{Any, BitString};
use x509_cert::der::{Decode as _, Encode as _, Tag};

use crate::crl::RevocationList;
use crate::handshake::{Credentials, Trust};
use crate::identity::OrgRoot;

/// 2026-01-01 00:00:00 UTC: the middle of everything made here.
pub const NOW: u64 = 1_767_225_600;

const DAY: u64 = 86_400;
const ORGANIZATION_IDENTIFIER: [u64; 4] = [2, 5, 4, 97];
const TITLE: [u64; 4] = [2, 5, 4, 12];

/// That many seconds since 1970.
pub fn at(secs: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(secs))
}

fn date(secs: u64) -> time::OffsetDateTime {
    time::OffsetDateTime::UNIX_EPOCH + Duration::from_secs(secs)
}

/// An organisation's root, in memory.
pub struct TestOrg {
    root: CertifiedIssuer<'static, KeyPair>,
    label: String,
}

/// What a member's certificate says; the default is a good one.
pub struct Leaf {
    /// Common name.
    pub common_name: String,
    /// Subject alternative names.
    pub names: Vec<SanType>,
    /// Role; `None` leaves the attribute out.
    pub role: Option<&'static str>,
    /// Seconds since 1970.
    pub not_before: u64,
    /// Seconds since 1970.
    pub not_after: u64,
    /// Extended key usages.
    pub usages: Vec<ExtendedKeyUsagePurpose>,
    /// Key usages.
    pub key_usages: Vec<KeyUsagePurpose>,
    /// Basic constraints.
    pub is_ca: IsCa,
    /// Serial number.
    pub serial: u64,
}

impl Leaf {
    /// A good certificate of `alias` in the organisation `org`.
    pub fn of(alias: &str, org: &str) -> Self {
        Self {
            common_name: alias.into(),
            names: vec![dns(&format!("{alias}.peer.{org}.internal"))],
            role: Some("member"),
            not_before: NOW - 300,
            not_after: NOW + DAY,
            usages: vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
                ExtendedKeyUsagePurpose::EmailProtection,
            ],
            key_usages: vec![KeyUsagePurpose::DigitalSignature],
            is_ca: IsCa::ExplicitNoCa,
            serial: 1,
        }
    }
}

/// A DNS name as subject alternative name.
pub fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().expect("the name is ASCII"))
}

/// A certificate and its key.
pub struct Issued {
    /// The certificate.
    pub leaf: CertificateDer<'static>,
    /// Its private key.
    pub key: PrivateKeyDer<'static>,
}

impl TestOrg {
    /// A fresh root (P-256) for an organisation of that label.
    pub fn new(label: &str) -> Self {
        let mut params = CertificateParams::default();
        params.not_before = date(NOW - 365 * DAY);
        params.not_after = date(NOW + 365 * DAY);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let mut name = DistinguishedName::new();
        let identifier = DnType::CustomDnType(ORGANIZATION_IDENTIFIER.to_vec());
        name.push(identifier, label);
        name.push(DnType::OrganizationName, label);
        params.distinguished_name = name;
        let key = KeyPair::generate().expect("a P-256 key");
        let root = CertifiedIssuer::self_signed(params, key).expect("a root certificate");
        Self {
            root,
            label: label.into(),
        }
    }

    /// The root certificate as every device has it.
    pub fn root(&self) -> OrgRoot {
        OrgRoot::from_der(self.root.der().clone()).expect("a usable root")
    }

    /// The organisation's label.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Issues a certificate that says exactly this, for a fresh P-256 key.
    pub fn issue(&self, leaf: &Leaf) -> Issued {
        self.issue_for(leaf, &KeyPair::generate().expect("a P-256 key"))
    }

    /// Issues a certificate that says exactly this, for that key.
    pub fn issue_for(&self, leaf: &Leaf, key: &KeyPair) -> Issued {
        let mut params = CertificateParams::default();
        params.not_before = date(leaf.not_before);
        params.not_after = date(leaf.not_after);
        params.serial_number = Some(SerialNumber::from(leaf.serial));
        params.is_ca = leaf.is_ca;
        params.key_usages = leaf.key_usages.clone();
        params.extended_key_usages = leaf.usages.clone();
        params.subject_alt_names = leaf.names.clone();
        params.use_authority_key_identifier_extension = true;
        let mut name = DistinguishedName::new();
        if let Some(role) = leaf.role {
            name.push(DnType::CustomDnType(TITLE.to_vec()), role);
        }
        name.push(DnType::CommonName, leaf.common_name.as_str());
        params.distinguished_name = name;
        let certificate = params
            .signed_by(key, &self.root)
            .expect("a certificate for these parameters");
        Issued {
            leaf: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        }
    }

    /// A revocation list of that number, in force for a day around [`NOW`].
    pub fn revoke(&self, number: u64, serials: &[u64]) -> RevocationList {
        let der = self.crl_der(number, serials, NOW - 60, NOW + DAY);
        RevocationList::accept(der.into(), &self.root(), at(NOW), None).expect("a good list")
    }

    /// The bytes of a revocation list.
    pub fn crl_der(&self, number: u64, serials: &[u64], from: u64, until: u64) -> Vec<u8> {
        self.crl_for(
            RevocationReason::KeyCompromise,
            number,
            serials,
            from,
            until,
        )
    }

    /// The same for a reason.
    pub fn crl_for(
        &self,
        reason: RevocationReason,
        number: u64,
        serials: &[u64],
        from: u64,
        until: u64,
    ) -> Vec<u8> {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date(from),
            reason_code: Some(reason),
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date(from),
            next_update: date(until),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params
            .signed_by(&self.root)
            .expect("a list for these parameters")
            .der()
            .to_vec()
    }

    /// The same list after a change, signed anew.
    pub fn changed_list(&self, der: &[u8], change: impl FnOnce(&mut TbsCertList)) -> Vec<u8> {
        let mut list = CertificateList::from_der(der).expect("a list");
        change(&mut list.tbs_cert_list);
        let signed = list.tbs_cert_list.to_der().expect("a list's text");
        let signature = self.root.key().sign(&signed).expect("a signature");
        list.signature = BitString::from_bytes(&signature).expect("whole bytes");
        list.to_der().expect("a list")
    }

    /// Any bytes as the signed part of a revocation list, with the root's good signature.
    pub fn signed_list(&self, content: &[u8]) -> Vec<u8> {
        // ecdsa-with-SHA256, as the root's key is.
        const ALGORITHM: [u8; 12] = [48, 10, 6, 8, 42, 134, 72, 206, 61, 4, 3, 2];
        let signature = self.root.key().sign(content).expect("a signature");
        let signature = BitString::from_bytes(&signature).and_then(|bits| bits.to_der());
        let signature = signature.expect("DER of a bit string");
        let parts = [content, &ALGORITHM, &signature].concat();
        let list = Any::new(Tag::Sequence, parts).and_then(|list| list.to_der());
        list.expect("DER of a sequence")
    }

    /// Trust in this organisation, with nobody revoked.
    pub fn trust(&self) -> Arc<Trust> {
        self.trust_with(self.revoke(1, &[]))
    }

    /// Trust in this organisation under that list.
    pub fn trust_with(&self, crl: RevocationList) -> Arc<Trust> {
        Arc::new(Trust::new(self.root(), crl).expect("usable trust"))
    }

    /// A good member's credentials.
    pub fn member(&self, alias: &str, serial: u64) -> Arc<Credentials> {
        let leaf = Leaf {
            serial,
            ..Leaf::of(alias, &self.label)
        };
        self.credentials(&self.issue(&leaf))
    }

    /// A certificate and its key as credentials.
    pub fn credentials(&self, issued: &Issued) -> Arc<Credentials> {
        let label = self.label.parse().expect("a label");
        let made = Credentials::new(issued.leaf.clone(), &issued.key, &label);
        Arc::new(made.expect("usable credentials"))
    }
}
