//! A malicious provider, which seals whatever it likes with the right keys: what the requester takes
//! for a whole file has as many bytes as were announced, and their digest.

#![no_main]

use std::sync::LazyLock;

use common::digest::{DigestAlgorithm, Hasher};
use common::session::{RequesterEvent, RequesterSession};
use common::testing::{Pair, TestOrg, each_frame};
use libfuzzer_sys::fuzz_target;

static PAIR: LazyLock<Pair> = LazyLock::new(|| Pair::new(&TestOrg::new("acme")));

fuzz_target!(|data: &[u8]| {
    let (requester, mut provider) = PAIR.connect().established();
    let mut session = RequesterSession::new(requester);
    for _ in 0..3 {
        let request = session.request_file("a", DigestAlgorithm::Blake3);
        assert!(request.is_ok());
    }
    let mut content = Vec::new();
    let mut over = false;
    // The payloads of the input's frames are the plaintexts.
    each_frame(data, |frame| {
        let Ok(sealed) = provider
            .sealer
            .seal(frame.header.frame_type(), frame.payload)
        else {
            return;
        };
        each_frame(&sealed, |frame| {
            assert!(session.unanswered() <= 3);
            if over {
                return;
            }
            match session.handle_frame(frame) {
                Ok(RequesterEvent::FileStarted(_)) => content.clear(),
                Ok(RequesterEvent::Chunk(bytes)) => content.extend_from_slice(bytes),
                Ok(RequesterEvent::FileVerified(file)) => {
                    assert_eq!(u64::try_from(content.len()), Ok(file.info().size));
                    let mut hasher = Hasher::new(file.info().digest);
                    hasher.update(&content);
                    assert_eq!(&hasher.finish(), file.digest());
                }
                Ok(_) => {}
                Err(_) => over = true,
            }
        });
    });
});
