use x509_cert::crl::{CertificateList, TbsCertList};
use x509_cert::der::asn1::{ObjectIdentifier, OctetString};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::Extension;

use super::*;
use crate::testing::{NOW, TestOrg, at};

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

/// A good list of the certificates 5 and 6, changed before the root signs it.
fn changed(org: &TestOrg, change: impl FnOnce(&mut TbsCertList)) -> Vec<u8> {
    let good = org.crl_der(1, &[5, 6], NOW - 1, NOW + DAY);
    let mut list = CertificateList::from_der(&good).unwrap().tbs_cert_list;
    change(&mut list);
    org.signed_list(&list.to_der().unwrap())
}

fn extension(oid: &str, critical: bool) -> Extension {
    Extension {
        extn_id: ObjectIdentifier::new_unwrap(oid),
        critical,
        extn_value: OctetString::new([5, 0]).unwrap(),
    }
}

#[test]
fn extensions_of_a_list_and_of_an_entry_count_only_where_they_may_be_passed_over() {
    let org = TestOrg::new("acme");
    let refused = |oid: &str| Err(CrlError::UnknownCritical { oid: oid.into() });
    let partial = ["2.5.29.27", "2.5.29.28", "2.5.29.29"];
    for oid in ["1.3.6.1.4.1.99999.1", partial[0], partial[1], partial[2]] {
        for critical in [false, true] {
            let of_list = changed(&org, |list| {
                let extensions = list.crl_extensions.as_mut().unwrap();
                extensions.push(extension(oid, critical));
            });
            let of_entry = changed(&org, |list| {
                let entry = &mut list.revoked_certificates.as_mut().unwrap()[1];
                let extensions = entry.crl_entry_extensions.as_mut().unwrap();
                extensions.push(extension(oid, critical));
            });
            let expected = match critical || partial.contains(&oid) {
                true => refused(oid),
                false => Ok(2),
            };
            for der in [of_list, of_entry] {
                let count = accept(&org, der, None).map(|list| list.revoked_count());
                assert_eq!(count, expected, "{oid} {critical}");
            }
        }
    }
}

#[test]
fn a_certificate_that_is_listed_twice_is_ended_if_one_entry_ends_it() {
    let org = TestOrg::new("acme");
    let outdated = org.crl_for(
        rcgen::RevocationReason::AffiliationChanged,
        1,
        &[5],
        NOW - 1,
        NOW + DAY,
    );
    let outdated = CertificateList::from_der(&outdated).unwrap().tbs_cert_list;
    let outdated = &outdated.revoked_certificates.unwrap()[0];
    for place in [0, 2] {
        let der = changed(&org, |list| {
            let entries = list.revoked_certificates.as_mut().unwrap();
            entries.insert(place, outdated.clone());
        });
        let list = accept(&org, der, None).unwrap();
        assert!(list.is_ended(&[5]) && !list.is_outdated(&[5]));
    }
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
        let refused = accept(&org, changed(&org, without), None);
        assert_eq!(refused.unwrap_err(), CrlError::Malformed);
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
