//! Ports where no peer listens, and strangers that are no peers.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use captures::counts::{Choices, count};
use captures::error::Result;
use captures::frames::Frame;
use captures::process::{Finished, PATIENCE, Running, free_port};
use captures::stage::Stage;

/// Alice asks a port where a stranger says something of its own, at once or when spoken to.
fn ask_stranger(stage: &Stage, words: &'static [u8], speaks_first: bool) -> Result<Finished> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let stranger = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        if !speaks_first {
            stream.read_exact(&mut [0; 8]).ok();
        }
        stream.write_all(words).ok();
        stream.shutdown(Shutdown::Write).ok();
        // Until the peer has gone, so that no reset takes back what was said.
        std::io::copy(&mut stream, &mut std::io::sink()).ok();
    });
    let got = stage
        .alice
        .get(&format!("{port}:files/file"), &stage.inbox("file"));
    // If alice never came, this lets the stranger go.
    TcpStream::connect(("127.0.0.1", port)).ok();
    stranger.join().unwrap();
    stage.check_absent("file")?;
    got
}

#[test]
fn a_port_where_nobody_listens_cannot_be_reached() -> Result<()> {
    let stage = Stage::set()?;
    let port = free_port()?;
    let got = stage
        .alice
        .get(&format!("{port}:files/file"), &stage.inbox("file"))?;
    got.refused(5, &[&port.to_string()])?;
    stage.check_absent("file")
}

#[test]
fn a_port_of_another_protocol_is_told_from_a_peer() -> Result<()> {
    let stage = Stage::set()?;
    let tls_alert = b"\x15\x03\x01\x00\x02\x02\x32".as_slice();
    for (what, words, speaks_first) in [
        (
            "HTTP",
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".as_slice(),
            false,
        ),
        ("TLS", tls_alert, false),
        (
            "SSH",
            b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".as_slice(),
            true,
        ),
        ("SMTP", b"220 mail.example ESMTP\r\n".as_slice(), true),
        ("a hang-up", b"".as_slice(), false),
        ("half a header", b"SECE\0".as_slice(), false),
        (
            "a frame of 4 GiB",
            b"SECE\xff\xff\xff\xff".as_slice(),
            false,
        ),
    ] {
        let got = ask_stranger(&stage, words, speaks_first)?;
        assert_eq!(got.code, Some(5), "{what}: {}", got.said());
        got.refused(5, &[])?;
    }
    Ok(())
}

#[test]
fn rubbish_inside_a_frame_is_taken_for_an_attack() -> Result<()> {
    let stage = Stage::set()?;
    let got = ask_stranger(&stage, b"SECE\0\0\0\x04abcd", false)?;
    got.refused(8, &["tls"]).map(drop)
}

#[test]
fn a_port_that_stays_silent_is_given_up() -> Result<()> {
    let stage = Stage::set()?;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let got = stage
        .alice
        .get(&format!("{port}:files/file"), &stage.inbox("file"))?;
    got.refused(5, &[])?;
    stage.check_absent("file")
}

#[test]
fn strangers_with_rubbish_do_not_disturb_a_listener() -> Result<()> {
    let mut stage = Stage::set()?;
    let mut choices = Choices::of("strangers");
    for _ in 0..count("strangers") {
        let mut stranger = TcpStream::connect(("127.0.0.1", stage.listener.port())).unwrap();
        let words: Vec<u8> = match choices.below(5) {
            0 => b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            1 => b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
            2 => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
            3 => Frame::new(*b"SECE", (0..choices.below(2000)).map(|_| 7).collect()).bytes(),
            _ => (0..choices.below(300)).map(|n| (n % 251) as u8).collect(),
        };
        // The listener may hang up in the middle of it.
        stranger.write_all(&words).ok();
    }
    stage.check_still_serving()
}

#[test]
fn idle_connections_do_not_block_the_others() -> Result<()> {
    // One idle connection blocked every other client in three of five ancestors.
    let mut stage = Stage::set()?;
    let idle: Vec<TcpStream> = (0..4)
        .map(|_| TcpStream::connect(("127.0.0.1", stage.listener.port())).unwrap())
        .collect();
    stage.check_still_serving()?;
    for mut stranger in idle {
        stranger
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        // The time before verification is limited: the listener hangs up by itself, perhaps with
        // a word of farewell.
        let ended = stranger.read_to_end(&mut Vec::new());
        assert!(
            !matches!(&ended, Err(e) if e.kind() == ErrorKind::WouldBlock),
            "{ended:?}"
        );
    }
    Ok(())
}

#[test]
fn a_port_in_use_is_said_to_be() -> Result<()> {
    let stage = Stage::set()?;
    let taken = stage.listener.port().to_string();
    let mut command = stage.alice.command(&[
        "serve",
        "--port",
        &taken,
        "--bind",
        "localhost",
        "--share",
        "f=/usr/share",
    ]);
    let ended = Running::start(&mut command)?.finish(PATIENCE)?;
    ended.refused(1, &[&taken, "in use"]).map(drop)
}
