//! Lines that wait for the thread that writes them. Each kind has room of its own, so that many of
//! one kind never push out another; they are written in the order in which they came.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::allowance::Allowance;
use crate::metrics::metrics;

/// Lines of requests that wait at most. No line is longer than a kilobyte or two.
const MAX_REQUEST_LINES: usize = 1024;
/// Lines about the server that wait at most.
const MAX_SERVER_LINES: usize = 2048;
/// How long lines gather before they are written, so that those of a busy moment cost one wake-up
/// and one write together. Nobody notices it who reads them.
const GATHER: Duration = Duration::from_millis(50);
/// Bytes that are written at once: what a pipe holds.
const MAX_WRITE_BYTES: usize = 64 * 1024;
/// What is missing is told at most once in this time.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request, which somebody chose to send.
    Request {
        /// Whether that was a member, as far as is known.
        by_member: bool,
    },
    /// An entry of the audit log. Who writes these waits until they are written, before there are
    /// more: they need no limit.
    Audit,
    /// The server.
    Server,
}

/// Told when all lines before it are written.
pub(super) type Mark = Box<dyn FnOnce() + Send>;

/// Lines that the log does not have.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Missing {
    /// Since the first of them.
    since: Option<Instant>,
    /// Requests caused more than they may.
    pub(super) left_out: u64,
    /// There was no room: nobody reads the log.
    pub(super) lost: u64,
}

/// What is to be done next.
pub(super) enum Next {
    /// Write them.
    Lines(Vec<u8>),
    /// Call it.
    Mark(Mark),
    /// Tell it.
    Missing(Missing),
}

enum Entry {
    Line(Kind, Vec<u8>),
    Mark(Mark),
}

#[derive(Default)]
struct State {
    entries: VecDeque<Entry>,
    requests: usize,
    server: usize,
    allowance: Allowance,
    missing: Missing,
    /// The thread that writes waits to be woken.
    asleep: bool,
}

impl State {
    fn push(&mut self, kind: Kind, line: &[u8], now: Instant) {
        let is_full = match kind {
            Kind::Request { by_member } => {
                if !self.allowance.take(by_member, now) {
                    self.missing.left_out += 1;
                    return self.miss("too many", now);
                }
                self.requests >= MAX_REQUEST_LINES
            }
            Kind::Server => self.server >= MAX_SERVER_LINES,
            Kind::Audit => false,
        };
        if is_full {
            self.missing.lost += 1;
            return self.miss("nobody reads", now);
        }
        self.count(kind, 1);
        self.entries.push_back(Entry::Line(kind, line.to_vec()));
    }

    fn miss(&mut self, reason: &str, now: Instant) {
        metrics().log_line_missing(reason);
        self.missing.since.get_or_insert(now);
    }

    fn count(&mut self, kind: Kind, by: isize) {
        let waiting = match kind {
            Kind::Request { .. } => &mut self.requests,
            Kind::Server => &mut self.server,
            Kind::Audit => return,
        };
        *waiting = waiting.saturating_add_signed(by);
    }

    /// What is missing, when it is time to tell it and there is room for the line that does.
    fn missing(&mut self, now: Instant) -> Option<Missing> {
        let since = self.missing.since?;
        let is_due = now.duration_since(since) >= TELL_EVERY && self.server < MAX_SERVER_LINES;
        is_due.then(|| std::mem::take(&mut self.missing))
    }

    fn next(&mut self, now: Instant) -> Option<Next> {
        if let Some(missing) = self.missing(now) {
            return Some(Next::Missing(missing));
        }
        match self.entries.pop_front()? {
            Entry::Line(kind, line) => {
                self.count(kind, -1);
                Some(Next::Lines(self.with_following(line)))
            }
            Entry::Mark(mark) => Some(Next::Mark(mark)),
        }
    }

    /// The lines that follow, up to the next mark.
    fn with_following(&mut self, mut lines: Vec<u8>) -> Vec<u8> {
        let fits = |lines: &[u8], entry: &Entry| match entry {
            Entry::Line(_, line) => lines.len() + line.len() <= MAX_WRITE_BYTES,
            Entry::Mark(_) => false,
        };
        while let Some(Entry::Line(kind, line)) =
            self.entries.pop_front_if(|entry| fits(&lines, entry))
        {
            self.count(kind, -1);
            lines.extend_from_slice(&line);
        }
        lines
    }
}

/// The lines on their way.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more line, if it is allowed and there is room for it; never waits for a reader.
    pub(super) fn push(&self, kind: Kind, line: &[u8]) {
        let mut state = self.state();
        state.push(kind, line, Instant::now());
        self.wake(state);
    }

    /// Has `mark` called when all lines so far are written.
    pub(super) fn mark(&self, mark: Mark) {
        let mut state = self.state();
        state.entries.push_back(Entry::Mark(mark));
        self.wake(state);
    }

    /// Wakes the thread that writes, unless it gathers or writes.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        if std::mem::take(&mut state.asleep) {
            drop(state);
            self.changed.notify_one();
        }
    }

    /// What is missing by now, to be told before the end.
    pub(super) fn take_missing(&self) -> Missing {
        std::mem::take(&mut self.state().missing)
    }

    /// Waits for the next thing to do.
    pub(super) fn next(&self) -> Next {
        let mut state = self.state();
        loop {
            if let Some(next) = state.next(Instant::now()) {
                return next;
            }
            drop(self.sleep(state));
            std::thread::sleep(GATHER);
            state = self.state();
        }
    }

    /// Sleeps until it is woken, or until what is missing is due to be told.
    fn sleep<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.asleep = true;
        match state.missing.since {
            None => self
                .changed
                .wait_while(state, |state| state.asleep)
                .unwrap_or_else(PoisonError::into_inner),
            Some(_) => {
                let waited = self.changed.wait_timeout(state, TELL_EVERY);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRANGER: Kind = Kind::Request { by_member: false };
    const MEMBER: Kind = Kind::Request { by_member: true };

    /// Everything that is to be written by now.
    fn lines(state: &mut State, now: Instant) -> Vec<String> {
        let mut written = String::new();
        while let Some(next) = state.next(now) {
            written.push_str(&match next {
                Next::Lines(lines) => String::from_utf8(lines).unwrap(),
                Next::Mark(_) => "mark\n".to_owned(),
                Next::Missing(missing) => {
                    format!("{} left out, {} lost\n", missing.left_out, missing.lost)
                }
            });
        }
        written.lines().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn lines_of_all_kinds_are_written_in_the_order_in_which_they_came() {
        let (mut state, now) = (State::default(), Instant::now());
        state.push(Kind::Server, b"one\n", now);
        state.push(STRANGER, b"two\n", now);
        state.push(Kind::Audit, b"three\n", now);
        state.entries.push_back(Entry::Mark(Box::new(|| ())));
        state.push(MEMBER, b"four\n", now);
        assert_eq!(
            lines(&mut state, now),
            ["one", "two", "three", "mark", "four"]
        );
    }

    #[test]
    fn what_is_written_at_once_has_a_bound_and_loses_nothing() {
        let (mut state, now) = (State::default(), Instant::now());
        let line = [b'.'; 1000];
        for _ in 0..100 {
            state.push(Kind::Audit, &line, now);
        }
        let mut writes = Vec::new();
        while let Some(Next::Lines(lines)) = state.next(now) {
            writes.push(lines.len());
        }
        assert_eq!(writes, [65_000, 35_000]);
    }

    #[test]
    fn no_number_of_requests_pushes_out_another_line() {
        let (mut state, now) = (State::default(), Instant::now());
        for _ in 0..100_000 {
            state.push(STRANGER, b"stranger\n", now);
            state.push(MEMBER, b"member\n", now);
        }
        for _ in 0..MAX_SERVER_LINES {
            state.push(Kind::Server, b"server\n", now);
        }
        for _ in 0..5000 {
            state.push(Kind::Audit, b"audit\n", now);
        }
        let lines = lines(&mut state, now);
        let count = |text: &str| lines.iter().filter(|line| *line == text).count();
        assert_eq!(count("stranger") + count("member"), MAX_REQUEST_LINES);
        assert_eq!(count("server"), MAX_SERVER_LINES);
        assert_eq!(count("audit"), 5000);
    }

    #[test]
    fn what_is_missing_is_counted_and_told_once_a_second() {
        let (mut state, start) = (State::default(), Instant::now());
        for _ in 0..700 {
            state.push(STRANGER, b"stranger\n", start);
        }
        assert_eq!(lines(&mut state, start).len(), 500);
        let later = start + TELL_EVERY;
        assert_eq!(lines(&mut state, later), ["200 left out, 0 lost"]);
        assert!(lines(&mut state, later + TELL_EVERY).is_empty());
    }

    #[test]
    fn what_is_missing_waits_for_room_to_be_told() {
        let (mut state, start) = (State::default(), Instant::now());
        for _ in 0..MAX_SERVER_LINES + 3 {
            state.push(Kind::Server, b"server\n", start);
        }
        let lines = lines(&mut state, start + TELL_EVERY);
        assert_eq!(lines.len(), MAX_SERVER_LINES + 1);
        assert_eq!(lines[MAX_SERVER_LINES], "0 left out, 3 lost");
    }
}
