//! Messages where none, or no more of them, may come.

use super::*;

#[test]
fn each_message_in_each_wrong_state_ends_the_session() {
    let end = FileEnd {
        size: 0,
        digest: Digest::new(DigestAlgorithm::Blake3, [0; 32]),
    }
    .encode();
    let all = [
        (FrameType::FileInfo, info(0).encode()),
        (FrameType::Chunk, vec![]),
        (FrameType::FileEnd, end),
        (FrameType::Verdict, vec![]),
        (
            FrameType::RequestFile,
            RequestFile {
                path: "a".into(),
                digest: 0,
            }
            .encode(),
        ),
        (FrameType::Acknowledge, vec![0xa1, 0, 0]),
    ];
    for (kind, plaintext) in &all {
        let unexpected = Seen::Broken(SessionError::UnexpectedFrame(*kind));
        let mut idle = LyingProvider::asked_for_one_file();
        if *kind != FrameType::FileInfo {
            assert_eq!(idle.sends(*kind, plaintext), unexpected);
        }
        let mut receiving = LyingProvider::asked_for_one_file();
        receiving.sends(FrameType::FileInfo, &info(9).encode());
        if !matches!(kind, FrameType::Chunk | FrameType::FileEnd) {
            assert_eq!(receiving.sends(*kind, plaintext), unexpected);
        }
    }
    let (mut requester, mut listener) = {
        let (requester, listener) = Pair::new(&TestOrg::new("acme")).connect().established();
        (requester.sealer, ListenerSession::new(listener))
    };
    for kind in [
        FrameType::FileInfo,
        FrameType::Chunk,
        FrameType::FileEnd,
        FrameType::Error,
    ] {
        let frame = requester.seal(kind, &[]).unwrap();
        let unexpected = SessionError::UnexpectedFrame(kind);
        assert_eq!(listener_sees(&mut listener, &frame), Err(unexpected));
    }
    let unasked = requester
        .seal(FrameType::Acknowledge, &[0xa1, 0, 0])
        .unwrap();
    assert_eq!(
        listener_sees(&mut listener, &unasked),
        Err(SessionError::UnexpectedFrame(FrameType::Acknowledge))
    );
}

#[test]
fn an_answer_without_a_request_ends_the_session() {
    let (requester, mut listener) = Pair::new(&TestOrg::new("acme")).connect().established();
    let mut requester = RequesterSession::new(requester);
    let frame = listener
        .sealer
        .seal(FrameType::FileInfo, &info(0).encode())
        .unwrap();
    assert_eq!(
        requester_sees(&mut requester, &frame),
        [Seen::Broken(SessionError::UnexpectedFrame(
            FrameType::FileInfo
        ))]
    );
}

#[test]
fn a_requester_keeps_no_more_requests_open_than_the_limit() {
    let (mut requester, mut listener) = sessions();
    for _ in 0..MAX_PIPELINED_REQUESTS {
        requester
            .request_file("a", DigestAlgorithm::Blake3)
            .unwrap();
    }
    assert_eq!(
        requester.request_file("a", DigestAlgorithm::Blake3),
        Err(SessionError::TooManyRequests {
            limit: MAX_PIPELINED_REQUESTS
        })
    );
    assert_eq!(
        listener.refuse(ErrorCode::Busy),
        Err(SessionError::NothingToAnswer)
    );
}

#[test]
fn keep_alives_alone_do_not_hold_a_session_for_ever() {
    let mut provider = LyingProvider::asked_for_one_file();
    for _ in 0..MAX_KEEP_ALIVES {
        assert_eq!(provider.sends(FrameType::KeepAlive, &[]), Seen::Other);
    }
    let error = SessionError::OnlyKeepAlives {
        limit: MAX_KEEP_ALIVES,
    };
    assert_eq!(
        provider.sends(FrameType::KeepAlive, &[]),
        Seen::Broken(error)
    );
}

#[test]
fn an_empty_chunk_is_refused() {
    let mut provider = LyingProvider::asked_for_one_file();
    provider.sends(FrameType::FileInfo, &info(2).encode());
    assert_eq!(
        provider.sends(FrameType::Chunk, b""),
        Seen::Broken(SessionError::EmptyChunk)
    );
}
