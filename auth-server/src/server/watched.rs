//! What passes through a connection tells whose turn it is: the bytes, a request's body, an
//! answer's body.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use rustix::net::sockopt::{set_socket_send_buffer_size, set_tcp_user_timeout};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::places::{Turns, Untaken};

/// The slowest that a client may take its answers while others want its place: slower than any line
/// that people use, and 2 MiB in the two minutes that a connection has.
const SLOWEST_BYTES_PER_SEC: u32 = 16 * 1024;

/// How long a client may not confirm what was sent on a stream of events: with a sign of life each 15
/// seconds, a device that is gone is known to be within 45.
const STREAM_UNCONFIRMED_MILLIS: u32 = 30_000;
/// Bytes of a stream that the system holds for a client (it takes the double): there are thousands of them.
const STREAM_SEND_BUFFER_BYTES: usize = 16 * 1024;

/// The bytes of a connection, as they leave for the network: beneath TLS.
pub(super) struct Watched<S> {
    stream: S,
    turns: Turns,
    heard: bool,
    /// Since when more was to be written than the client took; what it took since then has moved this
    /// on, by the time that the slowest would have needed for it.
    untaken: Option<Untaken>,
    /// Whether it has ever taken anything that it was behind with.
    is_read: bool,
    /// Whether the socket was told that it is a stream's.
    is_stream: bool,
}

impl<S: AsFd> Watched<S> {
    /// A stream's socket is held otherwise from its first byte on. Where the system refuses, the stream
    /// is no worse off than another connection.
    fn note_stream(&mut self) {
        if !self.is_stream && self.turns.is_stream() {
            self.is_stream = true;
            let _ = set_tcp_user_timeout(&self.stream, STREAM_UNCONFIRMED_MILLIS);
            let _ = set_socket_send_buffer_size(&self.stream, STREAM_SEND_BUFFER_BYTES);
        }
    }
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, turns: Turns) -> Self {
        Self {
            stream,
            turns,
            heard: false,
            untaken: None,
            is_read: false,
            is_stream: false,
        }
    }

    /// Tells the door only what it does not know: most answers are taken as they come.
    fn note(&mut self, untaken: Option<Untaken>) {
        if self.untaken != untaken {
            self.untaken = untaken;
            self.turns.untaken(untaken);
        }
    }

    fn note_written(&mut self, written: &Poll<io::Result<usize>>) {
        let now = Instant::now();
        match (written, self.untaken) {
            (Poll::Pending, None) => self.note(Some(Untaken {
                since: now,
                is_read: self.is_read,
            })),
            (Poll::Ready(Ok(taken)), Some(untaken)) => {
                self.is_read = true;
                let since = untaken.since + worth(*taken);
                let is_read = true;
                self.note((since < now).then_some(Untaken { since, is_read }));
            }
            _ => {}
        }
    }
}

/// The time that the slowest client needs for so many bytes.
fn worth(bytes: usize) -> Duration {
    Duration::from_secs(1) * u32::try_from(bytes).unwrap_or(u32::MAX) / SLOWEST_BYTES_PER_SEC
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if !self.heard && buffer.filled().len() > before {
            self.heard = true;
            self.turns.heard(Instant::now());
        }
        read
    }
}

impl<S: AsyncWrite + AsFd + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.note_stream();
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note_written(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.note_stream();
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.note_written(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Is asked for when nothing is left to be written.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if let Poll::Ready(Ok(())) = flushed {
            self.note(None);
            self.turns.flushed(Instant::now());
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A request's body; it is dropped as soon as it was read.
pub(super) struct Asked {
    body: Incoming,
    turns: Turns,
}

impl Asked {
    pub(super) fn new(body: Incoming, turns: Turns) -> Self {
        turns.header_came(!body.is_end_stream(), Instant::now());
        Self { body, turns }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.turns.body_came();
    }
}

impl HttpBody for Asked {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer's body; it is dropped when its last byte was taken.
pub(super) struct Answered {
    body: Body,
    turns: Turns,
}

impl Answered {
    pub(super) fn new(body: Body, turns: Turns) -> Self {
        Self { body, turns }
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        self.turns.answer_written();
    }
}

impl HttpBody for Answered {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
