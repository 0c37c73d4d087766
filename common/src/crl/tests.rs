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
fn an_oversized_list_is_refused_unread() {
    let org = TestOrg::new("acme");
    assert!(matches!(
        accept(&org, vec![0x30; MAX_CRL_BYTES + 1], None),
        Err(CrlError::TooLong { .. })
    ));
}
