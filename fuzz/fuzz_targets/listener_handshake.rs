//! Any frames into a listener's handshake: nobody is verified.

#![no_main]

use std::sync::LazyLock;

use common::handshake::{AwaitRequester, ListenerStep};
use common::testing::{NOW, Pair, TestOrg, at, each_frame};
use libfuzzer_sys::fuzz_target;

static PAIR: LazyLock<Pair> = LazyLock::new(|| Pair::new(&TestOrg::new("acme")));

fuzz_target!(|data: &[u8]| {
    let mut state = AwaitRequester::start(PAIR.listener.clone(), at(NOW)).ok();
    each_frame(data, |frame| {
        state = match state.take().map(|state| state.handle_frame(frame)) {
            Some(Ok(ListenerStep::Continue(next, _))) => Some(next),
            Some(Ok(ListenerStep::Established(..))) => panic!("a stranger was verified"),
            Some(Err(_)) | None => None,
        };
    });
});
