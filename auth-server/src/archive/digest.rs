//! SHA-256 of what passes.

use std::io::{self, Read, Write};

use aws_lc_rs::digest::{Context, SHA256};

/// What is read at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// The number and the digest of the bytes that were written into it.
pub(super) struct Digest {
    context: Context,
    bytes: u64,
}

impl Digest {
    pub(super) fn new() -> Self {
        Self {
            context: Context::new(&SHA256),
            bytes: 0,
        }
    }

    /// How many bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many there were, and their digest in hexadecimal.
    pub(super) fn finish(self) -> (u64, String) {
        let digest = self.context.finish();
        let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
        (self.bytes, digits.collect())
    }
}

impl Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.context.update(bytes);
        self.bytes += size(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A source whose bytes are digested as they are read.
pub(super) struct Digested<R> {
    source: R,
    pub(super) digest: Digest,
}

impl<R: Read> Digested<R> {
    pub(super) fn new(source: R) -> Self {
        Self {
            source,
            digest: Digest::new(),
        }
    }
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.digest.write_all(&buffer[..read])?;
        Ok(read)
    }
}

pub(super) fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

pub(super) fn digest(from: impl Read) -> io::Result<(u64, String)> {
    copy(from, &mut io::sink())
}

/// Copies all that is there; returns its size and digest.
pub(super) fn copy(from: impl Read, to: &mut impl Write) -> io::Result<(u64, String)> {
    let mut from = Digested::new(from);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(from.digest.finish()),
            Ok(read) => to.write_all(&buffer[..read])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
