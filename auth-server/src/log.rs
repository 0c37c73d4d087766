//! Log lines on their way to standard error. Who logs never waits: lines queue up for a thread of
//! their own. Requests may cause so many lines and no more; and when nobody reads standard error,
//! the newest lines about requests and about the server are lost. Both are counted and told.
//!
//! Entries of the audit log are in the store until they are written here: who tells them asks
//! `written`, and is alone in waiting.

mod allowance;
mod queue;

use std::io::{self, Write};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

use crate::state::BY_MEMBER;
use crate::ui::AUDIT;
use queue::{Kind, Mark, Missing, Next, Queue};

/// How long the end of the program waits for the last lines.
const FLUSH_LIMIT: Duration = Duration::from_millis(500);

static QUEUE: OnceLock<Arc<Queue>> = OnceLock::new();

/// Makes the writers of log lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lines;

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Kind::Server)
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Line {
        Line(kind(event))
    }
}

/// What fails here is the server's affair, whoever asked for it.
fn kind(event: &Metadata<'_>) -> Kind {
    let by_member = BY_MEMBER.try_with(|by_member| by_member.get());
    match by_member {
        _ if event.target() == AUDIT => Kind::Audit,
        Ok(by_member) if *event.level() != Level::ERROR => Kind::Request { by_member },
        _ => Kind::Server,
    }
}

/// Where one line is written to.
#[derive(Debug)]
pub(crate) struct Line(Kind);

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(queue) = QUEUE.get() {
            queue.push(self.0, line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the thread that writes; once is enough.
pub(crate) fn start() -> io::Result<()> {
    let queue = Arc::new(Queue::default());
    if QUEUE.set(queue.clone()).is_ok() {
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || write_all(&queue))?;
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
    tell(queue.take_missing());
    let (written, done) = sync_channel(1);
    queue.mark(Box::new(move || {
        let _ = written.try_send(());
    }));
    let _ = done.recv_timeout(FLUSH_LIMIT);
}

/// Answers when the lines so far are written, with an error if one of them could not be; at once if
/// there is no log.
pub(crate) fn written() -> oneshot::Receiver<()> {
    let (written, done) = oneshot::channel();
    let mark: Mark = Box::new(move || {
        // Nobody may be waiting any more.
        let _ = written.send(());
    });
    match QUEUE.get() {
        Some(queue) => queue.mark(mark),
        None => mark(),
    }
    done
}

fn write_all(queue: &Queue) -> ! {
    let mut failed = false;
    loop {
        match queue.next() {
            Next::Lines(lines) => failed |= io::stderr().write_all(&lines).is_err(),
            // Dropped, it tells that something before it was not written.
            Next::Mark(mark) if std::mem::take(&mut failed) => drop(mark),
            Next::Mark(mark) => mark(),
            Next::Missing(missing) => tell(missing),
        }
    }
}

fn tell(missing: Missing) {
    if missing.left_out > 0 {
        let lines = missing.left_out;
        tracing::warn!(lines, "log lines were left out: too many requests");
    }
    if missing.lost > 0 {
        let lines = missing.lost;
        tracing::warn!(lines, "log lines were lost: nobody read them");
    }
}
