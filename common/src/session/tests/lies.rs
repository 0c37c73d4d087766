//! Providers that send something else than they said.

use super::*;

#[test]
fn the_provider_cannot_finish_short_or_send_too_much() {
    let (mut requester, mut listener) = sessions();
    ask(&mut requester, &mut listener, "a");
    let (mut answer, _) = listener.answer_file(info(2)).unwrap();
    let mut frame = vec![0; answer.frame_bytes(3)];
    let error = SessionError::WrongSize {
        announced: 2,
        actual: 3,
    };
    assert_eq!(answer.seal_chunk(&mut frame), Err(error));
    assert_eq!(
        answer.finish().unwrap_err(),
        SessionError::WrongSize {
            announced: 2,
            actual: 0
        }
    );
}

#[test]
fn more_bytes_than_announced_are_refused() {
    let mut provider = LyingProvider::asked_for_one_file();
    provider.sends(FrameType::FileInfo, &info(2).encode());
    let error = SessionError::WrongSize {
        announced: 2,
        actual: 3,
    };
    assert_eq!(
        provider.sends(FrameType::Chunk, b"abc"),
        Seen::Broken(error)
    );
}

#[test]
fn an_early_end_is_refused() {
    let mut provider = LyingProvider::asked_for_one_file();
    provider.sends(FrameType::FileInfo, &info(2).encode());
    provider.sends(FrameType::Chunk, b"a");
    let error = SessionError::WrongSize {
        announced: 2,
        actual: 1,
    };
    assert_eq!(
        provider.ends(2, *blake3::hash(b"a").as_bytes()),
        Seen::Broken(error)
    );
}

#[test]
fn a_wrong_digest_is_refused() {
    let mut provider = LyingProvider::asked_for_one_file();
    provider.sends(FrameType::FileInfo, &info(1).encode());
    provider.sends(FrameType::Chunk, b"a");
    assert!(matches!(
        provider.ends(1, [0; 32]),
        Seen::Broken(SessionError::WrongDigest { .. })
    ));
}

#[test]
fn content_that_looks_like_an_end_is_content() {
    let (mut requester, mut listener) = sessions();
    ask(&mut requester, &mut listener, "a");
    let content = b"EOFL\0\0\0\0END%%EOF\0";
    let wire = answer(&mut listener, content, 4);
    let seen = requester_sees(&mut requester, &wire);
    let bytes: Vec<u8> = seen
        .iter()
        .flat_map(|seen| match seen {
            Seen::Chunk(bytes) => bytes.clone(),
            _ => Vec::new(),
        })
        .collect();
    assert_eq!(bytes, content);
}
