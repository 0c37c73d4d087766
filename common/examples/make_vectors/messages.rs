use crate::vector::{Vector, vector};

/// The fewest bytes for a CBOR head (RFC 8949, 3).
fn head(major: u8, value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let (info, tail) = match value {
        0..=23 => (bytes[7], &[] as &[u8]),
        24..=0xff => (24, &bytes[7..]),
        0x100..=0xffff => (25, &bytes[6..]),
        0x1_0000..=0xffff_ffff => (26, &bytes[4..]),
        _ => (27, &bytes[..]),
    };
    [&[major << 5 | info], tail].concat()
}

fn uint(value: u64) -> Vec<u8> {
    head(0, value)
}

fn negative(below_minus_one: u64) -> Vec<u8> {
    head(1, below_minus_one)
}

fn text(value: &str) -> Vec<u8> {
    [head(3, u64::try_from(value.len()).unwrap()), value.into()].concat()
}

fn bytes(value: &[u8]) -> Vec<u8> {
    [head(2, u64::try_from(value.len()).unwrap()), value.into()].concat()
}

/// A map of fields in the order given.
fn map(fields: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut out = head(5, u64::try_from(fields.len()).unwrap());
    for (key, value) in fields {
        out.extend(uint(*key));
        out.extend(value);
    }
    out
}

fn message(name: &'static str, message: &str, expect: &str, comment: &str, bytes: &[u8]) -> Vector {
    vector(name, "message", expect, comment)
        .with("message", message)
        .hex("bytes", bytes)
}

fn info(size: u64, secs: Vec<u8>, nanos: u64, mode: u64, digest: u64) -> Vec<u8> {
    map(&[
        (0, uint(size)),
        (1, secs),
        (2, uint(nanos)),
        (3, uint(mode)),
        (4, uint(digest)),
    ])
}

fn end(size: u64, algorithm: u64, digest: &[u8]) -> Vec<u8> {
    map(&[(0, uint(size)), (1, uint(algorithm)), (2, bytes(digest))])
}

fn grant(version: u64, role: &str, crl_number: u64) -> Vec<u8> {
    map(&[(0, uint(version)), (1, text(role)), (2, uint(crl_number))])
}

fn request(path: &str, digest: u64) -> Vec<u8> {
    map(&[(0, text(path)), (1, uint(digest))])
}

pub(crate) fn messages_that_decode() -> Vec<Vector> {
    let ok = |name, kind, comment, bytes: Vec<u8>| message(name, kind, "ok", comment, &bytes);
    let longest = "a".repeat(4096);
    vec![
        ok(
            "grant",
            "Grant",
            "an ordinary verdict",
            grant(1, "member", 7),
        )
        .with("version", 1)
        .with("role", "member")
        .with("crl_number", 7),
        ok(
            "grant_other_version",
            "Grant",
            "can be read, so that the reason can be told",
            grant(2, "admin", u64::MAX),
        )
        .with("version", 2)
        .with("role", "admin")
        .with("crl_number", u64::MAX),
        ok(
            "request_file",
            "RequestFile",
            "the worked example of the document",
            request("docs/a", 0),
        )
        .with("path", "docs/a")
        .with("digest", 0),
        ok(
            "request_file_unknown_digest",
            "RequestFile",
            "answered with error 10",
            request("\u{6771}\u{4eac}", 255),
        )
        .with("path", "\u{6771}\u{4eac}")
        .with("digest", 255),
        ok(
            "request_file_refused_name",
            "RequestFile",
            "a name is refused by its meaning, later",
            request("../x", 1),
        )
        .with("path", "../x")
        .with("digest", 1),
        ok(
            "request_file_longest_path",
            "RequestFile",
            "4096 bytes",
            request(&longest, 0),
        )
        .with("path", &longest)
        .with("digest", 0),
        ok(
            "request_file_unknown_field",
            "RequestFile",
            "a later version's field is ignored",
            map(&[
                (0, text("a")),
                (1, uint(0)),
                (99, map(&[(0, vec![0x82, 0xf6, 0x20])])),
            ]),
        )
        .with("path", "a")
        .with("digest", 0)
        .hex("again", &request("a", 0)),
        ok(
            "request_file_deepest_unknown_field",
            "RequestFile",
            "depth 4",
            map(&[
                (0, text("a")),
                (1, uint(0)),
                (2, vec![0x81, 0x81, 0x81, 0xf5]),
            ]),
        )
        .with("path", "a")
        .with("digest", 0)
        .hex("again", &request("a", 0)),
        ok(
            "file_info",
            "FileInfo",
            "one nanosecond before 1970",
            info(5, negative(0), 999_999_999, 0o755, 0),
        )
        .with("size", 5)
        .with("mtime_secs", -1)
        .with("mtime_nanos", 999_999_999)
        .with("mode", 0o755)
        .with("digest", 0),
        ok(
            "file_info_extremes",
            "FileInfo",
            "the largest file, the earliest time",
            info(
                i64::MAX.unsigned_abs(),
                negative(i64::MAX.unsigned_abs()),
                0,
                0o777,
                1,
            ),
        )
        .with("size", i64::MAX)
        .with("mtime_secs", i64::MIN)
        .with("mtime_nanos", 0)
        .with("mode", 0o777)
        .with("digest", 1),
        ok(
            "file_end",
            "FileEnd",
            "SHA-256 of nothing is not this",
            end(5, 1, &[7; 32]),
        )
        .with("size", 5)
        .with("algorithm", 1)
        .hex("digest", &[7; 32]),
        ok(
            "acknowledge_kept",
            "Acknowledge",
            "verified and durable",
            map(&[(0, uint(0))]),
        )
        .with("outcome", 0),
        ok(
            "acknowledge_dropped",
            "Acknowledge",
            "not kept",
            map(&[(0, uint(1))]),
        )
        .with("outcome", 1),
        ok(
            "error",
            "Error",
            "not allowed for this role",
            map(&[(0, uint(4))]),
        )
        .with("code", 4),
        ok(
            "error_unknown_code",
            "Error",
            "stays a number",
            map(&[(0, uint(65535))]),
        )
        .with("code", 65535),
    ]
}

pub(crate) fn fields_out_of_range() -> Vec<Vector> {
    let bad = |name, kind, comment, bytes: Vec<u8>| message(name, kind, "field", comment, &bytes);
    vec![
        bad(
            "grant_role_no_label",
            "Grant",
            "roles are labels",
            grant(1, "Member", 7),
        ),
        bad(
            "grant_version_over_32_bits",
            "Grant",
            "2^32",
            grant(1 << 32, "member", 7),
        ),
        bad(
            "grant_without_role",
            "Grant",
            "a field is missing",
            map(&[(0, uint(1)), (2, uint(7))]),
        ),
        bad(
            "request_file_path_over_limit",
            "RequestFile",
            "4097 bytes",
            request(&"a".repeat(4097), 0),
        ),
        bad(
            "request_file_path_as_bytes",
            "RequestFile",
            "not text",
            map(&[(0, bytes(b"a")), (1, uint(0))]),
        ),
        bad(
            "request_file_digest_over_8_bits",
            "RequestFile",
            "256",
            request("a", 256),
        ),
        bad(
            "request_file_null_path",
            "RequestFile",
            "null is no text",
            map(&[(0, vec![0xf6]), (1, uint(0))]),
        ),
        bad(
            "file_info_size_over_limit",
            "FileInfo",
            "2^63",
            info(1 << 63, uint(0), 0, 0, 0),
        ),
        bad(
            "file_info_size_negative",
            "FileInfo",
            "-1",
            map(&[
                (0, negative(0)),
                (1, uint(0)),
                (2, uint(0)),
                (3, uint(0)),
                (4, uint(0)),
            ]),
        ),
        bad(
            "file_info_mtime_over_limit",
            "FileInfo",
            "2^63 seconds",
            info(0, uint(1 << 63), 0, 0, 0),
        ),
        bad(
            "file_info_nanos_over_limit",
            "FileInfo",
            "a whole second",
            info(0, uint(0), 1_000_000_000, 0, 0),
        ),
        bad(
            "file_info_setuid",
            "FileInfo",
            "octal 4755",
            info(0, uint(0), 0, 0o4755, 0),
        ),
        bad(
            "file_info_unknown_digest",
            "FileInfo",
            "2",
            info(0, uint(0), 0, 0, 2),
        ),
        bad(
            "file_end_digest_short",
            "FileEnd",
            "31 bytes",
            end(0, 0, &[0; 31]),
        ),
        bad(
            "file_end_digest_long",
            "FileEnd",
            "33 bytes",
            end(0, 0, &[0; 33]),
        ),
        bad(
            "file_end_unknown_digest",
            "FileEnd",
            "2",
            end(0, 2, &[0; 32]),
        ),
        bad(
            "acknowledge_unknown_outcome",
            "Acknowledge",
            "2",
            map(&[(0, uint(2))]),
        ),
        bad(
            "acknowledge_empty_map",
            "Acknowledge",
            "a field is missing",
            map(&[]),
        ),
        bad(
            "error_code_over_16_bits",
            "Error",
            "65536",
            map(&[(0, uint(65536))]),
        ),
        bad(
            "message_is_array",
            "Acknowledge",
            "a list of fields instead of a map",
            vec![0x81, 0x00],
        ),
    ]
}

pub(crate) fn other_encodings() -> Vec<Vector> {
    let bad =
        |name, expect, comment, bytes: &[u8]| message(name, "RequestFile", expect, comment, bytes);
    let loose = "not deterministic";
    vec![
        bad("cbor_empty", "malformed", "no bytes", b""),
        bad(
            "cbor_cut",
            "malformed",
            "the last byte is missing",
            b"\xa2\x00\x61a\x01",
        ),
        bad(
            "cbor_trailing",
            "trailing",
            "one byte too many",
            b"\xa2\x00\x61a\x01\x00\x00",
        ),
        bad(
            "cbor_keys_descending",
            loose,
            "1 before 0",
            b"\xa2\x01\x00\x00\x61a",
        ),
        bad(
            "cbor_key_twice",
            loose,
            "0 and 0",
            b"\xa3\x00\x61a\x00\x61b\x01\x00",
        ),
        bad(
            "cbor_key_text",
            "malformed",
            "keys are unsigned integers",
            b"\xa2\x61p\x61a\x61d\x00",
        ),
        bad(
            "cbor_key_negative",
            "malformed",
            "keys are unsigned integers",
            b"\xa3\x00\x61a\x01\x00\x20\x00",
        ),
        bad(
            "cbor_long_integer",
            loose,
            "0 in two bytes",
            b"\xa2\x00\x61a\x01\x18\x00",
        ),
        bad(
            "cbor_long_key",
            loose,
            "key 1 in two bytes",
            b"\xa2\x00\x61a\x18\x01\x00",
        ),
        bad(
            "cbor_long_string_head",
            loose,
            "length 1 in two bytes",
            b"\xa2\x00\x78\x01a\x01\x00",
        ),
        bad(
            "cbor_long_map_head",
            loose,
            "2 fields in two bytes",
            b"\xb8\x02\x00\x61a\x01\x00",
        ),
        bad(
            "cbor_indefinite_map",
            loose,
            "lengths are stated",
            b"\xbf\x00\x61a\x01\x00\xff",
        ),
        bad(
            "cbor_indefinite_text",
            loose,
            "lengths are stated",
            b"\xa2\x00\x7f\x61a\xff\x01\x00",
        ),
        bad(
            "cbor_float",
            loose,
            "no floats, even in unknown fields",
            b"\xa3\x00\x61a\x01\x00\x02\xf9\x00\x00",
        ),
        bad("cbor_tag", loose, "no tags", b"\xa2\x00\xc0\x61a\x01\x00"),
        bad(
            "cbor_undefined",
            loose,
            "of the simple values only false, true, null",
            b"\xa3\x00\x61a\x01\x00\x02\xf7",
        ),
        bad(
            "cbor_invalid_utf8",
            "malformed",
            "text is UTF-8",
            b"\xa2\x00\x62\xc3\x28\x01\x00",
        ),
        bad(
            "cbor_invalid_utf8_unknown_field",
            "malformed",
            "unknown fields too",
            b"\xa3\x00\x61a\x01\x00\x02\x61\xff",
        ),
        bad(
            "cbor_huge_length",
            "malformed",
            "must not allocate",
            b"\xa2\x00\x7b\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
        bad(
            "cbor_huge_array",
            "malformed",
            "must not loop",
            b"\xa3\x00\x61a\x01\x00\x02\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
        bad(
            "cbor_too_deep",
            "too deep",
            "depth 5",
            b"\xa3\x00\x61a\x01\x00\x02\x81\x81\x81\x81\xf5",
        ),
        bad(
            "cbor_negative_below_64_bits",
            "malformed",
            "-2^63 - 1",
            b"\xa3\x00\x61a\x01\x00\x02\x3b\x80\x00\x00\x00\x00\x00\x00\x00",
        ),
    ]
}
