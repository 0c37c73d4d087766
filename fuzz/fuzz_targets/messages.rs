//! Any bytes as any message: what decodes says the same when encoded and decoded again.

#![no_main]

use std::fmt::Debug;

use common::message::{Acknowledge, ErrorMessage, FileEnd, FileInfo, Grant, Message, RequestFile};
use libfuzzer_sys::fuzz_target;

fn check<M: Message + Debug + PartialEq>(bytes: &[u8]) {
    if let Ok(message) = M::decode(bytes) {
        let again = message.encode();
        assert_eq!(M::decode(&again), Ok(message));
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else {
        return;
    };
    match kind {
        0 => check::<Grant>(bytes),
        1 => check::<RequestFile>(bytes),
        2 => check::<FileInfo>(bytes),
        3 => check::<FileEnd>(bytes),
        4 => check::<Acknowledge>(bytes),
        5 => check::<ErrorMessage>(bytes),
        _ => {}
    }
});
