use x509_cert::crl::{CertificateList, RevokedCert, TbsCertList};
use x509_cert::der::asn1::{ObjectIdentifier, OctetString};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::Extension;
use x509_cert::serial_number::SerialNumber;

use super::parts::CRL_NUMBER;
use super::*;
use crate::testing::{Leaf, NOW, TestOrg, at};

const DAY: u64 = 86_400;

fn accept(org: &TestOrg, der: Vec<u8>, held: Option<u64>) -> Result<RevocationList, CrlError> {
    RevocationList::accept(der.into(), &org.root(), at(NOW), held)
}

#[test]
fn a_good_list_tells_its_number_and_whom_it_names() {
    let org = TestOrg::new("acme");
    let list = org.revoke(7, &[1, 300]);
    assert_eq!(list.number(), 7);
    assert_eq!(list.revoked_count(), 2);
    assert!(list.is_revoked(&[1]));
    assert!(list.is_revoked(&[1, 44]));
    assert!(!list.is_revoked(&[2]));
}

#[test]
fn a_change_of_the_holder_is_told_from_other_reasons() {
    let org = TestOrg::new("acme");
    let listed = |reason| {
        let der = org.crl_for(reason, 1, &[5], NOW - 1, NOW + DAY);
        accept(&org, der, None).unwrap()
    };
    let changed = listed(rcgen::RevocationReason::AffiliationChanged);
    assert!(changed.is_revoked(&[5]) && changed.is_outdated(&[5]) && !changed.is_ended(&[5]));
    assert!(!changed.is_outdated(&[6]) && !changed.is_ended(&[6]));
    for other in [
        rcgen::RevocationReason::KeyCompromise,
        rcgen::RevocationReason::Unspecified,
        rcgen::RevocationReason::CaCompromise,
    ] {
        let list = listed(other);
        assert!(list.is_revoked(&[5]) && list.is_ended(&[5]) && !list.is_outdated(&[5]));
    }
}

#[test]
fn whoever_is_named_is_told_why_and_when() {
    let org = TestOrg::new("acme");
    let leaf = Leaf {
        serial: 5,
        ..Leaf::of("bob", "acme")
    };
    let bob = PeerCertificate::from_der(&org.issue(&leaf).leaf, org.root().label()).unwrap();
    let listed = |reason, serial| {
        let der = org.crl_for(reason, 1, &[serial], NOW - 1, NOW + DAY);
        accept(&org, der, None).unwrap().revoked(&bob)
    };
    let stolen = listed(rcgen::RevocationReason::KeyCompromise, 5).unwrap();
    let told = stolen.to_string();
    assert!(
        told.starts_with("bob's certificate was revoked (keyCompromise) on 20")
            && told.ends_with(" UTC"),
        "{told}"
    );
    assert_eq!(stolen.revocation().at(), at(NOW - 1));
    let unspecified = listed(rcgen::RevocationReason::Unspecified, 5).unwrap();
    let told = unspecified.to_string();
    assert!(
        told.starts_with("bob's certificate was revoked on 20"),
        "{told}"
    );
    assert_eq!(listed(rcgen::RevocationReason::KeyCompromise, 6), None);
}

#[test]
fn lists_out_of_their_time_are_refused_but_can_be_read() {
    let org = TestOrg::new("acme");
    let stale = org.crl_der(1, &[], NOW - DAY, NOW);
    assert_eq!(
        accept(&org, stale.clone(), None).unwrap_err(),
        CrlError::Expired
    );
    assert!(RevocationList::read(stale.into(), &org.root()).is_ok());
    let future = org.crl_der(1, &[], NOW + 301, NOW + DAY);
    assert_eq!(
        accept(&org, future, None).unwrap_err(),
        CrlError::NotYetValid
    );
    let skewed = org.crl_der(1, &[], NOW + 299, NOW + DAY);
    assert!(accept(&org, skewed, None).is_ok());
}

#[test]
fn a_list_is_never_rolled_back() {
    let org = TestOrg::new("acme");
    let list = org.crl_der(4, &[], NOW - 1, NOW + DAY);
    assert!(accept(&org, list.clone(), Some(4)).is_ok());
    assert_eq!(
        accept(&org, list, Some(5)).unwrap_err(),
        CrlError::RolledBack { held: 5, actual: 4 }
    );
}

#[test]
fn forged_lists_are_refused() {
    let org = TestOrg::new("acme");
    let same_name = TestOrg::new("acme");
    let other = TestOrg::new("other");
    let forged = |org: &TestOrg| org.crl_der(9, &[], NOW - 1, NOW + DAY);
    assert_eq!(
        accept(&org, forged(&same_name), None).unwrap_err(),
        CrlError::BadSignature
    );
    assert_eq!(
        accept(&org, forged(&other), None).unwrap_err(),
        CrlError::OtherIssuer
    );
}

#[test]
fn a_list_cut_at_any_byte_or_with_any_bit_flipped_is_refused() {
    let org = TestOrg::new("acme");
    let good = org.crl_der(1, &[5], NOW - 1, NOW + DAY);
    for length in 0..good.len() {
        assert!(accept(&org, good[..length].to_vec(), None).is_err());
    }
    for bit in 0..good.len() * 8 {
        let mut bent = good.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert!(accept(&org, bent, None).is_err(), "bit {bit}");
    }
    let trailing = [good.as_slice(), &[0]].concat();
    assert_eq!(
        accept(&org, trailing, None).unwrap_err(),
        CrlError::Malformed
    );
}

#[test]
fn a_list_that_is_signed_and_yet_no_list_is_refused() {
    let org = TestOrg::new("acme");
    let content = |der: &[u8]| {
        let list: CertificateList = CertificateList::from_der(der).unwrap();
        list.tbs_cert_list.to_der().unwrap()
    };
    let good = content(&org.crl_der(1, &[5, 300], NOW - 1, NOW + DAY));
    assert!(accept(&org, org.signed_list(&good), None).is_ok());
    for length in 0..good.len() {
        assert!(accept(&org, org.signed_list(&good[..length]), None).is_err());
    }
    let spoilt: [fn(&mut TbsCertList); 3] = [
        |list| list.next_update = None,
        |list| list.crl_extensions = None,
        |list| list.version = x509_cert::Version::V1,
    ];
    for without in spoilt {
        assert_eq!(changed(without).unwrap_err(), CrlError::Malformed);
    }
    // Whatever one byte is changed to, it is read or refused; and never read as something longer.
    for place in 0..good.len() {
        let mut bent = good.clone();
        bent[place] ^= 0x11;
        if let Ok(list) = RevocationList::read(org.signed_list(&bent).into(), &org.root()) {
            assert!(list.revoked_count() <= 2);
        }
    }
}

#[test]
fn an_oversized_list_is_refused_unread() {
    let org = TestOrg::new("acme");
    assert!(matches!(
        accept(&org, vec![0x30; MAX_CRL_BYTES + 1], None),
        Err(CrlError::TooLong { .. })
    ));
}

/// What becomes of a good list that names 5, after a change, signed by the root.
fn changed(change: impl FnOnce(&mut TbsCertList)) -> Result<RevocationList, CrlError> {
    let org = TestOrg::new("acme");
    let good = org.crl_der(1, &[5], NOW - 1, NOW + DAY);
    accept(&org, org.changed_list(&good, change), None)
}

fn extension(oid: &str, critical: bool, value: &[u8]) -> Extension {
    Extension {
        extn_id: ObjectIdentifier::new_unwrap(oid),
        critical,
        extn_value: OctetString::new(value).unwrap(),
    }
}

fn with_extension(extension: Extension) -> Result<RevocationList, CrlError> {
    changed(|list| list.crl_extensions.get_or_insert_default().push(extension))
}

fn with_entry_extension(extension: Extension) -> Result<RevocationList, CrlError> {
    changed(|list| {
        let entry = &mut list.revoked_certificates.as_mut().unwrap()[0];
        entry
            .crl_entry_extensions
            .get_or_insert_default()
            .push(extension);
    })
}

const PRIVATE: &str = "1.3.6.1.4.1.99999.1";
const DELTA: &str = "2.5.29.27";
const DISTRIBUTION_POINT: &str = "2.5.29.28";
const CERTIFICATE_ISSUER: &str = "2.5.29.29";

#[test]
fn an_unknown_extension_is_passed_over_unless_it_is_critical() {
    assert!(changed(|_| {}).unwrap().is_ended(&[5]));
    let harmless = extension(PRIVATE, false, b"anything");
    assert!(with_extension(harmless.clone()).unwrap().is_ended(&[5]));
    assert!(with_entry_extension(harmless).unwrap().is_ended(&[5]));
    let critical = extension(PRIVATE, true, b"\x05\x00");
    let refused = CrlError::UnknownCritical {
        oid: PRIVATE.into(),
    };
    assert_eq!(with_extension(critical.clone()).unwrap_err(), refused);
    assert_eq!(with_entry_extension(critical).unwrap_err(), refused);
}

#[test]
fn a_part_of_a_list_is_no_list_whether_it_is_critical_or_not() {
    for oid in [DELTA, DISTRIBUTION_POINT, CERTIFICATE_ISSUER] {
        for critical in [true, false] {
            let partial = extension(oid, critical, b"\x02\x01\x01");
            let refused = CrlError::Partial { oid: oid.into() };
            assert_eq!(with_extension(partial.clone()).unwrap_err(), refused);
            assert_eq!(with_entry_extension(partial).unwrap_err(), refused);
        }
    }
}

#[test]
fn no_extension_stands_twice_and_there_are_few() {
    let number = |value: &[u8]| extension("2.5.29.20", false, value);
    let twice = with_extension(number(b"\x02\x01\x63"));
    assert_eq!(twice.unwrap_err(), CrlError::Malformed);
    let reason = |value: &[u8]| extension("2.5.29.21", false, value);
    let twice = with_entry_extension(reason(b"\x0a\x01\x03"));
    assert_eq!(twice.unwrap_err(), CrlError::Malformed);
    let many = changed(|list| {
        let more = (0..100).map(|n| extension(&format!("{PRIVATE}.{n}"), false, b""));
        list.crl_extensions.get_or_insert_default().extend(more);
    });
    assert_eq!(many.unwrap_err(), CrlError::Malformed);
}

#[test]
fn a_number_is_there_and_has_8_bytes_at_most() {
    let with_number = |value: Option<&[u8]>| {
        changed(|list| {
            let extensions = list.crl_extensions.as_mut().unwrap();
            extensions.retain(|extension| extension.extn_id != CRL_NUMBER);
            extensions.extend(value.map(|value| extension("2.5.29.20", false, value)));
        })
    };
    let largest = b"\x02\x09\x00\xff\xff\xff\xff\xff\xff\xff\xff";
    assert_eq!(with_number(Some(largest)).unwrap().number(), u64::MAX);
    let larger = b"\x02\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00";
    for wrong in [
        None,
        Some(&larger[..]),
        Some(b""),
        Some(b"\x05\x00"),
        Some(b"\x02\x01"),
    ] {
        assert_eq!(
            with_number(wrong).unwrap_err(),
            CrlError::Malformed,
            "{wrong:?}"
        );
    }
    let endless = changed(|list| list.next_update = None);
    assert_eq!(endless.unwrap_err(), CrlError::Malformed);
}

#[test]
fn who_is_named_twice_is_out_for_the_graver_reason() {
    let reason = |code: u8| Some(vec![extension("2.5.29.21", false, &[0x0a, 1, code])]);
    for order in [[3, 1], [1, 3]] {
        let list = changed(|list| {
            let entries = list.revoked_certificates.as_mut().unwrap();
            let entry = entries[0].clone();
            *entries = order
                .map(|code| RevokedCert {
                    crl_entry_extensions: reason(code),
                    ..entry.clone()
                })
                .into();
        });
        assert!(list.unwrap().is_ended(&[5]), "{order:?}");
    }
}

#[test]
fn a_serial_number_of_any_form_names_itself_and_nobody_else() {
    let list = changed(|list| {
        let entries = list.revoked_certificates.as_mut().unwrap();
        entries[0].serial_number = SerialNumber::new(&[0x7f; 20]).unwrap();
    });
    let list = list.unwrap();
    assert!(list.is_ended(&[0x7f; 20]) && !list.is_revoked(&[5]) && !list.is_revoked(&[]));
}

#[test]
fn a_list_of_all_but_16_mib_is_taken_whole() {
    let org = TestOrg::new("acme");
    // Each entry has 39 bytes with a serial number of 20.
    let count = u32::try_from((MAX_CRL_BYTES - 4096) / 39).unwrap();
    let good = org.crl_der(1, &[5], NOW - 1, NOW + DAY);
    let long = org.changed_list(&good, |list| {
        let entries = list.revoked_certificates.as_mut().unwrap();
        entries[0].crl_entry_extensions = None;
        let entry = entries[0].clone();
        let numbered = |n: u32| RevokedCert {
            serial_number: SerialNumber::new(&[&[0x40; 16][..], &n.to_be_bytes()].concat())
                .unwrap(),
            ..entry.clone()
        };
        entries.extend((1..count).map(numbered));
    });
    assert!((MAX_CRL_BYTES - 8192..=MAX_CRL_BYTES).contains(&long.len()));
    let list = accept(&org, long, None).unwrap();
    assert_eq!(list.revoked_count(), usize::try_from(count).unwrap());
    let last = [&[0x40; 16][..], &(count - 1).to_be_bytes()].concat();
    assert!(list.is_ended(&last) && list.is_ended(&[5]));
    drop(org.trust_with(list));
}
