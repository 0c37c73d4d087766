//! The auth servers of this device, and which of them is asked first.
//!
//! The first one named is the one that counts: devices of an organisation find each other while they
//! ask the same server. Whoever found it silent asks the next one, and remembers that for a minute, on
//! disk too, so that a server that swallows what is sent to it costs a device two seconds a minute and
//! not each command. A program that runs for long looks back by itself.

mod address;
mod memory;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::UnixTime;

use crate::clock;
use crate::failure::Failure;
use memory::Memory;

/// Auth servers that a device may have: when all are gone, each costs seconds.
pub const MAX_SERVERS: usize = 8;

/// Takes what the user should know at once.
pub type Alarm = fn(&str);

/// The auth servers of a device, in the order in which they were named. Clones share what is known
/// about them.
#[derive(Debug, Clone)]
pub struct Servers {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    urls: Vec<String>,
    memory: Memory,
    alarm: Alarm,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The one that is asked first.
    preferred: usize,
    /// Those of which the user was warned.
    warned: Vec<bool>,
}

impl Servers {
    /// These servers, of a device that keeps in the file `memory` which of them answered; `None`
    /// without any.
    ///
    /// # Errors
    /// When one is not an HTTPS address, or there are too many.
    pub fn new<'a>(
        named: impl IntoIterator<Item = &'a String>,
        memory: PathBuf,
        alarm: Alarm,
    ) -> Result<Option<Self>, Failure> {
        let urls = address::all(named)?;
        if urls.is_empty() {
            return Ok(None);
        }
        let memory = Memory::new(memory);
        let state = State {
            preferred: memory.preferred(&urls, clock::now()),
            warned: vec![false; urls.len()],
        };
        let shared = Shared {
            urls,
            memory,
            alarm,
            state: Mutex::new(state),
        };
        Ok(Some(Self {
            shared: Arc::new(shared),
        }))
    }

    /// All of them, in the order in which they were named.
    pub fn urls(&self) -> &[String] {
        &self.shared.urls
    }

    /// The one that was named first.
    pub fn first(&self) -> &str {
        &self.shared.urls[0]
    }

    /// All of them, in the order in which they are asked now.
    pub fn in_turn(&self) -> Vec<&str> {
        let preferred = self.state().preferred;
        let others = (0..self.urls().len()).filter(|index| *index != preferred);
        std::iter::once(preferred)
            .chain(others)
            .map(|index| self.urls()[index].as_str())
            .collect()
    }

    /// Those named before the one that is asked first: to look whether they are back.
    pub fn before_preferred(&self) -> Vec<&str> {
        let preferred = self.state().preferred;
        self.urls()[..preferred]
            .iter()
            .map(String::as_str)
            .collect()
    }

    /// Whether that one is asked first.
    pub fn is_preferred(&self, url: &str) -> bool {
        self.urls()[self.state().preferred] == url
    }

    /// That one is asked first from now on: those asked before it gave no connection, or it is back.
    pub fn prefer(&self, url: &str) {
        let Some(index) = self.index(url) else {
            return;
        };
        self.state().preferred = index;
        self.shared.memory.keep(url, index, clock::now());
    }

    /// One of them answered: what was wrong with it is over.
    pub fn answered(&self, url: &str) {
        if let Some(index) = self.index(url) {
            self.state().warned[index] = false;
        }
    }

    /// One of them was passed over for a reason that the user should know: told once, until it answers.
    pub fn warn(&self, url: &str, text: &str) {
        let Some(index) = self.index(url) else {
            return;
        };
        if !std::mem::replace(&mut self.state().warned[index], true) {
            (self.shared.alarm)(text);
        }
    }

    fn index(&self, url: &str) -> Option<usize> {
        self.urls().iter().position(|one| one == url)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether something found at `then` still counts at `now`; a time ahead of the clock never does.
fn counts(then: u64, now: UnixTime, span_secs: u64) -> bool {
    now.as_secs()
        .checked_sub(then)
        .is_some_and(|age| age < span_secs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const A: &str = "https://a:1";
    const B: &str = "https://b:1";
    const C: &str = "https://c:1";

    fn servers(folder: &TempDir) -> Servers {
        let urls = [A, B, C].map(str::to_owned);
        let servers = Servers::new(&urls, folder.path().join("answered"), |_| {});
        servers.unwrap().unwrap()
    }

    #[test]
    fn who_is_preferred_is_asked_first_from_then_on_and_by_the_next_command_too() {
        let folder = tempfile::tempdir().unwrap();
        let first = servers(&folder);
        assert_eq!(first.in_turn(), [A, B, C]);
        assert!(first.before_preferred().is_empty());
        first.prefer(B);
        assert_eq!(first.in_turn(), [B, A, C]);
        assert_eq!(first.before_preferred(), [A]);
        let next = servers(&folder);
        assert_eq!(next.in_turn(), [B, A, C]);
        next.prefer(A);
        assert_eq!(next.in_turn(), [A, B, C]);
        assert_eq!(servers(&folder).in_turn(), [A, B, C]);
    }

    #[test]
    fn what_was_found_counts_for_a_while_and_never_from_the_future() {
        let at = |secs| UnixTime::since_unix_epoch(std::time::Duration::from_secs(secs));
        assert!(counts(100, at(100), 60) && counts(100, at(159), 60));
        assert!(!counts(100, at(160), 60) && !counts(100, at(99), 60));
    }

    #[test]
    fn a_warning_is_told_once_until_that_server_answers() {
        use std::sync::atomic::{AtomicU32, Ordering};
        static TOLD: AtomicU32 = AtomicU32::new(0);
        let folder = tempfile::tempdir().unwrap();
        let urls = [A, B].map(str::to_owned);
        let servers = Servers::new(&urls, folder.path().join("answered"), |_| {
            TOLD.fetch_add(1, Ordering::SeqCst);
        });
        let servers = servers.unwrap().unwrap();
        servers.warn(A, "odd");
        servers.warn(A, "odd");
        assert_eq!(TOLD.load(Ordering::SeqCst), 1);
        servers.answered(A);
        servers.warn(A, "odd");
        assert_eq!(TOLD.load(Ordering::SeqCst), 2);
    }
}
