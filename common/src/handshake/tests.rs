use std::sync::Arc;

use rcgen::{ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};

use super::*;
use crate::frame::{Phase, plain_frame};
use crate::identity::IdentityError;
use crate::testing::{Leaf, NOW, Pair, TestOrg, at, dns, each_frame};
use crate::wire::{FrameType, NotReadyCode};

const DAY: u64 = 86_400;

fn pair() -> (TestOrg, Pair) {
    let org = TestOrg::new("acme");
    let pair = Pair::new(&org);
    (org, pair)
}

/// The error of the requester when `leaf` listens.
fn requester_s_view(org: &TestOrg, pair: &Pair, leaf: &Leaf) -> HandshakeError {
    let mut pair = pair.clone();
    pair.listener.credentials = unchecked(org, leaf);
    pair.connect().requester.unwrap_err().error
}

/// The error of the listener when `leaf` requests, and what the requester is told.
fn listener_s_view(org: &TestOrg, pair: &Pair, leaf: &Leaf) -> (HandshakeError, HandshakeError) {
    let mut pair = pair.clone();
    pair.requester.credentials = unchecked(org, leaf);
    let outcome = pair.connect();
    (
        outcome.listener.unwrap_err().error,
        outcome.requester.unwrap_err().error,
    )
}

/// Credentials as a hostile peer would have them: without our own checks.
fn unchecked(org: &TestOrg, leaf: &Leaf) -> Arc<Credentials> {
    let issued = org.issue(leaf);
    let good = org.issue(&Leaf::of("mallory", org.label()));
    Arc::new(Credentials::unchecked(issued, good, org.label()))
}

fn distrust(reason: impl Into<Distrust>) -> HandshakeError {
    HandshakeError::Distrust(reason.into())
}

#[test]
fn two_members_meet_and_know_each_other() {
    let (_, pair) = pair();
    let outcome = pair.connect();
    let (requester, grant) = outcome.requester.unwrap();
    let listener = outcome.listener.unwrap();
    assert_eq!(requester.peer.certificate().name().alias().as_str(), "bob");
    assert_eq!(listener.peer.certificate().name().alias().as_str(), "alice");
    assert_eq!(grant.role.as_str(), "member");
    assert_eq!(grant.crl_number, 1);
}

#[test]
fn both_ends_hold_the_same_keys_and_never_the_same_in_both_directions() {
    let (_, pair) = pair();
    let (mut requester, mut listener) = pair.connect().established();
    let sent = requester
        .sealer
        .seal(FrameType::KeepAlive, b"ping")
        .unwrap();
    each_frame(&sent, |frame| {
        assert_eq!(listener.opener.open_in_place(frame).unwrap(), b"ping");
    });
    let reflected = requester
        .sealer
        .seal(FrameType::KeepAlive, b"ping")
        .unwrap();
    each_frame(&reflected, |frame| {
        assert!(requester.opener.open_in_place(frame).is_err());
    });
}

#[test]
fn no_alias_and_no_certificate_travels_in_clear() {
    let (_, pair) = pair();
    let outcome = pair.expecting("bob").connect();
    let wire = [outcome.from_requester, outcome.from_listener].concat();
    for secret in [b"alice".as_slice(), b"bob", b"acme", b"member"] {
        assert!(!wire.windows(secret.len()).any(|window| window == secret));
    }
    assert!(wire.windows(11).any(|window| window == b"aes-256-gcm"));
}

#[test]
fn key_exchange_is_post_quantum_by_default() {
    let (_, pair) = pair();
    let outcome = pair.connect();
    // The ServerHello states the group chosen: key_share extension (51), X25519MLKEM768 (4588).
    let chosen = [0x00, 0x33, 0x04, 0x64, 0x11, 0xec];
    assert!(
        outcome
            .from_listener
            .windows(6)
            .any(|window| window == chosen)
    );
}

#[test]
fn the_person_asked_for_must_answer() {
    let (_, pair) = pair();
    assert!(pair.clone().expecting("bob").connect().requester.is_ok());
    let outcome = pair.expecting("carol").connect();
    assert_eq!(
        outcome.requester.unwrap_err().error,
        distrust(Distrust::WrongMember {
            expected: "carol".parse().unwrap(),
            actual: "bob".parse().unwrap(),
        })
    );
    assert_eq!(
        outcome.listener.unwrap_err().error,
        HandshakeError::Refused(Refusal::AccessDenied)
    );
}

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
    let outcome = pair.connect();
    assert_eq!(
        outcome.listener.unwrap_err().error,
        distrust(Distrust::Revoked)
    );
    assert_eq!(
        outcome.requester.unwrap_err().error,
        HandshakeError::Refused(Refusal::Revoked)
    );
    pair.listener.trust = org.trust();
    pair.requester.trust = trust;
    assert_eq!(
        pair.connect().requester.unwrap_err().error,
        distrust(Distrust::Revoked)
    );
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
fn a_listener_that_cannot_decide_says_so_before_tls() {
    let (org, mut pair) = pair();
    pair.now = NOW + DAY + 1;
    let outcome = pair.connect();
    assert_eq!(
        outcome.listener.unwrap_err().error,
        HandshakeError::NotReady(NotReadyCode::CertificateExpired)
    );
    assert_eq!(
        outcome.requester.unwrap_err().error,
        HandshakeError::Refused(Refusal::NotReady(NotReadyCode::CertificateExpired))
    );
    assert_eq!(outcome.from_listener, b"RSCI\0\0\0\x01\x01");

    let long = Leaf {
        not_after: NOW + 9 * DAY,
        ..Leaf::of("bob", "acme")
    };
    pair.listener.credentials = org.credentials(&org.issue(&long));
    assert_eq!(
        pair.connect().listener.unwrap_err().error,
        HandshakeError::NotReady(NotReadyCode::CrlStale)
    );
}

#[test]
fn a_requester_with_a_stale_revocation_list_trusts_nobody() {
    let (org, mut pair) = pair();
    let stale = org.crl_der(1, &[], NOW - 2 * DAY, NOW - DAY);
    let stale = crate::crl::RevocationList::read(stale.into(), &org.root()).unwrap();
    pair.requester.trust = org.trust_with(stale);
    assert_eq!(
        pair.connect().requester.unwrap_err().error,
        distrust(Distrust::CrlStale)
    );
}

#[test]
fn no_flipped_byte_of_a_handshake_gives_two_working_ends() {
    let (_, pair) = pair();
    let clean = pair.connect();
    for (from_requester, length) in [
        (true, clean.from_requester.len()),
        (false, clean.from_listener.len()),
    ] {
        // Signatures vary in length by a few bytes from run to run; step over most positions.
        for position in (0..length).step_by(37) {
            let mut passed = 0;
            let outcome = pair.connect_through(&mut |sent_by_requester, bytes| {
                if sent_by_requester == from_requester {
                    if let Some(byte) = position
                        .checked_sub(passed)
                        .and_then(|offset| bytes.get_mut(offset))
                    {
                        *byte ^= 0x01;
                    }
                    passed += bytes.len();
                }
            });
            assert!(outcome.requester.is_err(), "byte {position}");
        }
    }
}

#[test]
fn a_refusal_never_moves_the_handshake_on() {
    let (_, pair) = pair();
    let (state, _) = AwaitListener::start(pair.requester, at(NOW)).unwrap();
    let mut refusal = plain_frame(FrameType::Refusal, &[21, 3, 3, 0, 2, 2, 40]).unwrap();
    let (header, payload) = refusal.split_first_chunk_mut().unwrap();
    let header = crate::frame::Header::decode(Phase::Handshake, *header).unwrap();
    let failed = state.handle_frame(crate::frame::Frame { header, payload });
    assert!(matches!(
        failed.map(|_| ()).unwrap_err().error,
        HandshakeError::Refused(Refusal::Alert(40))
    ));
}

#[test]
fn every_frame_type_but_two_is_refused_while_waiting_for_a_flight() {
    for kind in FrameType::ALL {
        if matches!(kind, FrameType::Handshake | FrameType::Refusal) {
            continue;
        }
        let (_, pair) = pair();
        let (requester, _) = AwaitListener::start(pair.requester, at(NOW)).unwrap();
        let listener = AwaitRequester::start(pair.listener, at(NOW)).unwrap();
        let unexpected = HandshakeError::UnexpectedFrame(*kind);
        let header = crate::frame::Header::new(Phase::Handshake, *kind, 0).unwrap();
        let frame = || crate::frame::Frame {
            header,
            payload: &mut [],
        };
        assert_eq!(
            requester
                .handle_frame(frame())
                .map(|_| ())
                .unwrap_err()
                .error,
            unexpected
        );
        assert_eq!(
            listener
                .handle_frame(frame())
                .map(|_| ())
                .unwrap_err()
                .error,
            unexpected
        );
    }
}

#[test]
fn endless_handshake_bytes_are_cut_off() {
    let (_, pair) = pair();
    let mut state = AwaitRequester::start(pair.listener, at(NOW)).unwrap();
    // A ClientHello that never ends: TLS records of a message that announces 16 MiB.
    let mut flood = vec![22, 3, 1, 0x3f, 0xfb, 1, 0xff, 0xff, 0xff];
    flood.resize(5 + 0x3ffb, 0);
    for _ in 0..6 {
        let header =
            crate::frame::Header::new(Phase::Handshake, FrameType::Handshake, flood.len()).unwrap();
        let payload = &mut flood.clone();
        match state.handle_frame(crate::frame::Frame { header, payload }) {
            Ok(ListenerStep::Continue(next, _)) => state = next,
            Ok(ListenerStep::Established(..)) => panic!("established"),
            Err(_) => return,
        }
    }
    panic!("the flood was taken");
}

#[test]
fn a_peer_is_looked_at_again_under_a_newer_list_and_a_later_clock() {
    let (org, pair) = pair();
    let (requester, _) = pair.connect().requester.unwrap();
    let trust = org.trust();
    assert_eq!(trust.check_again(&requester.peer, at(NOW)), Ok(()));
    let newer = org.trust_with(org.revoke(2, &[12]));
    assert_eq!(
        newer.check_again(&requester.peer, at(NOW)),
        Err(Distrust::Revoked)
    );
    assert_eq!(
        trust.check_again(&requester.peer, at(NOW + DAY + 1)),
        Err(Distrust::Expired)
    );
}
