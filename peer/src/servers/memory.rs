//! Which auth server answered last, kept for the next command. Nothing depends on it but who is asked
//! first: what cannot be read or written is forgotten.

use std::fs;
use std::path::PathBuf;

use rustls::pki_types::UnixTime;
use serde::{Deserialize, Serialize};

use super::counts;
use crate::home::{read_small, write_private};

/// So long a server that was silent is not asked first. RFC 2308, 7.2, allows five minutes; devices
/// that ask different servers do not find each other, so it is one.
const PASSED_OVER_SECS: u64 = 60;

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    /// Who answered when those named before it were silent.
    server: String,
    /// When that was, in seconds since 1970.
    at: u64,
}

#[derive(Debug)]
pub(super) struct Memory {
    path: PathBuf,
}

impl Memory {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Which of `urls` is to be asked first.
    pub(super) fn preferred(&self, urls: &[String], now: UnixTime) -> usize {
        let bytes = read_small(&self.path).ok().flatten().unwrap_or_default();
        toml::from_slice::<Kept>(&bytes)
            .ok()
            .filter(|kept| counts(kept.at, now, PASSED_OVER_SECS))
            .and_then(|kept| urls.iter().position(|url| *url == kept.server))
            .unwrap_or(0)
    }

    /// Keeps that the server at that place answered; of the first one there is nothing to keep.
    pub(super) fn keep(&self, server: &str, index: usize, now: UnixTime) {
        if index == 0 {
            let _ = fs::remove_file(&self.path);
            return;
        }
        let kept = Kept {
            server: server.to_owned(),
            at: now.as_secs(),
        };
        if let Ok(text) = toml::to_string(&kept) {
            let _ = write_private(&self.path, text.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(secs: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(secs))
    }

    #[test]
    fn what_is_kept_counts_for_a_minute_and_for_servers_that_are_still_named() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::new(folder.path().join("answered"));
        let urls = ["https://a:1", "https://b:1"].map(str::to_owned);
        assert_eq!(memory.preferred(&urls, at(1000)), 0);
        memory.keep(&urls[1], 1, at(1000));
        assert_eq!(memory.preferred(&urls, at(1059)), 1);
        assert_eq!(memory.preferred(&urls, at(1060)), 0);
        assert_eq!(memory.preferred(&urls, at(999)), 0);
        assert_eq!(memory.preferred(&urls[..1], at(1000)), 0);
        memory.keep(&urls[0], 0, at(1001));
        assert_eq!(memory.preferred(&urls, at(1001)), 0);
    }

    #[test]
    fn what_cannot_be_read_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answered");
        let urls = ["https://a:1", "https://b:1"].map(str::to_owned);
        for odd in [
            &b""[..],
            b"server = 1",
            b"\xff",
            b"server = \"https://b:1\"\nat = -1",
        ] {
            fs::write(&path, odd).unwrap();
            assert_eq!(Memory::new(path.clone()).preferred(&urls, at(0)), 0);
        }
    }
}
