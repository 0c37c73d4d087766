//! Log lines on their way to standard error. Who logs never waits: lines queue up for a thread of
//! their own, and when nobody reads standard error the newest lines are lost, and counted.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

/// Lines that wait at most. No line is longer than a few kilobytes.
const MAX_LINES: usize = 2048;
/// How long the end of the program waits for the last lines.
const FLUSH_LIMIT: Duration = Duration::from_millis(500);
/// Pause between two looks for room in the queue.
const FLUSH_PAUSE: Duration = Duration::from_millis(5);

static QUEUE: OnceLock<SyncSender<Entry>> = OnceLock::new();
/// Lines lost since the last time this was said.
static LOST: AtomicU64 = AtomicU64::new(0);

enum Entry {
    Line(Vec<u8>),
    /// Answered when everything before it is written.
    Flush(SyncSender<()>),
}

/// Where log lines are written to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let queued = QUEUE
            .get()
            .is_some_and(|queue| queue.try_send(Entry::Line(line.to_vec())).is_ok());
        if !queued {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the thread that writes; once is enough.
pub(crate) fn start() -> io::Result<()> {
    let (queue, entries) = sync_channel(MAX_LINES);
    if QUEUE.set(queue).is_ok() {
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || write_all(&entries))?;
    }
    Ok(())
}

/// Whether log lines share standard error with messages.
pub(crate) fn is_started() -> bool {
    QUEUE.get().is_some()
}

/// Waits until the lines so far are written, or until nobody would wait any longer.
pub fn flush() {
    let Some(queue) = QUEUE.get() else {
        return;
    };
    let end = Instant::now() + FLUSH_LIMIT;
    say_what_was_lost();
    let (written, done) = sync_channel(1);
    while queue.try_send(Entry::Flush(written.clone())).is_err() {
        if Instant::now() >= end {
            return;
        }
        std::thread::sleep(FLUSH_PAUSE);
    }
    let _ = done.recv_timeout(end.saturating_duration_since(Instant::now()));
}

fn write_all(entries: &Receiver<Entry>) {
    loop {
        let entry = match entries.try_recv() {
            Err(TryRecvError::Empty) => {
                // It flows again: there is room for this line.
                say_what_was_lost();
                entries.recv().ok()
            }
            entry => entry.ok(),
        };
        match entry {
            Some(Entry::Line(line)) => {
                let _ = io::stderr().write_all(&line);
            }
            Some(Entry::Flush(written)) => {
                let _ = written.try_send(());
            }
            None => return,
        }
    }
}

fn say_what_was_lost() {
    let lines = LOST.swap(0, Ordering::Relaxed);
    if lines > 0 {
        tracing::warn!(lines, "log lines were lost: nobody read them");
    }
}
