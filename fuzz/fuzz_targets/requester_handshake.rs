//! Any frames into a requester's handshake: nobody is verified.

#![no_main]

use std::sync::LazyLock;

use common::handshake::{AwaitListener, RequesterStep};
use common::testing::{NOW, Pair, TestOrg, at, each_frame};
use libfuzzer_sys::fuzz_target;

static PAIR: LazyLock<Pair> = LazyLock::new(|| Pair::new(&TestOrg::new("acme")));

fuzz_target!(|data: &[u8]| {
    let started = AwaitListener::start(PAIR.requester.clone(), at(NOW));
    let mut state = started.ok().map(|(state, _)| state);
    each_frame(data, |frame| {
        state = match state.take().map(|state| state.handle_frame(frame)) {
            Some(Ok(RequesterStep::Continue(next, _))) => Some(next),
            Some(Ok(RequesterStep::Verified(..))) => panic!("a stranger was verified"),
            Some(Err(_)) | None => None,
        };
    });
});
