//! Writes the seeds of every target into `fuzz/corpus`, from the test vectors and from a handshake
//! recorded on the spot: `cargo run --example seeds` in `fuzz`.

use std::fs;
use std::io;
use std::path::Path;

use common::testing::{Leaf, NOW, Pair, TestOrg};

fn main() -> io::Result<()> {
    from_vectors()?;
    from_organisation()
}

fn seed(target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let directory = root().join("corpus").join(target);
    fs::create_dir_all(&directory)?;
    fs::write(directory.join(name), bytes)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn from_vectors() -> io::Result<()> {
    for file in fs::read_dir(root().join("../common/tests/vectors"))? {
        let path = file?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let vector = Vector(fs::read_to_string(&path)?);
        let frames = vector.hex("frame");
        match vector.first("kind") {
            "header" => {
                for setting in [0x07, 0xff] {
                    let bytes = [&[setting], vector.hex("header").as_slice()].concat();
                    seed("frame_decoder", &format!("{name}_{setting}"), &bytes)?;
                }
            }
            "record" => {
                seed("record_opener", &name, &frames)?;
                seed(
                    "frame_decoder",
                    &name,
                    &[&[0xff], frames.as_slice()].concat(),
                )?;
            }
            "message" => message_seeds(&name, vector.first("message"), &vector.hex("bytes"))?,
            "path" => seed("remote_path", &name, &vector.hex("path"))?,
            "alias" | "org label" | "peer name" | "fingerprint" => {
                seed("labels", &name, &vector.hex("text"))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// A message for its decoder, and in its frame for the session.
fn message_seeds(name: &str, message: &str, bytes: &[u8]) -> io::Result<()> {
    let kinds = [
        "Grant",
        "RequestFile",
        "FileInfo",
        "FileEnd",
        "Acknowledge",
        "Error",
    ];
    let codes = ["RSCV", "RQFL", "FLIN", "EOFL", "ACKF", "ERRO"];
    for (kind, (stated, code)) in (0..).zip(kinds.into_iter().zip(codes)) {
        if stated == message {
            seed("messages", name, &[&[kind], bytes].concat())?;
            seed("requester_session", name, &frame(code, bytes))?;
        }
    }
    Ok(())
}

fn frame(code: &str, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
    [code.as_bytes(), &length, payload].concat()
}

fn from_organisation() -> io::Result<()> {
    let org = TestOrg::new("acme");
    let outcome = Pair::new(&org).connect();
    seed("listener_handshake", "recorded", &outcome.from_requester)?;
    seed("requester_handshake", "recorded", &outcome.from_listener)?;
    seed(
        "listener_handshake",
        "refusal",
        &frame("RSCI", &[21, 3, 3, 0, 2, 2, 40]),
    )?;
    seed("requester_handshake", "refusal", &frame("RSCI", &[1]))?;
    let certificate = org.issue(&Leaf::of("alice", "acme")).leaf;
    seed("peer_certificate", "member", &certificate)?;
    seed("org_root", "root", org.root().certificate())?;
    let list = org.crl_der(7, &[1, 300], NOW - 60, NOW + 60);
    seed("crl_intake", "two_revoked", &list)?;
    let answer = [
        frame(
            "FLIN",
            b"\xa5\x00\x03\x01\x00\x02\x00\x03\x19\x01\xa4\x04\x00",
        ),
        frame("RSFL", b"abc"),
        frame(
            "EOFL",
            &[
                b"\xa3\x00\x03\x01\x00\x02\x58\x20".as_slice(),
                &BLAKE3_OF_ABC,
            ]
            .concat(),
        ),
        frame("ERRO", b"\xa1\x00\x01"),
        frame("GBYE", b""),
    ];
    seed("requester_session", "whole_answer", &answer.concat())
}

const BLAKE3_OF_ABC: [u8; 32] = [
    0x64, 0x37, 0xb3, 0xac, 0x38, 0x46, 0x51, 0x33, 0xff, 0xb6, 0x3b, 0x75, 0x27, 0x3a, 0x8d, 0xb5,
    0x48, 0xc5, 0x58, 0x46, 0x5d, 0x79, 0xdb, 0x03, 0xfd, 0x35, 0x9c, 0x6c, 0xd5, 0xbd, 0x9d, 0x85,
];

/// `key: value` lines.
struct Vector(String);

impl Vector {
    fn values(&self, key: &str) -> impl Iterator<Item = &str> {
        let fields = self.0.lines().filter_map(|line| line.split_once(':'));
        fields
            .filter(move |(found, _)| *found == key)
            .map(|(_, value)| value.trim())
    }

    fn first(&self, key: &str) -> &str {
        self.values(key).next().unwrap_or_default()
    }

    /// Every value of that key, joined.
    fn hex(&self, key: &str) -> Vec<u8> {
        let digits: Vec<u8> = self
            .values(key)
            .flat_map(str::chars)
            .filter_map(|digit| digit.to_digit(16)?.try_into().ok())
            .collect();
        digits
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    }
}
