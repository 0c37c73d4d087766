//! `GET /openapi.json`: the description of this API.

use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::router::DESCRIPTION;

/// 200 with the document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    responses((status = 200, description = "this document", content_type = "application/json")),
    tag = "about the server"
)]
pub async fn openapi() -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        DESCRIPTION.as_str(),
    )
        .into_response()
}
