//! A stream of events as the body of an answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::watch;

use super::hub::Reader;

/// What a connection whose stream has ended gets to send the rest of it: who does not take that loses it.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Goes with the answer as far as the connection, which then is a stream's and nothing else.
#[derive(Debug, Clone)]
pub struct StreamEnd(watch::Receiver<()>);

impl StreamEnd {
    /// When that is closed.
    pub fn new(open: watch::Receiver<()>) -> Self {
        Self(open)
    }

    /// Waits until the stream has ended, and for its last words.
    pub async fn over(mut self) {
        // Nothing is ever sent: this waits until the sender is gone.
        while self.0.changed().await.is_ok() {}
        tokio::time::sleep(LAST_WORDS).await;
    }
}

type Next = Pin<Box<dyn Future<Output = (Reader, Option<Bytes>)> + Send>>;

/// The body.
pub struct EventStream {
    next: Option<Next>,
}

impl EventStream {
    /// What that reader gets.
    pub fn new(reader: Reader) -> (Self, StreamEnd) {
        let end = StreamEnd::new(reader.ended());
        let next = Some(next(reader));
        (Self { next }, end)
    }
}

fn next(mut reader: Reader) -> Next {
    Box::pin(async move {
        let text = reader.next().await;
        (reader, text)
    })
}

impl Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(waiting) = &mut self.next else {
            return Poll::Ready(None);
        };
        let (reader, text) = ready!(waiting.as_mut().poll(context));
        self.next = text.is_some().then(|| next(reader));
        Poll::Ready(text.map(|text| Ok(Frame::data(text))))
    }
}
