//! Who captures a transfer learns neither contents, nor names, nor persons.

use captures::capture::{Capture, tshark};
use captures::error::{Error, Result};
use captures::stage::Stage;

const MARKER: &[u8] = b"the-merger-will-be-announced-on-tuesday";

/// Long enough not to turn up in sealed bytes by chance.
const ASKING: &str = "alice-of-accounts";
const SHARING: &str = "bob-of-purchases";

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[test]
fn a_capture_of_a_transfer_shows_neither_marker_nor_alias_nor_name() -> Result<()> {
    let stage = Stage::set_for(ASKING, SHARING)?;
    stage.offer("strategy-paper.txt", &MARKER.repeat(20_000))?;
    let capture = Capture::start(stage.listener.port())?;
    stage.get_identical("strategy-paper.txt")?;
    let captured = capture.stop()?;
    let streams = captured.streams()?;
    let file = std::fs::read(captured.file()).unwrap();
    assert!(
        streams.len() > 20_000 * MARKER.len(),
        "only {} bytes were captured",
        streams.len()
    );
    assert!(
        contains(&streams, b"SECE") && contains(&streams, b"RSFL"),
        "frame types are visible"
    );
    let secrets: [&[u8]; 7] = [
        MARKER,
        ASKING.as_bytes(),
        SHARING.as_bytes(),
        b"strategy",
        b"Example",
        b"example",
        b"peer.",
    ];
    for secret in secrets {
        for seen in [&streams, &file] {
            assert!(
                !contains(seen, secret),
                "{} is visible",
                String::from_utf8_lossy(secret)
            );
        }
    }
    Ok(())
}

#[test]
fn the_search_finds_what_is_sent_in_clear() -> Result<()> {
    // Otherwise the search above could miss everything.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let capture = Capture::start(port)?;
    let sending = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::copy(&mut stream, &mut std::io::sink()).unwrap()
    });
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    std::io::Write::write_all(&mut stream, &MARKER.repeat(5_000)).unwrap();
    drop(stream);
    sending.join().unwrap();
    let captured = capture.stop()?;
    let streams = captured.streams()?;
    assert!(
        contains(&streams, &MARKER.repeat(5_000)),
        "{} bytes were captured",
        streams.len()
    );
    assert!(tshark(&captured.file(), &["-q", "-z", "conv,tcp"])?.contains(&port.to_string()));
    Ok(())
}

#[test]
fn a_login_shows_neither_alias_nor_password() -> Result<()> {
    let stage = Stage::set()?;
    let url = stage.organisation.url();
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
    let port = port.ok_or_else(|| Error::Unexpected(format!("no port in {url}")))?;
    let capture = Capture::start(port)?;
    stage.alice.log_in("alice")?;
    let streams = capture.stop()?.streams()?;
    assert!(streams.len() > 1000);
    let password = captures::organisation::PASSWORD.as_bytes();
    for secret in [
        b"alice".as_slice(),
        password,
        b"BEGIN CERTIFICATE",
        b"/verify",
    ] {
        assert!(
            !contains(&streams, secret),
            "{} is visible",
            String::from_utf8_lossy(secret)
        );
    }
    Ok(())
}
