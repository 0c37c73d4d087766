use crate::independent::{Epoch, context, open, seal};
use crate::vector::{Vector, vector};

/// The secret of every record vector: 00 01 02 ... 1f.
fn secret() -> [u8; 32] {
    std::array::from_fn(|at| u8::try_from(at).unwrap())
}

pub(crate) fn headers() -> Vec<Vector> {
    let header = |name, expect, phase: &str, code: &str, length: u32, comment: &str| {
        let bytes = [code.as_bytes(), &length.to_be_bytes()].concat();
        let made = vector(name, "header", expect, comment)
            .with("phase", phase)
            .hex("header", &bytes);
        match expect {
            "ok" => made.with("type", code).with("length", length),
            _ => made,
        }
    };
    let before = "handshake";
    let after = "established";
    vec![
        header(
            "header_ok",
            "ok",
            before,
            "SECE",
            517,
            "a ClientHello's header",
        ),
        header(
            "header_empty_payload",
            "ok",
            before,
            "SECE",
            0,
            "no payload at all",
        ),
        header(
            "header_handshake_limit",
            "ok",
            before,
            "SECE",
            16384,
            "exactly the limit",
        ),
        header(
            "header_handshake_over_limit",
            "too long",
            before,
            "SECE",
            16385,
            "one byte over",
        ),
        header(
            "header_chunk_before_established",
            "too long",
            before,
            "RSFL",
            16385,
            "a stranger gets no chunk limit",
        ),
        header(
            "header_chunk_limit",
            "ok",
            after,
            "RSFL",
            1_048_608,
            "1 MiB and the longest tag",
        ),
        header(
            "header_chunk_over_limit",
            "too long",
            after,
            "RSFL",
            1_048_609,
            "one byte over",
        ),
        header(
            "header_control_limit",
            "ok",
            after,
            "RQFL",
            65536,
            "exactly the limit",
        ),
        header(
            "header_control_over_limit",
            "too long",
            after,
            "RQFL",
            65537,
            "one byte over",
        ),
        header(
            "header_length_over_limit",
            "too long",
            after,
            "RSFL",
            u32::MAX,
            "all ones must not wrap or allocate",
        ),
        header(
            "header_length_sign_bit",
            "too long",
            before,
            "SECE",
            0x8000_0000,
            "not negative either",
        ),
        header(
            "header_length_little_endian",
            "too long",
            after,
            "RQFL",
            0x1000_0000,
            "16, in the wrong byte order",
        ),
        header(
            "header_unknown_type",
            "unknown type",
            before,
            "HTTP",
            1,
            "another protocol",
        ),
        header(
            "header_lower_case_type",
            "unknown type",
            before,
            "sece",
            1,
            "types are upper case",
        ),
        header(
            "header_zero_type",
            "unknown type",
            after,
            "\0\0\0\0",
            0,
            "eight zero bytes",
        ),
    ]
}

fn record(name: &'static str, expect: &str, preceding: u64, comment: &str) -> Vector {
    vector(name, "record", expect, comment)
        .hex("secret", &secret())
        .with("preceding", preceding)
}

/// Frames that open, each with the type and the plaintext.
fn opening(name: &'static str, preceding: u64, comment: &str, frames: &[(&str, &[u8])]) -> Vector {
    let mut made = record(name, "opens", preceding, comment);
    for ((frame_type, plaintext), index) in frames.iter().zip(preceding..) {
        let frame = seal(secret(), index, frame_type, plaintext);
        assert_eq!(open(secret(), index, &frame).as_deref(), Some(*plaintext));
        made = made.hex("frame", &frame).hex("plaintext", plaintext);
    }
    made
}

/// Frames of which only the last does not open.
fn failing(name: &'static str, preceding: u64, comment: &str, frames: &[&[u8]]) -> Vector {
    let mut made = record(name, "altered", preceding, comment);
    for (frame, index) in frames.iter().zip(preceding..) {
        made = made.hex("frame", frame);
        let opened = open(secret(), index, frame);
        let is_last = index + 1 == preceding + u64::try_from(frames.len()).unwrap();
        assert_eq!(opened.is_none(), is_last, "{name}");
        if let Some(plaintext) = opened {
            made = made.hex("plaintext", &plaintext);
        }
    }
    made
}

pub(crate) fn records_that_open() -> Vec<Vector> {
    let long: Vec<u8> = (0..=255).cycle().take(1000).collect();
    let request = b"\xa2\x00\x66docs/a\x01\x00";
    vec![
        opening(
            "sealed_first_frame",
            0,
            "the worked example of the document",
            &[("RQFL", request)],
        ),
        opening(
            "sealed_request_and_goodbye",
            0,
            "the worked example, both frames",
            &[("RQFL", request), ("GBYE", b"")],
        ),
        opening(
            "sealed_empty",
            0,
            "a tag and nothing else",
            &[("KEEP", b"")],
        ),
        opening(
            "sealed_long_chunk",
            5,
            "many blocks of the cipher",
            &[("RSFL", &long)],
        ),
        opening(
            "sealed_every_type",
            0,
            "the type is in the additional data",
            &[
                ("RSCV", b"1"),
                ("RQFL", b"2"),
                ("FLIN", b"3"),
                ("RSFL", b"4"),
                ("EOFL", b"5"),
                ("ACKF", b"6"),
                ("ERRO", b"7"),
                ("KEEP", b"8"),
                ("GBYE", b"9"),
            ],
        ),
        opening(
            "sealed_epoch_boundary",
            1023,
            "frames 1023 and 1024: the last of epoch 0, the first of epoch 1",
            &[("RSFL", b"last"), ("RSFL", b"first")],
        ),
        opening(
            "sealed_second_epoch_boundary",
            2047,
            "frames 2047 and 2048",
            &[("RSFL", b"last"), ("RSFL", b"first")],
        ),
    ]
}

pub(crate) fn altered_bytes() -> Vec<Vector> {
    let chunk = seal(secret(), 0, "RSFL", b"attack at dawn");
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut frame = chunk.clone();
        change(&mut frame);
        frame
    };
    let resized = |payload: usize| {
        changed(&|frame| {
            frame.resize(8 + payload, 0);
            frame[7] = u8::try_from(payload).unwrap();
        })
    };
    let case = |name, comment, frame: Vec<u8>| failing(name, 0, comment, &[&frame]);
    vec![
        case(
            "chunk_ciphertext_flipped",
            "one bit of the first byte",
            changed(&|f| f[8] ^= 1),
        ),
        case(
            "chunk_tag_flipped",
            "one bit of the last byte",
            changed(&|f| f[37] ^= 0x80),
        ),
        case(
            "chunk_tag_zeroed",
            "sixteen zero bytes for a tag",
            changed(&|f| f[22..].fill(0)),
        ),
        case(
            "chunk_truncated",
            "one byte less, and the header says so",
            resized(29),
        ),
        case(
            "chunk_extended",
            "one byte more, and the header says so",
            resized(31),
        ),
        case("chunk_without_tag", "the ciphertext alone", resized(14)),
        case(
            "chunk_shorter_than_tag",
            "fifteen bytes of payload",
            resized(15),
        ),
        case("chunk_empty_payload", "no payload at all", resized(0)),
        case(
            "header_type_changed",
            "a chunk made an end of file",
            changed(&|f| f[..4].copy_from_slice(b"EOFL")),
        ),
        case(
            "header_type_changed_to_plain",
            "a chunk made a refusal",
            changed(&|f| f[..4].copy_from_slice(b"RSCI")),
        ),
        case(
            "sealed_as_handshake",
            "sealed with the right key, but a type that is never sealed",
            seal(secret(), 0, "SECE", b"x"),
        ),
    ]
}

pub(crate) fn altered_order() -> Vec<Vector> {
    let at = |index| seal(secret(), index, "RSFL", b"chunk");
    let first_epoch = Epoch::of(secret());
    let second_epoch = Epoch::of(first_epoch.next);
    let reflected = Epoch::of([0xff; 32]).seal(0, "RSFL", b"chunk");
    vec![
        failing(
            "chunk_replayed",
            0,
            "the same frame twice",
            &[&at(0), &at(0)],
        ),
        failing("chunk_reordered", 0, "the second frame first", &[&at(1)]),
        failing(
            "chunk_left_out",
            0,
            "the second of three is missing",
            &[&at(0), &at(2)],
        ),
        failing(
            "chunk_of_the_other_direction",
            0,
            "sealed under another secret",
            &[&reflected],
        ),
        failing(
            "chunk_of_an_earlier_epoch",
            1024,
            "frame 0 again, as the first of epoch 1",
            &[&at(0)],
        ),
        failing(
            "epoch_not_advanced",
            1024,
            "seq 1024 under the key of epoch 0",
            &[&first_epoch.seal(1024, "RSFL", b"chunk")],
        ),
        failing(
            "epoch_advanced_early",
            1023,
            "seq 0 of epoch 1 in the place of seq 1023",
            &[&second_epoch.seal(0, "RSFL", b"chunk")],
        ),
        failing(
            "epoch_keeps_counting",
            1024,
            "the key of epoch 1, but seq 1024",
            &[&second_epoch.seal(1024, "RSFL", b"chunk")],
        ),
    ]
}

pub(crate) fn key_schedules() -> Vec<Vector> {
    let schedule = |name, secret: [u8; 32], comment| {
        let epoch = Epoch::of(secret);
        vector(name, "key schedule", "ok", comment)
            .hex("secret", &secret)
            .hex("key", &epoch.key)
            .hex("iv", &epoch.iv)
            .hex("next", &epoch.next)
    };
    vec![
        schedule(
            "key_schedule",
            secret(),
            "the worked example of the document",
        ),
        schedule("key_schedule_zero", [0; 32], "a secret of zeros"),
        schedule(
            "key_schedule_second_epoch",
            Epoch::of(secret()).next,
            "the worked example, one epoch later",
        ),
    ]
}

pub(crate) fn contexts() -> Vec<Vector> {
    let made = |name, comment, parts: [&[u8]; 4]| {
        vector(name, "exporter context", "ok", comment)
            .hex("requester_certificate", parts[0])
            .hex("listener_certificate", parts[1])
            .hex("requester_frames", parts[2])
            .hex("listener_frames", parts[3])
            .hex("context", &context(parts[0], parts[1], parts[2], parts[3]))
    };
    let hello = b"SECE\0\0\0\x05hello";
    let cut = b"SECE\0\0\0\x02heSECE\0\0\0\x03llo";
    let flight = b"SECE\0\0\0\x06flight";
    vec![
        made(
            "exporter_context",
            "certificates are taken as bytes, frames with their headers",
            [b"alice", b"bob", hello, flight],
        ),
        made(
            "exporter_context_other_cut",
            "the same flight in two frames is another context",
            [b"alice", b"bob", cut, flight],
        ),
        made(
            "exporter_context_swapped",
            "who is the requester matters",
            [b"bob", b"alice", flight, hello],
        ),
    ]
}
