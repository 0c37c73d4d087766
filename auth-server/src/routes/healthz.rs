//! `GET /healthz`: whether the server can issue certificates.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::observer::Observer;
use crate::problem::{Problem, ProblemDocument};
use crate::state::Shared;

/// 200 `ok` when the store answers and takes changes, else 503; for this machine and for administrators.
#[utoipa::path(
    get,
    path = "/healthz",
    responses(
        (status = 200, description = "the server can issue certificates",
         content_type = "text/plain"),
        (status = 401, description = "not from this machine, and without a member's certificate",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 403, description = "not an administrator",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 503, description = "the store does not answer, or takes no changes",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
    ),
    tag = "about the server"
)]
pub async fn healthz(_observer: Observer, State(app): State<Shared>) -> axum::response::Response {
    if app.store_watch.is_failing() {
        // The log has it already.
        return Problem::Unavailable.into_response();
    }
    match app.store.revocations().await {
        Ok(_) => (
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            "ok\n",
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "the store does not answer");
            Problem::Unavailable.into_response()
        }
    }
}
