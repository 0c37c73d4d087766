//! The stream of events of the auth server; read by [`events`](crate::events).

use std::time::Duration;

use ureq::http::{Request, StatusCode, header};
use ureq::{BodyReader, Error as HttpError};

use super::{AuthClient, EXCHANGE};
use crate::failure::Failure;

/// The server says something every 15 seconds; three such silences, and it is gone.
const SILENCE: Duration = Duration::from_secs(45);

/// What an event stream is (WHATWG HTML, 9.2).
const EVENT_STREAM: &str = "text/event-stream";

/// Its request header.
const LAST_EVENT_ID: &str = "last-event-id";

/// An open stream, and who tells.
pub struct Stream {
    /// Its server.
    pub server: String,
    /// Its bytes.
    pub bytes: BodyReader<'static>,
}

/// The event of a server that was heard last. To another server its number means nothing, or worse:
/// another event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Who told it.
    pub server: String,
    /// Its number there.
    pub id: u64,
}

impl AuthClient {
    /// Opens the stream of events, from behind the `last` one that was heard where its server is the
    /// one that answers. Reading fails when the server is silent for too long. Needs
    /// [`AuthClient::with_device`].
    ///
    /// # Errors
    /// When the server does not take the certificate, has no room, or cannot be reached.
    pub fn events(&self, last: Option<&Heard>) -> Result<Stream, Failure> {
        let mut answer = self.ask(&self.servers.in_turn(), |server| {
            let request = self.agent.configure_request(opening(server, last)?);
            Ok(request
                .timeout_global(None)
                .timeout_recv_response(Some(EXCHANGE))
                .timeout_per_read(Some(SILENCE))
                .build())
        })?;
        let kind = answer.headers().get(header::CONTENT_TYPE);
        let tells = kind
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with(EVENT_STREAM));
        match answer.status() {
            StatusCode::OK if tells => Ok(Stream {
                server: answer.server().to_owned(),
                bytes: {
                    let body = answer.into_body().into_with_config();
                    body.limit(u64::MAX).reader()
                },
            }),
            StatusCode::OK => Err(answer.nonsense()),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(answer.not_accepted("tells this device nothing"))
            }
            _ => Err(answer.refused()),
        }
    }
}

fn opening(server: &str, last: Option<&Heard>) -> Result<Request<()>, HttpError> {
    let mut request = Request::get(format!("{server}/events")).header(header::ACCEPT, EVENT_STREAM);
    if let Some(last) = last.filter(|last| last.server == server) {
        request = request.header(LAST_EVENT_ID, last.id);
    }
    Ok(request.body(())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_an_event_is_told_to_its_own_server_alone() {
        let heard = Heard {
            server: "https://a:1".into(),
            id: 7,
        };
        let told = |server, last| {
            let request = opening(server, last).unwrap();
            request.headers().get(LAST_EVENT_ID).cloned()
        };
        assert_eq!(told("https://a:1", Some(&heard)).unwrap(), "7");
        assert_eq!(told("https://b:1", Some(&heard)), None);
        assert_eq!(told("https://a:12", Some(&heard)), None);
        assert_eq!(told("https://a:1", None), None);
    }
}
