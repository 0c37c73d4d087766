//! Frames that are out of place, damaged or too many, and peers that cannot decide.

use super::*;

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
    let stale = RevocationList::read(stale.into(), &org.root()).unwrap();
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
