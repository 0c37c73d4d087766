//! `GET /events`: what a device is told while it listens.

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};

use crate::device::ValidDevice;
use crate::events::EventStream;
use crate::presence::Who;
use crate::problem::{Problem, ProblemDocument};
use crate::state::Shared;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// 200 with a stream that ends when the certificate does, or is revoked.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "events",
    params(("Last-Event-ID" = Option<u64>, Header,
            description = "the id of the last event that the device has seen; what it missed follows")),
    responses(
        (status = 200, description = "server-sent events: hello, reset, crl, person, online, offline; \
         a comment each 15 seconds of silence", content_type = "text/event-stream"),
        (status = 401, description = "no member's certificate, or it has ended",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 403, description = "the certificate was revoked, or its member is blocked",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 429, description = "the device has 4 streams, or its member 64; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 503, description = "the server cannot do it now; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
    ),
    tag = "events"
)]
pub async fn events(State(app): State<Shared>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    open(&app, parts).await.unwrap_or_else(Problem::response)
}

async fn open(app: &Shared, mut parts: Parts) -> Result<Response, Problem> {
    let ValidDevice(device) = ValidDevice::from_request_parts(&mut parts, app).await?;
    let reader = app
        .events
        .subscribe(Who::from(&device), last_seen(&parts.headers))?;
    // What was revoked before the stream was there did not end it.
    ValidDevice::from_request_parts(&mut parts, app).await?;
    let (stream, end) = EventStream::new(reader);
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let mut response = (headers, Body::new(stream)).into_response();
    response.extensions_mut().insert(end);
    Ok(response)
}

/// Whatever is no number of an event is none that is known.
fn last_seen(headers: &HeaderMap) -> Option<u64> {
    headers.get(LAST_EVENT_ID)?.to_str().ok()?.parse().ok()
}
