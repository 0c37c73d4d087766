//! The first of several addresses that answers (RFC 8305, "happy eyeballs").

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// So much later the next address is tried, if none has answered (RFC 8305, 5).
const HEAD_START: Duration = Duration::from_millis(250);

type Answer = (SocketAddr, io::Result<TcpStream>);

/// Connects to whichever of `addresses` answers first, within the `timeout`, however many there are.
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
    let until = Instant::now() + timeout;
    let head_start = head_start(addresses.len(), timeout);
    let mut waiting = in_turn(addresses).into_iter();
    let (answer, answers) = channel();
    let mut under_way = 0;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no such host");
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match waiting.next() {
            Some(address) => {
                try_one(address, left, answer.clone());
                under_way += 1;
            }
            None if under_way == 0 => return Err(last),
            None => {}
        }
        let patience = if waiting.len() > 0 {
            head_start.min(left)
        } else {
            left
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

/// Half of the time is for those that are tried last.
fn head_start(addresses: usize, timeout: Duration) -> Duration {
    let addresses = u32::try_from(addresses).unwrap_or(u32::MAX).max(1);
    HEAD_START.min(timeout / 2 / addresses)
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

    #[test]
    fn however_many_addresses_are_silent_one_timeout_is_all_they_get() {
        // Reserved for documentation (RFC 5737): nobody is there.
        let silent: Vec<SocketAddr> = (1..=32)
            .map(|host| SocketAddr::from(([192, 0, 2, host], 9)))
            .collect();
        let begun = Instant::now();
        assert!(race(&silent, Duration::from_secs(1)).is_err());
        // One head start after the other would take eight.
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(6), "{took:?}");
    }

    #[test]
    fn all_addresses_are_tried_within_the_first_half_of_the_time() {
        let second = Duration::from_secs(1);
        assert_eq!(head_start(2, 10 * second), HEAD_START);
        assert_eq!(head_start(32, 10 * second), 5 * second / 32);
        assert_eq!(head_start(0, second), HEAD_START);
    }
}
