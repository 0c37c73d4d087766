//! `GET /metrics`: what is counted and measured, for Prometheus.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use time::OffsetDateTime;

use crate::metrics::{CONTENT_TYPE, metrics as all};
use crate::observer::Observer;
use crate::problem::{Problem, ProblemDocument};
use crate::state::Shared;

/// 200 with the text format, for this machine and for administrators.
#[utoipa::path(
    get,
    path = "/metrics",
    responses(
        (status = 200, description = "Prometheus text format 0.0.4", content_type = "text/plain"),
        (status = 401, description = "not from this machine, and without a member's certificate",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 403, description = "not an administrator",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 503, description = "the store does not answer",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
    ),
    tag = "about the server"
)]
pub async fn metrics(_observer: Observer, State(app): State<Shared>) -> Response {
    let census = match app.store.census(OffsetDateTime::now_utc()).await {
        Ok(census) => census,
        Err(error) => {
            tracing::error!(%error, "the store does not answer");
            return Problem::Unavailable.into_response();
        }
    };
    match all().render(&census, &app.crl.current(), &app.passwords) {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            Problem::Unavailable.into_response()
        }
    }
}
