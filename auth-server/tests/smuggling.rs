//! Requests whose end is a matter of opinion (RFC 9112, 6 and 11.2): refused, or read in the one
//! way that leaves nothing over for a second request in disguise.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{Read, Write};

use support::*;

/// A request in disguise: what a proxy would take for the body of the one before it.
const HIDDEN: &str = "GET /root.crt HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

/// The statuses of everything that is answered on one connection, until the server closes it.
fn answers(server: &Server, bytes: &[u8]) -> Vec<String> {
    let mut stream = server.connect();
    let _ = stream.write_all(bytes).and_then(|()| stream.flush());
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    let said = String::from_utf8_lossy(&said);
    said.split("HTTP/1.1 ")
        .skip(1)
        .map(|answer| answer[..3].to_owned())
        .collect()
}

#[test]
fn a_request_with_two_ends_hides_no_second_one() {
    let org = Org::new();
    let server = org.start();
    let length = HIDDEN.len();
    let shapes = [
        // Length and chunks at once.
        format!("content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"),
        format!("transfer-encoding: chunked\r\ncontent-length: {length}\r\n\r\n0\r\n\r\n{HIDDEN}"),
        // Two lengths.
        format!("content-length: 0\r\ncontent-length: {length}\r\n\r\n{HIDDEN}"),
        format!("content-length: 0, {length}\r\n\r\n{HIDDEN}"),
        // Lengths that are none.
        format!("content-length: +{length}\r\n\r\n{HIDDEN}"),
        format!("content-length: -1\r\n\r\n{HIDDEN}"),
        format!("content-length: 0x0\r\n\r\n{HIDDEN}"),
        format!("content-length: 99999999999999999999\r\n\r\n{HIDDEN}"),
        // Encodings that are none, or not the last.
        format!("transfer-encoding: xchunked\r\n\r\n0\r\n\r\n{HIDDEN}"),
        format!("transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n{HIDDEN}"),
        format!("transfer-encoding: identity\r\ncontent-length: 0\r\n\r\n{HIDDEN}"),
        format!("transfer-encoding : chunked\r\n\r\n0\r\n\r\n{HIDDEN}"),
        format!("transfer-encoding:\u{b}chunked\r\n\r\n0\r\n\r\n{HIDDEN}"),
        // Headers folded over two lines, a bare carriage return, and a byte of nothing.
        format!("x: y\r\n content-length: {length}\r\n\r\n{HIDDEN}"),
        format!("x: y\rcontent-length: {length}\r\n\r\n{HIDDEN}"),
        format!("x: y\0\r\n\r\n{HIDDEN}"),
        // Chunks whose size is none, or larger than anything.
        format!("transfer-encoding: chunked\r\n\r\n0x0\r\n\r\n{HIDDEN}"),
        format!("transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n{HIDDEN}"),
        format!("transfer-encoding: chunked\r\n\r\n-1\r\n\r\n{HIDDEN}"),
    ];
    // At once, because a server that waits for more closes after ten seconds.
    std::thread::scope(|scope| {
        for shape in shapes {
            let server = &server;
            scope.spawn(move || {
                let request = format!(
                    "POST /verify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{shape}"
                );
                let said = answers(server, request.as_bytes());
                // A second answer would be one to the hidden request.
                assert!(
                    matches!(said[..], [ref one] if ["400", "413", "501"].contains(&one.as_str())),
                    "{shape:?} {said:?}"
                );
            });
        }
    });
    assert_eq!(server.get("/root.crt", "").status, 200);
}

#[test]
fn requests_one_after_another_are_answered_one_after_another() {
    let org = Org::new();
    let server = org.start();
    let kept = HIDDEN.replace("connection: close\r\n", "");
    let said = answers(&server, format!("{kept}{kept}{HIDDEN}").as_bytes());
    assert_eq!(said, ["200", "200", "200"]);
}

#[test]
fn what_is_no_request_is_refused() {
    let org = Org::new();
    let server = org.start();
    for request in [
        "GET /root.crt\r\n\r\n".to_owned(),
        "GET /root.crt HTTP/9.9\r\nhost: x\r\n\r\n".to_owned(),
        "GET  /root.crt HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(70_000)),
        "\u{16}\u{3}\u{1}\r\n\r\n".to_owned(),
    ] {
        let said = answers(&server, request.as_bytes());
        let first = said.first().map(String::as_str);
        assert!(
            matches!(first, None | Some("400" | "414" | "431" | "505")),
            "{request:.60?} {said:?}"
        );
    }
    assert_eq!(server.get("/root.crt", "").status, 200);
}

#[test]
fn a_body_that_drips_or_never_comes_holds_nobody_up() {
    let org = Org::with_user("alice");
    let server = org.start();
    let mut waiting: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = server.connect();
            stream
                .write_all(
                    b"POST /verify HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                      content-length: 60000\r\n\r\n{",
                )
                .unwrap();
            stream
        })
        .collect();
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    let mut said = [0; 12];
    waiting[0].read_exact(&mut said).unwrap();
    assert_eq!(&said, b"HTTP/1.1 408");
}
