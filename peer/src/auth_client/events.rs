//! The stream of events of the auth server; read by [`events`](crate::events).

use std::time::Duration;

use ureq::BodyReader;
use ureq::http::{StatusCode, header};

use super::{AuthClient, EXCHANGE_SECS};
use crate::failure::Failure;

/// The server says something every 15 seconds; three such silences, and it is gone.
const SILENCE: Duration = Duration::from_secs(45);

/// What an event stream is (WHATWG HTML, 9.2).
const EVENT_STREAM: &str = "text/event-stream";

/// Its request header.
const LAST_EVENT_ID: &str = "last-event-id";

impl AuthClient {
    /// Opens the stream of events, from behind the `last` one that was heard. Reading fails when the
    /// server is silent for too long. Needs [`AuthClient::with_device`].
    ///
    /// # Errors
    /// When the server does not take the certificate, has no room, or cannot be reached.
    pub fn events(&self, last: Option<u64>) -> Result<BodyReader<'static>, Failure> {
        let mut request = self
            .agent
            .get(format!("{}/events", self.base))
            .header(header::ACCEPT, EVENT_STREAM);
        if let Some(last) = last {
            request = request.header(LAST_EVENT_ID, last);
        }
        let response = request
            .config()
            .timeout_global(None)
            .timeout_recv_response(Some(Duration::from_secs(EXCHANGE_SECS)))
            .timeout_per_read(Some(SILENCE))
            .build()
            .call()
            .map_err(|error| self.failed(&error))?;
        let kind = response.headers().get(header::CONTENT_TYPE);
        let tells = kind
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with(EVENT_STREAM));
        match response.status() {
            StatusCode::OK if tells => {
                let body = response.into_body().into_with_config();
                Ok(body.limit(u64::MAX).reader())
            }
            StatusCode::OK => Err(self.nonsense()),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(self.turned_away("tells this device nothing", response))
            }
            _ => Err(self.refused(response)),
        }
    }
}
