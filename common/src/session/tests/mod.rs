//! Sessions of two verified peers in one test.

mod lies;
mod misuse;

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
