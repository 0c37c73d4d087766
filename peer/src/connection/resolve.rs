//! Addresses as text, some of them names: all are looked up at once, and none is waited for longer than
//! for the others.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// Addresses that come of several, whoever says how many a name has.
const MAX_RESOLVED: usize = 32;

/// What each text (`ip:port` or `host:port`) means here, in their order; one that means nothing, or not in
/// time, leaves the others.
pub fn resolve(texts: &[String], within: Duration) -> Vec<SocketAddr> {
    let until = Instant::now() + within;
    let (answer, answers) = channel();
    for (index, text) in texts.iter().cloned().enumerate() {
        let answer = answer.clone();
        let look_up = move || {
            let found: Vec<SocketAddr> = text.to_socket_addrs().into_iter().flatten().collect();
            // Nobody waits any more when it took too long.
            let _ = answer.send((index, found));
        };
        if text_is_address(&texts[index]) {
            look_up();
        } else {
            // Without a thread for it the name is passed over.
            let _ = thread::Builder::new().name("resolve".into()).spawn(look_up);
        }
    }
    drop(answer);
    let mut found = Vec::new();
    while let Ok(one) = answers.recv_timeout(until.saturating_duration_since(Instant::now())) {
        found.push(one);
    }
    found.sort_by_key(|(index, _)| *index);
    let addresses = found.into_iter().flat_map(|(_, addresses)| addresses);
    addresses.take(MAX_RESOLVED).collect()
}

fn text_is_address(text: &str) -> bool {
    text.parse::<SocketAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn resolved(texts: &[&str], within: Duration) -> Vec<String> {
        let texts: Vec<String> = texts.iter().map(ToString::to_string).collect();
        let found = resolve(&texts, within);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn addresses_keep_their_order_and_what_is_none_is_passed_over() {
        let texts = [
            "192.0.2.2:2",
            "no address",
            "host:99999",
            "\u{1b}[2J",
            "",
            "127.0.0.1:1",
        ];
        assert_eq!(resolved(&texts, LONG), ["192.0.2.2:2", "127.0.0.1:1"]);
    }

    #[test]
    fn a_name_is_looked_up() {
        assert!(resolved(&["localhost:5"], LONG).contains(&"127.0.0.1:5".into()));
    }

    #[test]
    fn what_needs_no_looking_up_is_there_without_any_time() {
        assert_eq!(resolved(&["192.0.2.2:2"], Duration::ZERO), ["192.0.2.2:2"]);
    }

    #[test]
    fn no_more_are_taken_than_are_dialled() {
        assert_eq!(resolved(&["192.0.2.2:2"; 100], LONG).len(), MAX_RESOLVED);
    }
}
