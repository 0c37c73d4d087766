//! `GET /peers`: who is online.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::device::ValidDevice;
use crate::presence::Online;
use crate::problem::ProblemDocument;
use crate::state::Shared;

/// Who is online.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes what the directory writes")]
struct Peers {
    /// By alias, then by time.
    #[schema(inline)]
    peers: Vec<Online>,
}

/// 200 with the devices that are online.
#[utoipa::path(
    get,
    path = "/peers",
    operation_id = "peers",
    responses(
        (status = 200, description = "the devices that are online and not unlisted",
         body = inline(Peers), content_type = "application/json"),
        (status = 401, description = "no member's certificate, or it has ended",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 403, description = "the certificate was revoked, or its member is blocked",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 503, description = "the server cannot do it now; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
    ),
    tag = "events"
)]
pub async fn peers(State(app): State<Shared>, ValidDevice(_): ValidDevice) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, app.events.listing()).into_response()
}
