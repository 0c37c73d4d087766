//! One question to the auth servers: to the first with which there is a connection.

use std::time::Duration;

use serde::Serialize;
use ureq::http::request::Builder;
use ureq::http::{HeaderMap, Request, Response, StatusCode, header};
use ureq::{AsSendBody, Body, Error as HttpError};
use zeroize::Zeroizing;

use super::AuthClient;
use super::connecting::CONNECT;
use super::unreachable::{Missed, failed, none_reached};
use crate::failure::{Exit, Failure};

/// To connect while others remain: enough for one lost packet, which is sent again after a second
/// (RFC 6298, 2). Who takes longer is asked once more when all others failed.
const CONNECT_WHILE_OTHERS_REMAIN: Duration = Duration::from_secs(2);

/// An answer, and whose.
#[derive(Debug)]
pub(super) struct Answer {
    server: String,
    response: Response<Body>,
}

impl Answer {
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Its whole body, `limit` bytes included.
    pub(super) fn body(&mut self, limit: usize) -> Result<Vec<u8>, Failure> {
        // The reader wants to know that nothing follows.
        let taken = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let body = self.response.body_mut().with_config().limit(taken);
        match body.read_to_vec() {
            Ok(bytes) if bytes.len() <= limit => Ok(bytes),
            Ok(_) | Err(HttpError::BodyExceedsLimit(_)) => Err(self.too_long(limit)),
            Err(error) => Err(failed(&self.server, &error)),
        }
    }

    pub(super) fn text(&mut self, limit: usize) -> Result<String, Failure> {
        String::from_utf8(self.body(limit)?).map_err(|_| self.nonsense())
    }

    pub(super) fn into_body(self) -> Body {
        self.response.into_body()
    }
}

impl AuthClient {
    /// Asks the servers in turn.
    ///
    /// # Errors
    /// When none is reached, or the one that is breaks off.
    pub(super) fn get(
        &self,
        path: &str,
        head: impl Fn(Builder) -> Builder,
    ) -> Result<Answer, Failure> {
        self.ask(&self.servers.in_turn(), |server| {
            let request = Request::get(format!("{server}{path}"));
            head(request).body(()).map_err(HttpError::from)
        })
    }

    /// Sends a body that is wiped afterwards.
    pub(super) fn send_json(
        &self,
        method: &str,
        path: &str,
        value: &impl Serialize,
    ) -> Result<Answer, Failure> {
        let body = serde_json::to_vec(value)
            .map(Zeroizing::new)
            .map_err(|error| Failure::new(Exit::Other, error.to_string()))?;
        self.ask(&self.servers.in_turn(), |server| {
            Request::builder()
                .method(method)
                .uri(format!("{server}{path}"))
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.as_slice())
                .map_err(HttpError::from)
        })
    }

    pub(super) fn delete(&self, path: &str) -> Result<Answer, Failure> {
        self.ask(&self.servers.in_turn(), |server| {
            let request = Request::delete(format!("{server}{path}"));
            request.body(()).map_err(HttpError::from)
        })
    }

    /// Asks one server that may be gone; nothing is remembered of that.
    pub(super) fn ask_quickly(
        &self,
        server: &str,
        request: impl Fn(&str) -> Result<Request<()>, HttpError>,
    ) -> Option<Answer> {
        let answer = self.ask_one(server, CONNECT_WHILE_OTHERS_REMAIN, &request);
        let response = answer.ok()?.ok()?;
        Some(Answer {
            server: server.to_owned(),
            response,
        })
    }

    /// Asks the first of `servers` with which there is a connection, and no other one whatever comes
    /// then, so that nothing is done twice.
    pub(super) fn ask<S: AsSendBody>(
        &self,
        servers: &[&str],
        request: impl Fn(&str) -> Result<Request<S>, HttpError>,
    ) -> Result<Answer, Failure> {
        let mut missed: Vec<(&str, Missed)> = Vec::new();
        for (server, patience) in tries(servers) {
            let again = missed.iter().position(|(other, _)| *other == server);
            if again.is_some_and(|index| !missed[index].1.was_slow) {
                continue;
            }
            match self.ask_one(server, patience, &request)? {
                Ok(response) => {
                    self.servers.answered(server);
                    if !missed.is_empty() {
                        self.servers.prefer(server);
                    }
                    return Ok(Answer {
                        server: server.to_owned(),
                        response,
                    });
                }
                Err(why) => {
                    self.warn(server, &why);
                    match again {
                        Some(index) => missed[index].1 = why,
                        None => missed.push((server, why)),
                    }
                }
            }
        }
        Err(none_reached(&missed))
    }

    /// Its answer, or why there is no connection.
    fn ask_one<S: AsSendBody>(
        &self,
        server: &str,
        patience: Duration,
        request: &impl Fn(&str) -> Result<Request<S>, HttpError>,
    ) -> Result<Result<Response<Body>, Missed>, Failure> {
        let answer = request(server).and_then(|request| {
            let request = self.agent.configure_request(request);
            let request = request.timeout_connect(Some(patience)).build();
            self.agent.run(request)
        });
        match answer {
            Ok(response) => Ok(Ok(response)),
            Err(error) => match Missed::of(&error) {
                Some(missed) => Ok(Err(missed)),
                None => Err(failed(server, &error)),
            },
        }
    }

    /// A server that is not ours, or whose certificate is no good, is not passed over in silence. Of an
    /// only server the failure itself tells.
    fn warn(&self, server: &str, why: &Missed) {
        if why.exit == Exit::NotTrusted && self.servers.urls().len() > 1 {
            let text = format!("{server} was passed over: {}; {}", why.what, why.hint);
            self.servers.warn(server, &text);
        }
    }
}

/// Whom to try and how long: each in turn, and those that took too long once more with more patience.
fn tries<'a>(servers: &[&'a str]) -> Vec<(&'a str, Duration)> {
    let Some((last, others)) = servers.split_last() else {
        return Vec::new();
    };
    let with = |patience| move |server: &&'a str| (*server, patience);
    let quick = others.iter().map(with(CONNECT_WHILE_OTHERS_REMAIN));
    let patient = others.iter().map(with(CONNECT));
    quick.chain([(*last, CONNECT)]).chain(patient).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_others_remain_little_time_is_spent_on_one() {
        assert_eq!(tries(&["a"]), [("a", CONNECT)]);
        let quick = CONNECT_WHILE_OTHERS_REMAIN;
        assert_eq!(
            tries(&["a", "b"]),
            [("a", quick), ("b", CONNECT), ("a", CONNECT)]
        );
        assert!(tries(&[]).is_empty());
    }
}
