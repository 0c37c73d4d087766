//! `docs/PROTOCOL.md` and the code say the same: no two truths.

use common::crypto::Suite;
use common::digest::DigestAlgorithm;
use common::frame::Phase;
use common::limits;
use common::wire::{ErrorCode, FrameType, NotReadyCode, Sender};

const DOCUMENT: &str = include_str!("../../docs/PROTOCOL.md");

type Row = Vec<&'static str>;

/// The cells of the table whose header row is exactly this, without code marks.
fn table(header: &str) -> Vec<Row> {
    let mut lines = DOCUMENT.lines().skip_while(|line| *line != header);
    assert!(lines.next().is_some(), "no table begins with {header}");
    let rows: Vec<Row> = lines
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line.trim_matches('|').split(" |");
            cells.map(|cell| cell.trim().trim_matches('`')).collect()
        })
        .collect();
    assert!(!rows.is_empty(), "the table {header} is empty");
    rows
}

#[test]
fn the_table_of_frame_types_is_the_code_s() {
    let documented: Vec<Row> =
        table("| type | sender | sealed | meaning | payload (plaintext, if sealed) |");
    let coded: Vec<[String; 4]> = FrameType::ALL
        .iter()
        .map(|kind| {
            let sender = match kind.sender() {
                Sender::Requester => "requester",
                Sender::Listener => "listener",
                Sender::Either => "either",
            };
            let sealed = if kind.is_sealed() { "yes" } else { "no" };
            [
                kind.to_string(),
                sender.into(),
                sealed.into(),
                kind.meaning().into(),
            ]
        })
        .collect();
    let documented: Vec<&[&str]> = documented.iter().map(|row| &row[..4]).collect();
    assert_eq!(documented, coded);
}

#[test]
fn the_table_of_error_codes_is_the_code_s() {
    let coded: Vec<[String; 2]> = ErrorCode::ALL
        .iter()
        .map(|code| [code.number().to_string(), code.to_string()])
        .collect();
    assert_eq!(table("| code | error |"), coded);
}

#[test]
fn the_table_of_not_ready_codes_is_the_code_s() {
    let coded: Vec<[String; 2]> = NotReadyCode::ALL
        .iter()
        .map(|code| [code.number().to_string(), code.to_string()])
        .collect();
    assert_eq!(table("| number | not ready, because |"), coded);
}

#[test]
fn the_table_of_suites_is_the_code_s() {
    let coded: Vec<[String; 2]> = Suite::ALL
        .iter()
        .map(|suite| {
            let alpn = String::from_utf8(suite.alpn().to_vec()).unwrap();
            [alpn, suite.name().to_owned()]
        })
        .collect();
    assert_eq!(table("| ALPN identifier | suite |"), coded);
}

#[test]
fn the_table_of_limits_is_the_code_s() {
    let coded = [
        ("header", limits::FRAME_HEADER_BYTES),
        ("handshake frame", limits::MAX_HANDSHAKE_FRAME_BYTES),
        ("handshake direction", limits::MAX_HANDSHAKE_DIRECTION_BYTES),
        (
            "chunk frame",
            Phase::Established.max_payload_bytes(FrameType::Chunk),
        ),
        ("chunk", limits::MAX_CHUNK_BYTES),
        (
            "control frame",
            Phase::Established.max_payload_bytes(FrameType::RequestFile),
        ),
        ("path", limits::MAX_PATH_BYTES),
        ("path component", limits::MAX_NAME_BYTES),
        ("certificate", limits::MAX_CERTIFICATE_BYTES),
        ("revocation list", limits::MAX_CRL_BYTES),
    ];
    let coded: Vec<[String; 2]> = coded
        .iter()
        .map(|(name, bytes)| [(*name).to_owned(), bytes.to_string()])
        .collect();
    let documented = table("| limit | bytes | holds for |");
    let documented: Vec<&[&str]> = documented.iter().map(|row| &row[..2]).collect();
    assert_eq!(documented, coded);
}

#[test]
fn the_numbers_in_the_text_are_the_code_s() {
    // The document breaks its lines where it likes.
    let text = DOCUMENT.split_whitespace().collect::<Vec<_>>().join(" ");
    for statement in [
        format!(
            "At most {} requests are unanswered",
            limits::MAX_PIPELINED_REQUESTS
        ),
        format!(
            "A handshake takes at most {} seconds",
            limits::HANDSHAKE_SECS
        ),
        format!("After exactly {} frames", limits::FRAMES_PER_EPOCH),
        format!("no item deeper than {}", limits::MAX_CBOR_DEPTH),
        format!(
            "Organisation: at most {} characters",
            limits::MAX_ORG_LABEL_CHARS
        ),
        format!("alias and role: at most {}.", limits::MAX_LABEL_CHARS),
        format!("| {} | BLAKE3", DigestAlgorithm::Blake3.number()),
        format!("| {} | SHA-256", DigestAlgorithm::Sha256.number()),
    ] {
        assert!(
            text.contains(&statement),
            "not in the document: {statement}"
        );
    }
}
