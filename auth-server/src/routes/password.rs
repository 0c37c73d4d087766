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
use crate::refusal::Refusal;
use crate::state::{App, Remote, RequestId, Shared};

#[derive(Deserialize)]
struct Change {
    alias: String,
    old: SecretString,
    new: SecretString,
}

/// 204, or a problem; what is wrong with the new password is told only to who knew the old one.
pub async fn password(
    State(app): State<Shared>,
    Extension(remote): Extension<Remote>,
    Extension(id): Extension<RequestId>,
    device: ShownDevice,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match change(&app, remote, &device, &headers, body).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal.answer(&id),
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
