//! `POST /password`: alias, old and new password in; the new one counts from then on.
//!
//! The old password is always demanded, also from a device that shows its certificate: who finds
//! an unlocked laptop must not be able to take the account over.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use serde::Deserialize;

use crate::body;
use crate::device::ShownDevice;
use crate::login::{self, Claim};
use crate::problem::ProblemDocument;
use crate::refusal::Refusal;
use crate::state::{App, Remote, Shared};

/// A change of password.
#[derive(Deserialize, utoipa::ToSchema)]
struct Change {
    /// Whose.
    alias: String,
    /// The password until now, chosen or one-time.
    #[schema(value_type = String, format = Password)]
    old: SecretString,
    /// The password from then on, at most 1024 bytes.
    #[schema(value_type = String, format = Password)]
    new: SecretString,
}

/// 204, or a problem; what is wrong with the new password is told only to who knew the old one.
#[utoipa::path(
    post,
    path = "/password",
    request_body(content = inline(Change), content_type = "application/json"),
    responses(
        (status = 204, description = "the new password counts"),
        (status = 400, description = "malformed", content_type = "application/problem+json",
         body = inline(ProblemDocument)),
        (status = 401, description = "alias or old password is wrong",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 413, description = "over 64 KiB", content_type = "application/problem+json",
         body = inline(ProblemDocument)),
        (status = 415, description = "not JSON", content_type = "application/problem+json",
         body = inline(ProblemDocument)),
        (status = 422, description = "the new password is not accepted",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 429, description = "too many failed logins, or too many changes; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 503, description = "more logins than can be checked; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
    ),
    tag = "account"
)]
pub async fn password(
    State(app): State<Shared>,
    Extension(remote): Extension<Remote>,
    device: ShownDevice,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match change(&app, remote, &device, &headers, body).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal.answer(),
    }
}

async fn change(
    app: &App,
    remote: Remote,
    device: &ShownDevice,
    headers: &HeaderMap,
    body: Body,
) -> Result<(), Refusal> {
    let Change { alias, old, new } = body::json(headers, body).await?;
    let claim = Claim {
        alias,
        password: old,
    };
    let known = login::check(app, remote, device.0.as_ref(), claim).await?;
    known.change_password(app, new).await
}
