//! Whatever a stranger sends, the handshake neither panics nor ends with somebody verified.

#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::sync::LazyLock;

use common::frame::{Frame, Header, Phase};
use common::handshake::{AwaitListener, AwaitRequester, ListenerStep, RequesterStep};
use common::testing::{NOW, Pair, TestOrg, at, each_frame};
use common::wire::FrameType;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

static PAIR: LazyLock<Pair> = LazyLock::new(|| Pair::new(&TestOrg::new("acme")));

/// What both sides send when nobody interferes.
static CLEAN: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let outcome = PAIR.connect();
    (outcome.from_requester, outcome.from_listener)
});

/// The type by its place in the table, and the payload.
type Sent = (usize, Vec<u8>);

fn frame_of(sent: &mut Sent) -> Frame<'_> {
    let (kind, payload) = sent;
    let header = Header::new(Phase::Handshake, FrameType::ALL[*kind], payload.len());
    Frame {
        header: header.expect("the payload is within the limit"),
        payload,
    }
}

/// A stranger's frame: mostly handshake bytes, some that look like TLS records.
fn any_frame() -> impl Strategy<Value = Sent> {
    let record = (20u8..25, vec(any::<u8>(), 0..80)).prop_map(|(kind, body)| {
        let [high, low] = u16::try_from(body.len()).unwrap_or(0).to_be_bytes();
        [&[kind, 3, 3, high, low], body.as_slice()].concat()
    });
    let payload = prop_oneof![vec(any::<u8>(), 0..80), record];
    let kind = prop_oneof![3 => Just(0), 1 => 0..FrameType::ALL.len()];
    (kind, payload)
}

/// A real flight, replayed and cut somewhere.
fn replayed(flight: &'static [u8]) -> impl Strategy<Value = Sent> {
    let range = (0..=flight.len(), 0..=flight.len());
    range.prop_map(move |(a, b)| (0, flight[a.min(b)..a.max(b)].to_vec()))
}

fn listener_establishes(frames: Vec<Sent>) -> bool {
    let mut state = AwaitRequester::start(PAIR.listener.clone(), at(NOW)).ok();
    for mut sent in frames {
        let Some(waiting) = state.take() else { break };
        match waiting.handle_frame(frame_of(&mut sent)) {
            Ok(ListenerStep::Continue(next, _)) => state = Some(next),
            Ok(ListenerStep::Established(..)) => return true,
            Err(_) => break,
        }
    }
    false
}

fn requester_verifies(frames: Vec<Sent>) -> bool {
    let mut state = AwaitListener::start(PAIR.requester.clone(), at(NOW))
        .map(|(state, _)| state)
        .ok();
    for mut sent in frames {
        let Some(waiting) = state.take() else { break };
        match waiting.handle_frame(frame_of(&mut sent)) {
            Ok(RequesterStep::Continue(next, _)) => state = Some(next),
            Ok(RequesterStep::Verified(..)) => return true,
            Err(_) => break,
        }
    }
    false
}

/// Each payload of a recorded direction.
fn payloads(frames: &'static [u8]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    each_frame(frames, |frame| payloads.push(frame.payload.to_vec()));
    payloads
}

#[test]
fn a_recorded_handshake_replayed_to_either_side_establishes_nothing() {
    let sent = |frames| payloads(frames).into_iter().map(|payload| (0, payload));
    assert!(!listener_establishes(sent(&CLEAN.0).collect()));
    assert!(!requester_verifies(sent(&CLEAN.1).collect()));
}

/// One change to one byte on the way.
#[derive(Debug, Clone, Copy)]
enum Change {
    Flip(u8),
    Remove,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_frames_of_a_stranger_are_verified_by_the_listener(
        frames in vec(prop_oneof![any_frame(), replayed(&CLEAN.0)], 0..6),
    ) {
        prop_assert!(!listener_establishes(frames));
    }

    #[test]
    fn no_frames_of_a_stranger_are_verified_by_the_requester(
        frames in vec(prop_oneof![any_frame(), replayed(&CLEAN.1)], 0..6),
    ) {
        prop_assert!(!requester_verifies(frames));
    }

    #[test]
    fn no_bytes_are_a_verdict(mut frame in any_frame(), kind in 0..FrameType::ALL.len()) {
        let listener = AwaitRequester::start(PAIR.listener.clone(), at(NOW));
        let (requester, hello) = AwaitListener::start(PAIR.requester.clone(), at(NOW)).unwrap();
        let mut flight = Vec::new();
        let mut listener = listener.ok();
        each_frame(&hello, |frame| {
            let step = listener.take().map(|state| state.handle_frame(frame));
            if let Some(Ok(ListenerStep::Continue(_, bytes))) = step {
                flight = bytes;
            }
        });
        let mut verdict = None;
        let mut requester = Some(requester);
        each_frame(&flight, |frame| {
            let step = requester.take().map(|state| state.handle_frame(frame));
            if let Some(Ok(RequesterStep::Verified(state, _))) = step {
                verdict = Some(state);
            }
        });
        frame.0 = kind;
        let judged = verdict.expect("the flight is good").handle_frame(frame_of(&mut frame));
        prop_assert!(judged.is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_handshake_changed_on_the_way_is_not_established_at_the_requester(
        of_requester: bool,
        place: Index,
        message in 0..2usize,
        change in prop_oneof![(1u8..).prop_map(Change::Flip), Just(Change::Remove)],
    ) {
        let mut sent = 0;
        let mut changed = false;
        let outcome = PAIR.connect_through(&mut |by_requester, bytes| {
            if by_requester != of_requester {
                return;
            }
            if sent == message && !bytes.is_empty() {
                changed = true;
                let at = place.index(bytes.len());
                match change {
                    Change::Flip(mask) => bytes[at] ^= mask,
                    Change::Remove => drop(bytes.remove(at)),
                }
            }
            sent += 1;
        });
        prop_assert!(changed);
        prop_assert!(outcome.requester.is_err());
    }
}
