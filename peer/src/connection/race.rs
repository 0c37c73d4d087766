//! The first of several addresses that answers (RFC 8305, "happy eyeballs").

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// So much later the next address is tried, if none has answered (RFC 8305, 5).
const HEAD_START: Duration = Duration::from_millis(250);

type Answer = (SocketAddr, io::Result<TcpStream>);

/// Connects to whichever of `addresses` answers first.
///
/// # Errors
/// When none does: the last reason.
pub(super) fn race(
    addresses: &[SocketAddr],
    timeout: Duration,
) -> io::Result<(TcpStream, SocketAddr)> {
    if let [only] = addresses {
        return TcpStream::connect_timeout(only, timeout).map(|socket| (socket, *only));
    }
    let mut waiting = in_turn(addresses).into_iter();
    let (answer, answers) = channel();
    let mut under_way = 0;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no such host");
    loop {
        match waiting.next() {
            Some(address) => {
                try_one(address, timeout, answer.clone());
                under_way += 1;
            }
            None if under_way == 0 => return Err(last),
            None => {}
        }
        // When all are on their way, each has its own timeout.
        let patience = if waiting.len() > 0 {
            HEAD_START
        } else {
            timeout
        };
        match answers.recv_timeout(patience) {
            Ok((address, Ok(socket))) => return Ok((socket, address)),
            Ok((_, Err(error))) => {
                under_way -= 1;
                last = error;
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
    }
}

/// Answers exactly once.
fn try_one(address: SocketAddr, timeout: Duration, answer: Sender<Answer>) {
    let later = answer.clone();
    let dial = move || {
        let connected = TcpStream::connect_timeout(&address, timeout);
        // Nobody waits any more when another one was faster.
        let _ = later.send((address, connected));
    };
    let spawned = thread::Builder::new().name("dial".into()).spawn(dial);
    if let Err(error) = spawned {
        let _ = answer.send((address, Err(error)));
    }
}

/// IPv6 first, then the other family, by turns (RFC 8305, 4).
fn in_turn(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let (six, four): (Vec<_>, Vec<_>) = addresses.iter().copied().partition(SocketAddr::is_ipv6);
    let longer = six.len().max(four.len());
    (0..longer)
        .flat_map(|n| [six.get(n), four.get(n)])
        .flatten()
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(60);

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_families_take_turns_and_ipv6_begins() {
        let mixed = addresses(&[
            "192.0.2.1:1",
            "192.0.2.2:1",
            "[2001:db8::1]:1",
            "192.0.2.3:1",
        ]);
        let expected = addresses(&[
            "[2001:db8::1]:1",
            "192.0.2.1:1",
            "192.0.2.2:1",
            "192.0.2.3:1",
        ]);
        assert_eq!(in_turn(&mixed), expected);
    }

    #[test]
    fn an_address_that_refuses_holds_nobody_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let refusing = closed.local_addr().unwrap();
        drop(closed);
        let (_, found) = race(&[refusing, refusing, good], LONG).unwrap();
        assert_eq!(found, good);
    }

    #[test]
    fn an_address_that_says_nothing_holds_nobody_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        // Reserved for documents (RFC 5737): nobody answers there.
        let silent = "192.0.2.1:9".parse().unwrap();
        let begun = Instant::now();
        let (_, found) = race(&[silent, good], LONG).unwrap();
        assert_eq!(found, good);
        assert!(begun.elapsed() < LONG);
    }

    #[test]
    fn when_nobody_answers_the_last_reason_is_told() {
        assert_eq!(race(&[], LONG).unwrap_err().kind(), io::ErrorKind::NotFound);
        let closed = TcpListener::bind("127.0.0.1:0").unwrap();
        let refusing = closed.local_addr().unwrap();
        drop(closed);
        for several in [&[refusing][..], &[refusing, refusing]] {
            let kind = race(several, LONG).unwrap_err().kind();
            assert_eq!(kind, io::ErrorKind::ConnectionRefused);
        }
    }
}
