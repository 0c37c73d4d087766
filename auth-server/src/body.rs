//! Bodies in JSON, bounded, and wiped when they have been read.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::problem::Problem;
use crate::state::Shared;

/// Bytes of a body: a request of 8 KiB and a password of 1 KiB, escaped in JSON, many times over.
pub const MAX_BODY_BYTES: usize = 64 * 1024;

/// What comes of a body that is too long is read for nothing so long, and so many bytes of it: what a client
/// has sent before it looks for an answer.
const DRAINING: Duration = Duration::from_secs(1);
const MAX_DRAINED_BYTES: usize = 1024 * 1024;

/// An answer of that form.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// Who asks, and a body of that form. The right to ask is looked up before the body is read, so that
/// nobody else's is, and once more behind its last byte: a request that is held back does not outlive
/// a revocation.
#[derive(Debug)]
pub struct By<W, T, const MOST: usize = MAX_BODY_BYTES>(pub W, pub T);

impl<W, T, const MOST: usize> FromRequest<Shared> for By<W, T, MOST>
where
    W: FromRequestParts<Shared, Rejection = Problem> + Send,
    T: DeserializeOwned + Send,
{
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        W::from_request_parts(&mut parts, app).await?;
        let value = json_within(MOST, &parts.headers, body).await?;
        let who = W::from_request_parts(&mut parts, app).await?;
        Ok(Self(who, value))
    }
}

/// Reads a body that must be JSON of the form of `T`.
///
/// # Errors
/// When it is something else, or too long.
pub async fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Problem> {
    json_within(MAX_BODY_BYTES, headers, body).await
}

async fn json_within<T: DeserializeOwned>(
    most: usize,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    if !is_json(headers) {
        return Err(Problem::NotJson);
    }
    let bytes = read(most, body).await?;
    // What serde says of a wrong body may hold a piece of it, such as a password.
    serde_json::from_slice(&bytes).map_err(|_| Problem::Malformed)
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "application/json"),
            // It may hold a password that was made for somebody.
            (header::CACHE_CONTROL, "no-store"),
        ];
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => (headers, bytes).into_response(),
            Err(error) => {
                tracing::error!(%error, "an answer has no form in JSON");
                Problem::Unavailable.into_response()
            }
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Reads on, for nothing.
async fn drain(body: &mut Body) {
    let mut left = MAX_DRAINED_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let taken = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(taken) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

async fn read(most: usize, mut body: Body) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let announced = body.size_hint();
    let length = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
    if length(announced.lower()) > most {
        // Who sends it all at once hears why: what is left unread when a connection is closed makes the
        // client's system throw the answer away (RFC 9112, 9.6). The rest is not waited for.
        let _ = tokio::time::timeout(DRAINING, drain(&mut body)).await;
        return Err(Problem::TooLarge(most));
    }
    // Room for all of it at once: a buffer that grows leaves copies behind that nobody wipes.
    let room = announced.exact().map_or(most, length);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::Malformed)?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > most {
                return Err(Problem::TooLarge(most));
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}
