//! Lines from connections, printed by a thread of their own: a terminal that takes nothing (a paused
//! pager, Ctrl-S, a pipe nobody reads) must stop neither connections nor signals.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use super::prompt;

/// Lines that wait for the terminal; more are dropped and counted.
const MAX_WAITING_LINES: usize = 1024;

/// How long such a line may take.
const FAREWELL_PATIENCE: Duration = Duration::from_millis(300);

static QUEUE: OnceLock<SyncSender<Lines>> = OnceLock::new();
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// What one event tells.
pub(super) struct Lines {
    /// The lines, without the last line break.
    pub(super) text: String,
    /// Whether nothing more follows about the same connection.
    pub(super) are_last: bool,
}

/// Prints lines when the terminal takes them; never waits.
pub(super) fn later(lines: Lines) {
    let queue = QUEUE.get_or_init(start);
    if queue.try_send(lines).is_err() {
        DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

fn start() -> SyncSender<Lines> {
    let (sender, receiver) = sync_channel(MAX_WAITING_LINES);
    thread::spawn(move || print(&receiver));
    sender
}

fn print(receiver: &Receiver<Lines>) {
    for lines in receiver {
        prompt::interject(&lines.text, lines.are_last);
        match DROPPED.swap(0, Ordering::Relaxed) {
            0 => {}
            dropped => prompt::interject(&format!("({dropped} messages were not shown)"), true),
        }
    }
}

/// Prints a line that the program waits for, such as its last one, if the terminal takes it soon.
pub(super) fn last(print: impl FnOnce() + Send + 'static) {
    let (done, wait) = sync_channel(1);
    thread::spawn(move || {
        print();
        // Nobody waits any more when it took too long.
        let _ = done.send(());
    });
    let _ = wait.recv_timeout(FAREWELL_PATIENCE);
}
