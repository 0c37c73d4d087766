//! `GET /me`, `PUT /me`: what a member tells of himself.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use time::OffsetDateTime;

use crate::body;
use crate::details;
use crate::device::{Device, ValidDevice};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::{App, RequestId, Shared};
use crate::store::Details;

/// What a member may change.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    display_name: String,
    email: String,
}

/// 200 with alias, role, name and e-mail address.
pub async fn show(
    State(app): State<Shared>,
    Extension(id): Extension<RequestId>,
    ValidDevice(device): ValidDevice,
) -> Response {
    match stored(&app, &device).await {
        Ok(details) => answer(&device, details),
        Err(refusal) => refusal.answer(&id),
    }
}

/// 200 with the same after the change.
pub async fn change(
    State(app): State<Shared>,
    Extension(id): Extension<RequestId>,
    ValidDevice(device): ValidDevice,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match store(&app, &device, &headers, body).await {
        Ok(details) => answer(&device, details),
        Err(refusal) => refusal.answer(&id),
    }
}

fn answer(device: &Device, details: Details) -> Response {
    let me = serde_json::json!({
        "alias": device.alias().as_str(),
        "role": device.role().as_str(),
        "display_name": details.display_name,
        "email": details.email,
    });
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, me.to_string()).into_response()
}

async fn stored(app: &App, device: &Device) -> Result<Details, Refusal> {
    let user = app.store.user(device.alias()).await?;
    Ok(user.ok_or(Problem::CertificateRefused)?.details)
}

async fn store(
    app: &App,
    device: &Device,
    headers: &HeaderMap,
    body: Body,
) -> Result<Details, Refusal> {
    let told: Told = body::json(headers, body).await?;
    let details = details::checked(&told.display_name, &told.email).map_err(Problem::Details)?;
    let now = OffsetDateTime::now_utc();
    app.store
        .set_details(device.alias(), &details, device.actor(), now)
        .await?;
    Ok(details)
}
