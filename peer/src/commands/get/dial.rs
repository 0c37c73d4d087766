//! From an address to a verified session.

use std::thread;
use std::time::{Duration, Instant};

use common::handshake::RequesterConfig;
use common::session::RequesterSession;

use super::Step;
use super::find::Found;
use crate::connection::{
    self, ConnectError, ConnectEvent, FrameStream, ReceiveError, request_handshake,
};
use crate::failure::{Exit, Failure, from_handshake};

/// What a try gets that begins at the end of the time for all.
const LEAST: Duration = Duration::from_secs(1);

/// Tries at a listener that is busy, with doubling pauses.
const BUSY_TRIES: u32 = 6;

/// The first of those pauses.
const BUSY_PAUSE: Duration = Duration::from_millis(100);

/// Connects to a peer where it was `found` and verifies it; waits a little for a listener that is busy.
/// Ends within a few times the `timeout`, however many addresses there are, and whoever is there.
///
/// # Errors
/// When no session came to be.
pub(super) fn dial(
    found: &Found,
    config: &RequesterConfig,
    timeout: Duration,
    on: &mut dyn FnMut(Step<'_>),
) -> Result<(FrameStream, RequesterSession), ConnectError> {
    // Whoever answers, and however: nothing new is begun after that.
    let until = Instant::now() + timeout;
    let mut pause = BUSY_PAUSE;
    for _ in 1..BUSY_TRIES {
        match connect_once(found, config, timeout, until, on) {
            Err(error) if error.is_busy() && Instant::now() < until => {
                thread::sleep(pause);
                pause *= 2;
            }
            connected => return connected,
        }
    }
    connect_once(found, config, timeout, until, on)
}

/// Where somebody else answers at an announced address, the others are tried.
fn connect_once(
    found: &Found,
    config: &RequesterConfig,
    timeout: Duration,
    until: Instant,
    on: &mut dyn FnMut(Step<'_>),
) -> Result<(FrameStream, RequesterSession), ConnectError> {
    let mut left = found.addresses.clone();
    let mut somebody_else = None;
    loop {
        let patience = until.saturating_duration_since(Instant::now()).max(LEAST);
        let (stream, address) = match connection::dial(&left, patience) {
            Ok(dialled) => dialled,
            Err(error) => return Err(somebody_else.unwrap_or(error)),
        };
        left.retain(|other| *other != address);
        let others = found.are_announced && !left.is_empty() && Instant::now() < until;
        match shake_hands(stream, config, timeout, on) {
            Err(error) if others && error.is_somebody_else() => {
                somebody_else.get_or_insert(error);
            }
            Err(error) => return Err(somebody_else.unwrap_or(error)),
            connected => return connected,
        }
    }
}

fn shake_hands(
    mut stream: FrameStream,
    config: &RequesterConfig,
    timeout: Duration,
    on: &mut dyn FnMut(Step<'_>),
) -> Result<(FrameStream, RequesterSession), ConnectError> {
    let (established, _grant) = request_handshake(&mut stream, config.clone(), |event| {
        on(match event {
            ConnectEvent::HandshakeSent => Step::HandshakeSent,
            ConnectEvent::ListenerVerified(peer) => Step::Verified(peer),
        });
    })?;
    stream
        .set_established(timeout, timeout)
        .map_err(|error| ConnectError::Receive(ReceiveError::Io(error)))?;
    Ok((stream, RequesterSession::new(established)))
}

/// Addresses that a message names.
const MAX_NAMED: usize = 4;

/// The same for a peer that was found: whoever looks for a wrong address sees all that were tried.
pub(super) fn unanswered(peer: &str, found: &Found, error: ConnectError) -> Failure {
    if !found.are_announced || !matches!(error, ConnectError::Dial(_)) {
        return explain(peer, error);
    }
    let mut tried: Vec<String> = found
        .addresses
        .iter()
        .take(MAX_NAMED)
        .map(ToString::to_string)
        .collect();
    if found.addresses.len() > MAX_NAMED {
        tried.push("...".into());
    }
    Failure::new(
        Exit::Unreachable,
        format!("{peer}: no answer at {}", tried.join(", ")),
    )
    .hint("check that peer serve runs there and can be reached from here, or give HOST:PORT")
}

/// Why no session came to be, as a person reads it.
pub(super) fn explain(peer: &str, error: ConnectError) -> Failure {
    match error {
        ConnectError::Handshake(error) => from_handshake(peer, &error),
        ConnectError::Dial(error) => Failure::connection(peer, &error)
            .hint("check the address, and that peer serve runs there"),
        ConnectError::Receive(ReceiveError::NotAFrame { start, .. }) => Failure::new(
            Exit::Unreachable,
            format!("{peer} is no orgshare listener{}", looks_like(&start)),
        )
        .hint("check the port"),
        ConnectError::Receive(ReceiveError::Io(error)) => {
            Failure::connection(peer, &error).hint("check that an orgshare listener runs there")
        }
        ConnectError::Receive(other) => Failure::new(Exit::Unreachable, format!("{peer}: {other}"))
            .hint("check that an orgshare listener runs there"),
    }
}

/// What another protocol's first bytes give away.
fn looks_like(start: &[u8]) -> &'static str {
    match start {
        [b'H', b'T', b'T', b'P', ..] => "; it speaks HTTP",
        [b'S', b'S', b'H', b'-', ..] => "; it speaks SSH",
        [0x15 | 0x16, 3, ..] => "; it speaks TLS",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn who_does_not_answer_is_told_of_with_the_addresses_that_were_tried() {
        let gone = || ConnectError::Dial(io::ErrorKind::TimedOut.into());
        let mut found = Found {
            addresses: vec!["192.0.2.2:1990".parse().unwrap(); 2],
            are_announced: true,
        };
        let told = unanswered("bob", &found, gone());
        assert_eq!(told.exit, Exit::Unreachable);
        assert_eq!(
            told.message,
            "bob: no answer at 192.0.2.2:1990, 192.0.2.2:1990"
        );
        found.addresses = vec!["192.0.2.2:1990".parse().unwrap(); 32];
        let told = unanswered("bob", &found, gone()).message;
        assert!(told.len() < 120 && told.ends_with("..."), "{told}");
        // What a person wrote needs no telling.
        found.are_announced = false;
        assert!(
            !unanswered("192.0.2.2", &found, gone())
                .message
                .contains("1990")
        );
    }
}
