//! `PUT /presence`, `DELETE /presence`: a device says where it is and what it offers, or takes it back.

use std::time::Instant;

use axum::extract::State;
use axum::http::StatusCode;
use time::OffsetDateTime;

use crate::body::By;
use crate::device::ValidDevice;
use crate::presence::{Announcement, Offer, Who};
use crate::problem::{Problem, ProblemDocument};
use crate::state::Shared;

/// Bytes of an announcement: what it may hold at most, in reason.
const MAX_ANNOUNCEMENT_BYTES: usize = 8 * 1024;

/// 204 once the device is in the directory.
#[utoipa::path(
    put,
    path = "/presence",
    operation_id = "announce",
    request_body(content = inline(Announcement), content_type = "application/json"),
    responses(
        (status = 204, description = "the device is online: while it has a stream of events, and for \
         30 seconds without one"),
        (status = 400, description = "malformed, or a field is not accepted; the detail says which",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 401, description = "no member's certificate, or it has ended",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 403, description = "the certificate was revoked, or its member is blocked",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 413, description = "over 8 KiB", content_type = "application/problem+json",
         body = inline(ProblemDocument)),
        (status = 415, description = "not JSON", content_type = "application/problem+json",
         body = inline(ProblemDocument)),
        (status = 429, description = "too many announcements, or 64 devices of this member are \
         online; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 503, description = "the server cannot do it now; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
    ),
    tag = "events"
)]
pub async fn announce(
    State(app): State<Shared>,
    By(ValidDevice(device), told): By<ValidDevice, Announcement, MAX_ANNOUNCEMENT_BYTES>,
) -> Result<StatusCode, Problem> {
    let offer = Offer::try_from(told).map_err(Problem::Announcement)?;
    let (now, at) = (Instant::now(), OffsetDateTime::now_utc());
    app.events.announce(&Who::from(&device), offer, now, at)?;
    Ok(StatusCode::NO_CONTENT)
}

/// 204 once the device is not in the directory.
#[utoipa::path(
    delete,
    path = "/presence",
    operation_id = "withdraw",
    responses(
        (status = 204, description = "the device is not online any more"),
        (status = 401, description = "no member's certificate, or it has ended",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 403, description = "the certificate was revoked, or its member is blocked",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 503, description = "the server cannot do it now; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
    ),
    tag = "events"
)]
pub async fn withdraw(State(app): State<Shared>, ValidDevice(device): ValidDevice) -> StatusCode {
    app.events.withdraw(&device.line());
    StatusCode::NO_CONTENT
}
