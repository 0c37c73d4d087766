//! Runs every file of `tests/vectors` against `common` and, where there is cryptography, against
//! the independent implementation too. The files are frozen: this test only reads them.
//! `examples/make_vectors` tells how they were made.

#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod independent;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use common::crypto::{Opener, Sealer, Secret, Suite};
use common::digest::{Digest, DigestAlgorithm};
use common::frame::{Frame, FrameError, Header, Phase};
use common::identity::{Alias, Fingerprint, OrgLabel, PeerName};
use common::limits::FRAMES_PER_EPOCH;
use common::message::{
    Acknowledge, DecodeError, ErrorMessage, FileEnd, FileInfo, Grant, Message, Outcome, RequestFile,
};
use common::name::{NameError, RemotePath};
use common::wire::{ErrorCode, FrameType};
use proptest::prelude::*;

const DOCUMENT: &str = include_str!("../../docs/PROTOCOL.md");

/// One file: `key: value` lines.
struct Vector {
    name: String,
    fields: Vec<(String, String)>,
}

impl Vector {
    fn read(path: &Path) -> Self {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(path).unwrap();
        let field = |line: &str| {
            let (key, value) = line.split_once(':').unwrap();
            (key.to_owned(), value.trim().to_owned())
        };
        let fields = text.lines().map(field).collect();
        Self { name, fields }
    }

    /// Every value of that key.
    fn all(&self, key: &str) -> Vec<&str> {
        let of_key = self.fields.iter().filter(|(found, _)| found == key);
        of_key.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a key that the file has once.
    fn one(&self, key: &str) -> &str {
        let [value] = self.all(key)[..] else {
            panic!("{} does not have one {key}", self.name)
        };
        value
    }

    fn hex(&self, key: &str) -> Vec<u8> {
        unhex(self.one(key))
    }

    fn array<const N: usize>(&self, key: &str) -> [u8; N] {
        self.hex(key).try_into().unwrap()
    }

    fn number<T: TryFrom<i128>>(&self, key: &str) -> T {
        let number: i128 = self.one(key).parse().unwrap();
        T::try_from(number).unwrap_or_else(|_| panic!("{key} of {}", self.name))
    }

    fn text(&self, key: &str) -> String {
        String::from_utf8(self.hex(key)).unwrap()
    }
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "odd hexadecimal {text}");
    let pair = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(pair).collect()
}

fn every_vector() -> Vec<Vector> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let files = fs::read_dir(directory).unwrap();
    files
        .map(|file| Vector::read(&file.unwrap().path()))
        .collect()
}

fn of_kind(kind: &str) -> Vec<Vector> {
    let mut vectors = every_vector();
    vectors.retain(|vector| vector.one("kind") == kind);
    vectors
}

#[test]
fn no_vector_is_lost_and_none_is_skipped() {
    let mut count = BTreeMap::new();
    for vector in every_vector() {
        *count.entry(vector.one("kind").to_owned()).or_insert(0) += 1;
    }
    let expected = [
        ("alias", 9),
        ("exporter context", 3),
        ("fingerprint", 5),
        ("header", 15),
        ("key schedule", 3),
        ("message", 57),
        ("org label", 2),
        ("path", 32),
        ("peer name", 6),
        ("record", 26),
    ];
    let expected = expected.map(|(kind, count)| (kind.to_owned(), count));
    assert_eq!(count.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn headers_are_accepted_or_refused_as_their_vectors_say() {
    for vector in of_kind("header") {
        let phase = match vector.one("phase") {
            "handshake" => Phase::Handshake,
            "established" => Phase::Established,
            other => panic!("phase {other}"),
        };
        let bytes = vector.array("header");
        let decoded = Header::decode(phase, bytes);
        match vector.one("expect") {
            "ok" => {
                let header = decoded.unwrap();
                assert_eq!(header.frame_type().to_string(), vector.one("type"));
                assert_eq!(header.payload_bytes(), vector.number::<usize>("length"));
                assert_eq!(header.encode(), bytes);
                let made = Header::new(phase, header.frame_type(), header.payload_bytes());
                assert_eq!(made, Ok(header));
            }
            "too long" => {
                assert!(
                    matches!(decoded, Err(FrameError::TooLong { .. })),
                    "{}",
                    vector.name
                );
            }
            "unknown type" => {
                assert!(
                    matches!(decoded, Err(FrameError::UnknownType { .. })),
                    "{}",
                    vector.name
                );
            }
            other => panic!("expect {other}"),
        }
    }
}

/// The type and the plaintext, if `common` opens the frame.
fn opened_by_common(opener: &mut Opener, frame: &[u8]) -> Option<(FrameType, Vec<u8>)> {
    let mut frame = frame.to_vec();
    let (header, payload) = frame.split_first_chunk_mut().unwrap();
    let header = Header::decode(Phase::Established, *header).unwrap();
    assert_eq!(header.payload_bytes(), payload.len());
    let opened = opener.open_in_place(Frame { header, payload }).ok()?;
    Some((header.frame_type(), opened.to_vec()))
}

/// Both ends of one direction in `common`.
fn ends(secret: [u8; 32]) -> (Sealer, Opener) {
    let suite = Suite::Aes256Gcm;
    (
        Sealer::new(suite, Secret::new(secret)),
        Opener::new(suite, Secret::new(secret)),
    )
}

#[test]
fn sealed_frames_open_or_fail_as_their_vectors_say_in_both_implementations() {
    for vector in of_kind("record") {
        let name = &vector.name;
        let secret = vector.array("secret");
        let preceding: u64 = vector.number("preceding");
        let (mut sealer, mut opener) = ends(secret);
        for index in 0..preceding {
            let frame = sealer.seal(FrameType::KeepAlive, b"").unwrap();
            assert_eq!(independent::open(secret, index, &frame), Some(Vec::new()));
            let frame = independent::seal(secret, index, "KEEP", b"");
            assert!(opened_by_common(&mut opener, &frame).is_some());
        }
        let frames = vector.all("frame");
        let plaintexts = vector.all("plaintext");
        let failing = match vector.one("expect") {
            "opens" => 0,
            "altered" => 1,
            other => panic!("expect {other}"),
        };
        assert!(!frames.is_empty());
        assert_eq!(frames.len(), plaintexts.len() + failing, "{name}");
        for (at, index) in (0..frames.len()).zip(preceding..) {
            let frame = unhex(frames[at]);
            let plaintext = plaintexts.get(at).map(|hex| unhex(hex));
            assert_eq!(
                independent::open(secret, index, &frame),
                plaintext,
                "{name}"
            );
            let opened = opened_by_common(&mut opener, &frame);
            assert_eq!(opened.clone().map(|(_, bytes)| bytes), plaintext, "{name}");
            if let Some((frame_type, plaintext)) = opened {
                assert_eq!(
                    sealer.seal(frame_type, &plaintext).unwrap(),
                    frame,
                    "{name}"
                );
                let code = frame_type.to_string();
                assert_eq!(
                    independent::seal(secret, index, &code, &plaintext),
                    frame,
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn keys_follow_from_secrets_as_their_vectors_say_in_both_implementations() {
    for vector in of_kind("key schedule") {
        let secret = vector.array("secret");
        let stated = independent::Epoch {
            key: vector.array("key"),
            iv: vector.array("iv"),
            next: vector.array("next"),
        };
        assert_eq!(vector.one("expect"), "ok");
        assert_eq!(independent::Epoch::of(secret), stated, "{}", vector.name);
        let (mut sealer, _) = ends(secret);
        for seq in 0..FRAMES_PER_EPOCH {
            let frame = sealer.seal(FrameType::Chunk, b"x").unwrap();
            assert_eq!(frame, stated.seal(u64::from(seq), "RSFL", b"x"));
        }
        let frame = sealer.seal(FrameType::Chunk, b"x").unwrap();
        let next = independent::Epoch::of(stated.next);
        assert_eq!(frame, next.seal(0, "RSFL", b"x"));
    }
}

#[test]
fn the_exporter_context_is_what_its_vectors_say() {
    for vector in of_kind("exporter context") {
        assert_eq!(vector.one("expect"), "ok");
        let computed = independent::context(
            &vector.hex("requester_certificate"),
            &vector.hex("listener_certificate"),
            &vector.hex("requester_frames"),
            &vector.hex("listener_frames"),
        );
        assert_eq!(computed, vector.array("context"), "{}", vector.name);
    }
}

proptest! {
    #[test]
    fn what_one_implementation_seals_the_other_opens(
        secret: [u8; 32],
        frames in prop::collection::vec(
            (0..FrameType::ALL.len(), prop::collection::vec(any::<u8>(), 0..600)),
            1..6,
        ),
    ) {
        let (mut sealer, mut opener) = ends(secret);
        for ((kind, plaintext), index) in frames.into_iter().zip(0..) {
            let kind = FrameType::ALL[kind];
            let theirs = independent::seal(secret, index, &kind.to_string(), &plaintext);
            prop_assert_eq!(&sealer.seal(kind, &plaintext).unwrap(), &theirs);
            let opened = kind.is_sealed().then_some(plaintext);
            prop_assert_eq!(&independent::open(secret, index, &theirs), &opened);
            let by_common = opened_by_common(&mut opener, &theirs);
            prop_assert_eq!(by_common.map(|(_, bytes)| bytes), opened);
            if !kind.is_sealed() {
                return Ok(());
            }
        }
    }
}

fn decode_error(name: &str) -> DecodeError {
    match name {
        "malformed" => DecodeError::Malformed,
        "not deterministic" => DecodeError::NotDeterministic,
        "too deep" => DecodeError::TooDeep,
        "trailing" => DecodeError::Trailing,
        "field" => DecodeError::Field,
        other => panic!("expect {other}"),
    }
}

/// Reads a vector as one kind of message; `stated` builds the message from the vector's fields.
fn check_message<M>(vector: &Vector, stated: impl FnOnce() -> M)
where
    M: Message + std::fmt::Debug + PartialEq,
{
    let bytes = vector.hex("bytes");
    let decoded = M::decode(&bytes);
    if vector.one("expect") != "ok" {
        assert_eq!(
            decoded,
            Err(decode_error(vector.one("expect"))),
            "{}",
            vector.name
        );
        return;
    }
    let message = decoded.unwrap();
    assert_eq!(message, stated(), "{}", vector.name);
    let again = match vector.all("again")[..] {
        [] => bytes,
        _ => vector.hex("again"),
    };
    assert_eq!(message.encode(), again, "{}", vector.name);
}

fn digest_algorithm(vector: &Vector, key: &str) -> DigestAlgorithm {
    DigestAlgorithm::from_number(vector.number(key)).unwrap()
}

fn grant(vector: &Vector) -> Grant {
    Grant {
        version: vector.number("version"),
        role: vector.one("role").parse().unwrap(),
        crl_number: vector.number("crl_number"),
    }
}

fn request_file(vector: &Vector) -> RequestFile {
    RequestFile {
        path: vector.one("path").to_owned(),
        digest: vector.number("digest"),
    }
}

fn file_info(vector: &Vector) -> FileInfo {
    FileInfo {
        size: vector.number("size"),
        mtime_secs: vector.number("mtime_secs"),
        mtime_nanos: vector.number("mtime_nanos"),
        mode: vector.number("mode"),
        digest: digest_algorithm(vector, "digest"),
    }
}

fn file_end(vector: &Vector) -> FileEnd {
    let algorithm = digest_algorithm(vector, "algorithm");
    FileEnd {
        size: vector.number("size"),
        digest: Digest::new(algorithm, vector.array("digest")),
    }
}

fn acknowledge(vector: &Vector) -> Acknowledge {
    let outcome = match vector.one("outcome") {
        "0" => Outcome::Kept,
        "1" => Outcome::Dropped,
        other => panic!("outcome {other}"),
    };
    Acknowledge { outcome }
}

fn error(vector: &Vector) -> ErrorMessage {
    ErrorMessage {
        code: ErrorCode::from_number(vector.number("code")),
    }
}

#[test]
fn messages_decode_or_are_refused_as_their_vectors_say() {
    for vector in of_kind("message") {
        match vector.one("message") {
            "Grant" => check_message(&vector, || grant(&vector)),
            "RequestFile" => check_message(&vector, || request_file(&vector)),
            "FileInfo" => check_message(&vector, || file_info(&vector)),
            "FileEnd" => check_message(&vector, || file_end(&vector)),
            "Acknowledge" => check_message(&vector, || acknowledge(&vector)),
            "Error" => check_message(&vector, || error(&vector)),
            other => panic!("message {other}"),
        }
    }
}

#[test]
fn remote_paths_are_accepted_or_refused_as_their_vectors_say() {
    for vector in of_kind("path") {
        let path = vector.text("path");
        let refused = match path.parse::<RemotePath>() {
            Ok(accepted) => {
                assert_eq!(accepted.as_str(), path);
                "ok"
            }
            Err(NameError::Empty) => "empty",
            Err(NameError::Dots) => "dots",
            Err(NameError::TooLong { .. }) => "too long",
            Err(NameError::Control) => "control",
            Err(NameError::Separator) => "separator",
            Err(NameError::Reserved) => "reserved",
        };
        assert_eq!(refused, vector.one("expect"), "{}", vector.name);
    }
}

#[test]
fn labels_and_fingerprints_are_accepted_or_refused_as_their_vectors_say() {
    for kind in ["alias", "org label", "peer name", "fingerprint"] {
        for vector in of_kind(kind) {
            let text = vector.text("text");
            let accepted = match kind {
                "alias" => text.parse::<Alias>().is_ok(),
                "org label" => text.parse::<OrgLabel>().is_ok(),
                "peer name" => text.parse::<PeerName>().is_ok(),
                _ => text.parse::<Fingerprint>().is_ok(),
            };
            let expected = match vector.one("expect") {
                "ok" => true,
                "refused" => false,
                other => panic!("expect {other}"),
            };
            assert_eq!(accepted, expected, "{}", vector.name);
        }
    }
}

/// The values of that name in the document's worked example.
fn example(name: &str) -> Vec<&'static str> {
    let (_, section) = DOCUMENT.split_once("### Worked example").unwrap();
    let block = section.split("```").nth(1).unwrap();
    let values = block.lines().filter_map(|line| line.strip_prefix(name));
    values.map(str::trim).collect()
}

#[test]
fn the_worked_example_of_the_document_is_a_vector() {
    let keys = of_kind("key schedule");
    let keys = keys.iter().find(|v| v.name == "key_schedule").unwrap();
    for (shown, key) in [
        ("secret_0", "secret"),
        ("key_0", "key"),
        ("iv_0", "iv"),
        ("secret_1", "next"),
    ] {
        assert_eq!(example(shown), keys.all(key));
    }
    let frames = of_kind("record");
    let frames = frames
        .iter()
        .find(|v| v.name == "sealed_request_and_goodbye")
        .unwrap();
    let shown: Vec<String> = example("header")
        .iter()
        .zip(example("payload"))
        .map(|(header, payload)| format!("{header}{payload}"))
        .collect();
    assert_eq!(shown, frames.all("frame"));
    assert_eq!(example("plaintext"), frames.all("plaintext"));
    let iv = u128::from_str_radix(example("iv_0")[0], 16).unwrap();
    let nonces: Vec<String> = (0..2).map(|seq| format!("{:024x}", iv ^ seq)).collect();
    assert_eq!(example("nonce"), nonces);
}
