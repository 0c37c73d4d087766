//! Whoever is not, or not any more, what a member must be.

use super::*;

#[test]
fn a_certificate_of_another_authority_with_the_same_names_is_refused_on_both_sides() {
    let (_, pair) = pair();
    let impostor = TestOrg::new("acme");
    let leaf = Leaf::of("bob", "acme");
    assert_eq!(
        requester_s_view(&impostor, &pair, &leaf),
        distrust(Distrust::OtherAuthority)
    );
    assert_eq!(
        listener_s_view(&impostor, &pair, &leaf),
        (
            distrust(Distrust::OtherAuthority),
            HandshakeError::Refused(Refusal::OtherAuthority)
        )
    );
}

#[test]
fn expired_and_future_certificates_are_refused_on_both_sides() {
    let (org, pair) = pair();
    let expired = Leaf {
        not_before: NOW - 2 * DAY,
        not_after: NOW - DAY,
        ..Leaf::of("bob", "acme")
    };
    assert_eq!(
        listener_s_view(&org, &pair, &expired),
        (
            distrust(Distrust::Expired),
            HandshakeError::Refused(Refusal::Expired)
        )
    );
    let future = Leaf {
        not_before: NOW + DAY,
        not_after: NOW + 2 * DAY,
        ..Leaf::of("bob", "acme")
    };
    assert_eq!(
        listener_s_view(&org, &pair, &future).0,
        distrust(Distrust::NotYetValid)
    );
    assert_eq!(
        requester_s_view(&org, &pair, &expired),
        distrust(Distrust::Expired)
    );
    assert_eq!(
        requester_s_view(&org, &pair, &future),
        distrust(Distrust::NotYetValid)
    );
}

#[test]
fn a_revoked_member_is_refused_on_both_sides() {
    let (org, mut pair) = pair();
    let trust = org.trust_with(org.revoke(2, &[11, 12]));
    pair.listener.trust = trust.clone();
    let revoked = |credentials: &Credentials| {
        let listed = trust.crl().revoked(credentials.certificate());
        assert!(listed.is_some());
        distrust(Distrust::Revoked(listed))
    };
    let outcome = pair.connect();
    assert_eq!(
        outcome.listener.unwrap_err().error,
        revoked(&pair.requester.credentials)
    );
    assert_eq!(
        outcome.requester.unwrap_err().error,
        HandshakeError::Refused(Refusal::Revoked)
    );
    pair.listener.trust = org.trust();
    pair.requester.trust = trust.clone();
    assert_eq!(
        pair.connect().requester.unwrap_err().error,
        revoked(&pair.listener.credentials)
    );
}

#[test]
fn nobody_is_trusted_under_a_list_that_has_run_out() {
    let (org, mut pair) = pair();
    let stale = RevocationList::read(org.crl_der(1, &[], NOW - DAY, NOW).into(), &org.root());
    let stale = org.trust_with(stale.unwrap());
    pair.requester.trust = stale.clone();
    assert_eq!(
        pair.connect().requester.unwrap_err().error,
        distrust(Distrust::CrlStale)
    );
    pair.requester.trust = org.trust();
    pair.listener.trust = stale;
    assert!(pair.connect().listener.is_err());
}

#[test]
fn a_list_of_another_root_is_no_reason_to_trust_anybody() {
    let (org, same_name) = (TestOrg::new("acme"), TestOrg::new("acme"));
    assert!(Trust::new(org.root(), org.revoke(1, &[])).is_ok());
    assert!(Trust::new(org.root(), same_name.revoke(1, &[])).is_err());
}

#[test]
fn every_rule_for_a_member_s_certificate_is_enforced_on_both_sides() {
    let (org, pair) = pair();
    let good = || Leaf::of("bob", "acme");
    let missing = |usage| IdentityError::MissingUsage { usage };
    let cases = [
        (
            Leaf {
                role: None,
                ..good()
            },
            IdentityError::NoRole,
        ),
        (
            Leaf {
                common_name: "eve".into(),
                ..good()
            },
            IdentityError::CommonNameDiffers,
        ),
        (
            Leaf {
                names: vec![],
                ..good()
            },
            IdentityError::NotOneName,
        ),
        (
            Leaf {
                names: vec![dns("bob.peer.acme.internal"), dns("eve.peer.acme.internal")],
                ..good()
            },
            IdentityError::NotOneName,
        ),
        (
            Leaf {
                names: vec![dns("bob.peer.evil.internal")],
                ..good()
            },
            IdentityError::ForeignName,
        ),
        (
            Leaf {
                names: vec![dns("bob.acme.internal")],
                ..good()
            },
            IdentityError::ForeignName,
        ),
        (
            Leaf {
                names: vec![dns("*.peer.acme.internal")],
                ..good()
            },
            IdentityError::ForeignName,
        ),
        (
            Leaf {
                is_ca: IsCa::NoCa,
                ..good()
            },
            IdentityError::CertificateAuthority,
        ),
        (
            Leaf {
                key_usages: vec![KeyUsagePurpose::KeyAgreement],
                ..good()
            },
            missing("digitalSignature"),
        ),
        (
            Leaf {
                usages: vec![
                    ExtendedKeyUsagePurpose::ServerAuth,
                    ExtendedKeyUsagePurpose::ClientAuth,
                ],
                ..good()
            },
            missing("emailProtection"),
        ),
    ];
    for (leaf, error) in cases {
        assert_eq!(
            requester_s_view(&org, &pair, &leaf),
            distrust(error.clone())
        );
        assert_eq!(
            listener_s_view(&org, &pair, &leaf),
            (
                distrust(error),
                HandshakeError::Refused(Refusal::AccessDenied)
            )
        );
    }
}

#[test]
fn a_certificate_for_one_role_of_tls_only_is_refused() {
    let (org, pair) = pair();
    let only = |usage| Leaf {
        usages: vec![usage],
        ..Leaf::of("bob", "acme")
    };
    let server_only = only(ExtendedKeyUsagePurpose::ServerAuth);
    let client_only = only(ExtendedKeyUsagePurpose::ClientAuth);
    assert_eq!(
        listener_s_view(&org, &pair, &server_only).0,
        distrust(Distrust::WrongUsage)
    );
    assert!(matches!(
        requester_s_view(&org, &pair, &client_only),
        HandshakeError::Distrust(Distrust::Identity(IdentityError::MissingUsage { .. }))
    ));
}

#[test]
fn an_authority_s_certificate_is_no_member_s() {
    let (org, pair) = pair();
    let ca = Leaf {
        is_ca: IsCa::Ca(rcgen::BasicConstraints::Unconstrained),
        ..Leaf::of("bob", "acme")
    };
    assert!(matches!(
        requester_s_view(&org, &pair, &ca),
        HandshakeError::Distrust(_)
    ));
    assert!(matches!(
        listener_s_view(&org, &pair, &ca).0,
        HandshakeError::Distrust(_)
    ));
}

#[test]
fn a_copied_certificate_without_its_key_is_worth_nothing() {
    let (org, pair) = pair();
    let bob = org.issue(&Leaf::of("bob", "acme"));
    let mallory = org.issue(&Leaf::of("mallory", "acme"));
    let stolen = crate::testing::Issued {
        leaf: bob.leaf,
        key: mallory.key,
    };
    let good = org.issue(&Leaf::of("mallory", "acme"));
    let credentials = Arc::new(Credentials::unchecked(stolen, good, "acme"));
    let mut as_listener = pair.clone();
    as_listener.listener.credentials = credentials.clone();
    assert_eq!(
        as_listener.connect().requester.unwrap_err().error,
        distrust(Distrust::BadSignature)
    );
    let mut as_requester = pair;
    as_requester.requester.credentials = credentials;
    assert_eq!(
        as_requester.connect().listener.unwrap_err().error,
        distrust(Distrust::BadSignature)
    );
}

#[test]
fn one_s_own_key_is_refused_on_the_other_end() {
    let (org, mut pair) = pair();
    let key = KeyPair::generate().unwrap();
    pair.requester.credentials = org.credentials(&org.issue_for(&Leaf::of("alice", "acme"), &key));
    pair.listener.credentials = org.credentials(&org.issue_for(&Leaf::of("bob", "acme"), &key));
    assert_eq!(
        pair.connect().requester.unwrap_err().error,
        distrust(IdentityError::OwnKey)
    );
}

#[test]
fn a_peer_is_looked_at_again_under_a_newer_list_and_a_later_clock() {
    let (org, pair) = pair();
    let (requester, _) = pair.connect().requester.unwrap();
    let trust = org.trust();
    assert_eq!(trust.check_again(&requester.peer, at(NOW)), Ok(()));
    let newer = org.trust_with(org.revoke(2, &[12]));
    let listed = newer.crl().revoked(requester.peer.certificate());
    assert!(listed.is_some());
    assert_eq!(
        newer.check_again(&requester.peer, at(NOW)),
        Err(Distrust::Revoked(listed))
    );
    assert_eq!(
        trust.check_again(&requester.peer, at(NOW + DAY + 1)),
        Err(Distrust::Expired)
    );
}
