//! How a person names a peer and a file on it.

use std::fmt;
use std::str::FromStr;

use common::identity::Alias;
use common::limits::MAX_PATH_BYTES;
use common::name::Escaped;

use crate::failure::{Exit, Failure};

/// How a peer is named: by where it listens (`1991`, `:1991`, `host:1991` or `[::1]:1991`), or by whose
/// it is (`alice`, or `alice/laptop` where she has several devices).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerAddress {
    /// A host and a port.
    Host {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
    },
    /// A person, who is online or not.
    Member {
        /// Who.
        alias: Alias,
        /// Which device: its name, or the beginning of its number.
        device: Option<String>,
    },
}

/// The host meant when only a port is given.
const LOCAL: &str = "localhost";

/// Characters of a device's name or number.
const MAX_DEVICE_CHARS: usize = 64;

impl PeerAddress {
    /// A port on this machine.
    pub fn local(port: u16) -> Self {
        Self::Host {
            host: LOCAL.into(),
            port,
        }
    }

    /// Who must answer.
    pub fn alias(&self) -> Option<&Alias> {
        match self {
            Self::Host { .. } => None,
            Self::Member { alias, .. } => Some(alias),
        }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Host { host, port } => write!(f, "{}:{port}", Escaped(host)),
            Self::Member {
                alias,
                device: None,
            } => write!(f, "{alias}"),
            Self::Member {
                alias,
                device: Some(device),
            } => write!(f, "{alias}/{device}"),
        }
    }
}

fn port(text: &str) -> Option<u16> {
    // "+80" and "080" parse as numbers too; a port is written with plain digits.
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    plain.then(|| text.parse().ok()).flatten()
}

impl FromStr for PeerAddress {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        match split(text) {
            Some((address, "")) if address.alias().is_none() || !text.ends_with(':') => Ok(address),
            _ => Err(not_a_peer(text)),
        }
    }
}

fn not_a_peer(text: &str) -> Failure {
    Failure::new(Exit::Usage, format!("{} names no peer", Escaped(text)))
        .hint("write ALIAS, ALIAS/DEVICE, PORT, HOST:PORT or [IPV6]:PORT")
}

/// Splits an address off the front: the address, and what follows its colon.
fn split(text: &str) -> Option<(PeerAddress, &str)> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (host, rest) = bracketed.split_once("]:")?;
        host.parse::<std::net::Ipv6Addr>().ok()?;
        return with_port(host, rest);
    }
    let (first, rest) = text.split_once(':').unwrap_or((text, ""));
    if let Some(port) = port(first) {
        return Some((PeerAddress::local(port), rest));
    }
    with_port(if first.is_empty() { LOCAL } else { first }, rest).or_else(|| member(first, rest))
}

/// `alice` or `alice/laptop`. What follows is no port: digits there are always meant as one.
fn member<'a>(name: &str, rest: &'a str) -> Option<(PeerAddress, &'a str)> {
    let digits = rest.split(':').next().unwrap_or_default();
    let is_port = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let (alias, device) = match name.split_once('/') {
        Some((alias, device)) => (alias, Some(device)),
        None => (name, None),
    };
    let is_usable = |device: &str| {
        (1..=MAX_DEVICE_CHARS).contains(&device.len())
            && device
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if is_port || !device.is_none_or(is_usable) {
        return None;
    }
    let address = PeerAddress::Member {
        alias: alias.parse().ok()?,
        device: device.map(str::to_owned),
    };
    Some((address, rest))
}

fn with_port<'a>(host: &str, rest: &'a str) -> Option<(PeerAddress, &'a str)> {
    let (digits, path) = rest.split_once(':').unwrap_or((rest, ""));
    let host_is_plain = !host.is_empty() && !host.contains(['/', '@', ' ']);
    let port = port(digits).filter(|_| host_is_plain)?;
    let host = host.to_owned();
    Some((PeerAddress::Host { host, port }, path))
}

/// A file of a peer: `PEER:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Where the peer listens.
    pub peer: PeerAddress,
    /// The name as typed; the listener decides about it.
    pub path: String,
}

impl RemoteFile {
    /// The file of that name at that peer.
    ///
    /// # Errors
    /// When the name is longer than any listener takes.
    pub fn new(peer: PeerAddress, path: String) -> Result<Self, Failure> {
        if path.len() > MAX_PATH_BYTES {
            return Err(Failure::new(
                Exit::Usage,
                format!("the name of a file has at most {MAX_PATH_BYTES} bytes"),
            ));
        }
        Ok(Self { peer, path })
    }

    /// Whether a word of the command line is meant as a remote file: a colon before any slash, as
    /// scp has it.
    pub fn is_meant_by(text: &str) -> bool {
        let colon = text.find(':');
        let slash = text.find('/');
        colon.is_some_and(|colon| slash.is_none_or(|slash| colon < slash))
    }

    /// The name to give the file here: the last part of the path.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

impl FromStr for RemoteFile {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let (peer, path) = split(text).ok_or_else(|| not_a_peer(text))?;
        // `X:./1990` names a file that would otherwise read as a port.
        let path = path.strip_prefix("./").unwrap_or(path);
        if path.is_empty() {
            return Err(
                Failure::new(Exit::Usage, format!("{} names no file", Escaped(text)))
                    .hint("write PEER:PATH"),
            );
        }
        Self::new(peer, path.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> Option<String> {
        text.parse::<PeerAddress>()
            .ok()
            .map(|peer| peer.to_string())
    }

    fn file(text: &str) -> Option<(String, String)> {
        text.parse::<RemoteFile>()
            .ok()
            .map(|file| (file.peer.to_string(), file.path))
    }

    #[test]
    fn a_peer_is_a_port_or_a_host_and_a_port() {
        for (text, expected) in [
            ("1991", "localhost:1991"),
            (":1991", "localhost:1991"),
            ("host:1991", "host:1991"),
            ("10.0.0.7:1991", "10.0.0.7:1991"),
            ("[::1]:1991", "[::1]:1991"),
            ("alice", "alice"),
            ("alice/laptop", "alice/laptop"),
            ("alice/0a1b", "alice/0a1b"),
        ] {
            assert_eq!(peer(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "Host",
            "host:",
            "alice/",
            "alice/lap top",
            "alice/laptop/x",
            "/laptop",
            "alice:docs",
            "host:0",
            "host:65536",
            "::1",
            "[::1]",
            "[x]:1",
            "host:+80",
            "a/b:1",
            "99999",
        ] {
            assert_eq!(peer(text), None, "{text}");
        }
    }

    #[test]
    fn a_file_follows_its_peer_after_a_colon() {
        for (text, address, path) in [
            ("1991:a.txt", "localhost:1991", "a.txt"),
            (":1991:docs/a", "localhost:1991", "docs/a"),
            ("host:1991:docs/a", "host:1991", "docs/a"),
            ("[::1]:1991:docs/a", "[::1]:1991", "docs/a"),
            ("1991:./1990", "localhost:1991", "1990"),
            ("host:1991:./1990", "host:1991", "1990"),
            ("host:1991:1990", "host:1991", "1990"),
            ("1991:a:b", "localhost:1991", "a:b"),
            ("alice:docs/a", "alice", "docs/a"),
            ("alice/laptop:docs/a", "alice/laptop", "docs/a"),
            ("alice:./1990", "alice", "1990"),
            ("alice:a:1990", "alice", "a:1990"),
        ] {
            assert_eq!(file(text), Some((address.into(), path.into())), "{text}");
        }
        for text in [
            "1991",
            "1991:",
            "host:1991",
            "alice:99999:a",
            "alice:",
            "docs/a",
            &format!("1991:{}", "a".repeat(4097)),
        ] {
            assert_eq!(file(text), None, "{text}");
        }
    }

    #[test]
    fn a_colon_before_any_slash_means_remote() {
        assert!(RemoteFile::is_meant_by("1991:a/b"));
        assert!(RemoteFile::is_meant_by("alice:a"));
        assert!(!RemoteFile::is_meant_by("dir/a:b"));
        assert!(!RemoteFile::is_meant_by("./a:b"));
        assert!(!RemoteFile::is_meant_by("plain"));
    }
}
