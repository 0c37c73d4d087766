//! `GET /healthz`: whether the server can issue certificates.

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::problem::Problem;
use crate::state::Shared;

/// 200 `ok` when the store answers, else 503.
pub async fn healthz(State(app): State<Shared>) -> axum::response::Response {
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
