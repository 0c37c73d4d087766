use super::*;
use crate::digest::{Digest, DigestAlgorithm};
use crate::frame::Frame;
use crate::limits::{FRAME_HEADER_BYTES, MAX_KEEP_ALIVES, MAX_PIPELINED_REQUESTS};
use crate::message::{FileEnd, FileInfo, Message, Outcome, RequestFile};
use crate::testing::{Pair, TestOrg, each_frame};
use crate::wire::{ErrorCode, FrameType};

fn sessions() -> (RequesterSession, ListenerSession) {
    let (requester, listener) = Pair::new(&TestOrg::new("acme")).connect().established();
    (
        RequesterSession::new(requester),
        ListenerSession::new(listener),
    )
}

fn info(size: u64) -> FileInfo {
    FileInfo {
        size,
        mtime_secs: 1,
        mtime_nanos: 2,
        mode: 0o640,
        digest: DigestAlgorithm::Blake3,
    }
}

/// Owned copies of the requester's events.
#[derive(Debug, PartialEq)]
enum Seen {
    Started(u64),
    Chunk(Vec<u8>),
    Verified(Digest),
    Failed(ErrorCode),
    Other,
    Broken(SessionError),
}

fn requester_sees(session: &mut RequesterSession, bytes: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    each_frame(bytes, |frame| {
        seen.push(match session.handle_frame(frame) {
            Ok(RequesterEvent::FileStarted(info)) => Seen::Started(info.size),
            Ok(RequesterEvent::Chunk(bytes)) => Seen::Chunk(bytes.to_vec()),
            Ok(RequesterEvent::FileVerified(file)) => Seen::Verified(*file.digest()),
            Ok(RequesterEvent::RequestFailed(code)) => Seen::Failed(code),
            Ok(_) => Seen::Other,
            Err(error) => Seen::Broken(error),
        });
    });
    seen
}

fn listener_sees(
    session: &mut ListenerSession,
    bytes: &[u8],
) -> Result<ListenerEvent, SessionError> {
    let mut last = Err(SessionError::NothingToAnswer);
    each_frame(bytes, |frame: Frame<'_>| last = session.handle_frame(frame));
    last
}

fn ask(requester: &mut RequesterSession, listener: &mut ListenerSession, path: &str) {
    let frame = requester
        .request_file(path, DigestAlgorithm::Blake3)
        .unwrap();
    let request = RequestFile {
        path: path.into(),
        digest: 0,
    };
    assert_eq!(
        listener_sees(listener, &frame),
        Ok(ListenerEvent::FileRequested(request))
    );
}

/// Seals `content` in chunks of at most `step` bytes as a whole answer.
fn answer(listener: &mut ListenerSession, content: &[u8], step: usize) -> Vec<u8> {
    let size = u64::try_from(content.len()).unwrap();
    let (mut answer, mut wire) = listener.answer_file(info(size)).unwrap();
    for piece in content.chunks(step) {
        let mut frame = vec![0; answer.frame_bytes(piece.len())];
        frame[FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + piece.len()].copy_from_slice(piece);
        answer.seal_chunk(&mut frame).unwrap();
        wire.extend(frame);
    }
    let (_, end) = answer.finish().unwrap();
    wire.extend(end);
    wire
}

#[test]
fn a_file_arrives_whole_and_is_acknowledged() {
    let (mut requester, mut listener) = sessions();
    ask(&mut requester, &mut listener, "docs/a");
    let wire = answer(&mut listener, b"hello, world", 5);
    let seen = requester_sees(&mut requester, &wire);
    let digest = Digest::new(
        DigestAlgorithm::Blake3,
        *blake3::hash(b"hello, world").as_bytes(),
    );
    assert_eq!(
        seen,
        [
            Seen::Started(12),
            Seen::Chunk(b"hello".to_vec()),
            Seen::Chunk(b", wor".to_vec()),
            Seen::Chunk(b"ld".to_vec()),
            Seen::Verified(digest),
        ]
    );
    assert_eq!(requester.unanswered(), 0);
    let frame = requester.acknowledge(Outcome::Kept).unwrap();
    assert_eq!(
        listener_sees(&mut listener, &frame),
        Ok(ListenerEvent::Acknowledged(Outcome::Kept))
    );
}

#[test]
fn an_empty_file_is_a_file() {
    let (mut requester, mut listener) = sessions();
    ask(&mut requester, &mut listener, "docs/empty");
    let wire = answer(&mut listener, b"", 5);
    let seen = requester_sees(&mut requester, &wire);
    assert!(matches!(
        seen.as_slice(),
        [Seen::Started(0), Seen::Verified(_)]
    ));
}

#[test]
fn requests_are_pipelined_and_answered_in_order() {
    let (mut requester, mut listener) = sessions();
    for path in ["a", "b", "c"] {
        ask(&mut requester, &mut listener, path);
    }
    let wire = [
        answer(&mut listener, b"1", 9),
        listener.refuse(ErrorCode::NotFound).unwrap(),
        answer(&mut listener, b"3", 9),
    ]
    .concat();
    let seen = requester_sees(&mut requester, &wire);
    assert!(matches!(
        seen.as_slice(),
        [
            Seen::Started(1),
            Seen::Chunk(_),
            Seen::Verified(_),
            Seen::Failed(ErrorCode::NotFound),
            Seen::Started(1),
            Seen::Chunk(_),
            Seen::Verified(_),
        ]
    ));
}

#[test]
fn a_file_given_up_by_the_provider_is_not_verified_and_the_session_goes_on() {
    let (mut requester, mut listener) = sessions();
    ask(&mut requester, &mut listener, "a");
    let (mut answer_a, mut wire) = listener.answer_file(info(9)).unwrap();
    let mut frame = vec![0; answer_a.frame_bytes(3)];
    answer_a.seal_chunk(&mut frame).unwrap();
    wire.extend(frame);
    wire.extend(answer_a.abort(ErrorCode::SourceChanged).unwrap());
    let seen = requester_sees(&mut requester, &wire);
    assert_eq!(seen[2], Seen::Failed(ErrorCode::SourceChanged));
    ask(&mut requester, &mut listener, "b");
    let wire = answer(&mut listener, b"x", 1);
    assert_eq!(requester_sees(&mut requester, &wire).len(), 3);
}

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

/// A provider that seals whatever it likes, with the right keys.
struct LyingProvider {
    requester: RequesterSession,
    sealer: crate::crypto::Sealer,
}

impl LyingProvider {
    fn asked_for_one_file() -> Self {
        let (requester, listener) = Pair::new(&TestOrg::new("acme")).connect().established();
        let mut requester = RequesterSession::new(requester);
        requester
            .request_file("a", DigestAlgorithm::Blake3)
            .unwrap();
        Self {
            requester,
            sealer: listener.sealer,
        }
    }

    fn sends(&mut self, kind: FrameType, plaintext: &[u8]) -> Seen {
        let frame = self.sealer.seal(kind, plaintext).unwrap();
        requester_sees(&mut self.requester, &frame).remove(0)
    }

    fn ends(&mut self, size: u64, digest: [u8; 32]) -> Seen {
        let digest = Digest::new(DigestAlgorithm::Blake3, digest);
        self.sends(FrameType::FileEnd, &FileEnd { size, digest }.encode())
    }
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
