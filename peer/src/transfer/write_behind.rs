//! A thread that writes a large file while the next chunks are received and opened.
//!
//! Writing costs a receiver as much as everything else it does (the kernel allocates a page for
//! every 4 KiB), so one thread for both is the slowest part of a transfer.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::{self, JoinHandle};

/// Files from this size are worth a thread.
pub(super) const WORTHWHILE_BYTES: u64 = 4 << 20;

/// Buffers under way: enough that neither side waits for a hiccup of the other, few enough that
/// they stay under 8 MiB even with the largest chunks.
const BUFFERS: usize = 6;

/// Writes in the background, in order. Dropping it waits until everything is written.
#[derive(Debug)]
pub(super) struct WriteBehind {
    chunks: Option<SyncSender<Chunk>>,
    spares: Receiver<Vec<u8>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// A buffer and what of it is to be written.
struct Chunk {
    buffer: Vec<u8>,
    range: Range<usize>,
}

impl WriteBehind {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub(super) fn start(file: File) -> io::Result<Self> {
        let (chunks, to_write) = mpsc::sync_channel(BUFFERS);
        let (written, spares) = mpsc::channel();
        for _ in 0..BUFFERS {
            // The other end is right here.
            let _ = written.send(Vec::new());
        }
        let thread = thread::Builder::new()
            .name("write-behind".to_owned())
            .spawn(move || write_all(file, &to_write, &written))?;
        Ok(Self {
            chunks: Some(chunks),
            spares,
            thread: Some(thread),
        })
    }

    /// A buffer whose bytes are written; waits for one.
    ///
    /// # Errors
    /// When an earlier write failed.
    pub(super) fn spare(&mut self) -> io::Result<Vec<u8>> {
        match self.spares.recv() {
            Ok(buffer) => Ok(buffer),
            Err(_) => Err(self.failure()),
        }
    }

    /// Writes that part of the buffer, some time.
    ///
    /// # Errors
    /// When an earlier write failed.
    pub(super) fn write(&mut self, buffer: Vec<u8>, range: Range<usize>) -> io::Result<()> {
        let chunk = Chunk { buffer, range };
        match self.chunks.as_ref().map(|chunks| chunks.send(chunk)) {
            Some(Ok(())) => Ok(()),
            _ => Err(self.failure()),
        }
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// When a write failed.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        self.chunks = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the writing thread failed")),
            None => Ok(()),
        }
    }

    /// Why the thread ended before it was told to.
    fn failure(&mut self) -> io::Error {
        match self.end() {
            Err(error) => error,
            Ok(()) => io::Error::other("writing has ended already"),
        }
    }
}

impl Drop for WriteBehind {
    fn drop(&mut self) {
        // Whoever drops it has given the file up: the reason is known already.
        let _ = self.end();
    }
}

fn write_all(
    mut file: File,
    to_write: &Receiver<Chunk>,
    written: &Sender<Vec<u8>>,
) -> io::Result<()> {
    for Chunk { buffer, range } in to_write {
        file.write_all(&buffer[range])?;
        // After the last chunk nobody waits for buffers any more.
        let _ = written.send(buffer);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_written_in_order_and_buffers_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut behind = WriteBehind::start(File::create(&path).unwrap()).unwrap();
        let mut expected = Vec::new();
        for n in 0..100_u8 {
            let mut buffer = behind.spare().unwrap();
            buffer.clear();
            buffer.extend([0, 0, n, n, n, 0]);
            behind.write(buffer, 2..5).unwrap();
            expected.extend([n; 3]);
        }
        behind.finish().unwrap();
        assert_eq!(std::fs::read(path).unwrap(), expected);
    }

    #[test]
    fn a_failed_write_is_told_at_the_next_step_and_at_the_end() {
        let read_only = || File::open("/dev/null").unwrap();
        let mut behind = WriteBehind::start(read_only()).unwrap();
        behind.write(vec![1], 0..1).unwrap();
        let told = (0..=BUFFERS).find_map(|_| behind.spare().err()).unwrap();
        assert_eq!(
            told.raw_os_error(),
            Some(rustix::io::Errno::BADF.raw_os_error())
        );
        let mut behind = WriteBehind::start(read_only()).unwrap();
        behind.write(vec![1], 0..1).unwrap();
        assert!(behind.finish().is_err());
    }

    #[test]
    fn what_is_dropped_is_written_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut behind = WriteBehind::start(File::create(&path).unwrap()).unwrap();
        behind.write(vec![7; 10], 0..10).unwrap();
        drop(behind);
        assert_eq!(std::fs::read(path).unwrap(), [7; 10]);
    }
}
