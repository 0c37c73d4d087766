//! Strangers at the port: slow, many, old-fashioned. Honest logins go on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use rustix::process::Signal;
use support::*;

#[test]
fn slow_clients_are_cut_off_while_honest_logins_go_on() {
    let org = Org::with_user("alice");
    let server = org.start();
    let mut silent = TcpStream::connect(server.address).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut slow = server.connect();
    slow.write_all(b"POST /verify HTTP/1.1\r\nhost").unwrap();
    slow.flush().unwrap();
    assert_eq!(server.login("alice", PASSWORD).status, 200);
    // Both are closed by the server: a read that times out would be an error.
    let mut rest = Vec::new();
    slow.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
    let cut = slow.read_to_end(&mut rest);
    assert!(!matches!(cut, Err(error) if error.kind() == ErrorKind::WouldBlock));
    assert_eq!(silent.read(&mut [0; 16]).unwrap(), 0);
    assert_eq!(server.login("alice", PASSWORD).status, 200);
}

#[test]
fn only_tls_1_3_is_spoken_and_the_hybrid_key_exchange_comes_first() {
    let org = Org::new();
    let server = org.start();
    let address = server.address.to_string();
    let old = Command::new("openssl")
        .args(["s_client", "-connect", &address, "-tls1_2"])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("openssl; install the Debian package openssl");
    assert!(!old.status.success());
    let mut stream = server.connect();
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock).unwrap();
    }
    let group = stream.conn.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), rustls::NamedGroup::X25519MLKEM768);
}

#[test]
fn a_request_with_too_many_headers_is_refused() {
    let org = Org::new();
    let server = org.start();
    let many = "a: b\r\n".repeat(65);
    assert_eq!(server.get("/healthz", &many).status, 431);
    let long = format!("a: {}\r\n", "b".repeat(20_000));
    assert_eq!(server.get("/healthz", &long).status, 431);
}

#[test]
fn a_request_names_one_host() {
    let org = Org::new();
    let server = org.start();
    for (version, hosts, status) in [
        ("1.1", "", 400),
        ("1.1", "host: a\r\nhost: b\r\n", 400),
        ("1.1", "host: a\r\n", 200),
        ("1.1", "host:\r\n", 200),
        ("1.0", "", 200),
    ] {
        let request = format!("GET /healthz HTTP/{version}\r\nconnection: close\r\n{hosts}\r\n");
        let answer = server.send(request.as_bytes());
        assert_eq!(answer.status, status, "{version} {hosts:?}");
    }
}

#[test]
fn a_port_in_use_is_said_so() {
    let org = Org::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = org.command(&["run", "--listen", &address]);
    failed(&output, 1, "cannot listen on");
    assert!(said(&output).contains("stop the program that uses the port"));
}

#[test]
fn signals_end_the_server_with_their_exit_codes() {
    let org = Org::new();
    assert_eq!(org.start().stop(Signal::INT), Some(130));
    assert_eq!(org.start().stop(Signal::TERM), Some(143));
}

#[test]
fn one_folder_has_one_server() {
    let org = Org::new();
    let _first = org.start();
    let second = org.command(&["run", "--listen", "127.0.0.1:0"]);
    failed(&second, 10, "another auth-server runs on");
}
