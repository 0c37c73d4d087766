//! `GET /root.crt`: the root certificate, PEM. Whoever fetches it compares the fingerprint.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::state::Shared;

/// 200 with the certificate.
#[utoipa::path(
    get,
    path = "/root.crt",
    responses((status = 200, description = "the root certificate, PEM",
               content_type = "application/x-pem-file")),
    tag = "root"
)]
pub async fn root_crt(State(app): State<Shared>) -> Response {
    (
        [(header::CONTENT_TYPE, "application/x-pem-file")],
        app.root_pem.clone(),
    )
        .into_response()
}
