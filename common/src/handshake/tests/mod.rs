//! Handshakes of two peers in one test.

mod frames;
mod impostors;

use std::sync::Arc;

use rcgen::{ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose};

use super::*;
use crate::crl::RevocationList;
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
