//! Any frames: what opens is exactly what sealing its plaintext gives.

#![no_main]

use common::crypto::{Opener, Sealer, Secret, Suite};
use common::testing::each_frame;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The secret of the test vectors, so that they are good seeds.
    let secret = || Secret::new(std::array::from_fn(|at| at.try_into().unwrap_or(0)));
    let mut sealer = Sealer::new(Suite::Aes256Gcm, secret());
    let mut opener = Opener::new(Suite::Aes256Gcm, secret());
    each_frame(data, |frame| {
        let frame_type = frame.header.frame_type();
        let received = [&frame.header.encode(), &*frame.payload].concat();
        if let Ok(plaintext) = opener.open_in_place(frame) {
            assert_eq!(sealer.seal(frame_type, plaintext), Ok(received));
        }
    });
});
