//! `GET /me`, `PUT /me`: what a member tells of himself.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::body::By;
use crate::details;
use crate::device::{Device, ValidDevice};
use crate::problem::{Problem, ProblemDocument};
use crate::refusal::Refusal;
use crate::state::{App, Shared};
use crate::store::Details;
use crate::throttle;

/// What a member may change.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The name, at most 100 characters; may be empty.
    display_name: String,
    /// The e-mail address; may be empty.
    email: String,
}

/// What a member is told.
#[derive(Serialize, utoipa::ToSchema)]
struct Me {
    alias: String,
    /// What the store says the member may do.
    role: String,
    display_name: String,
    email: String,
}

/// 200 with alias, role, name and e-mail address.
#[utoipa::path(
    get,
    path = "/me",
    operation_id = "me",
    responses(
        (status = 200, description = "what the server knows of the member", body = inline(Me),
         content_type = "application/json"),
        (status = 401, description = "no member's certificate, or it has ended",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 403, description = "the certificate was revoked, or its member is blocked",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 503, description = "the server cannot do it now; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
    ),
    tag = "account"
)]
pub async fn show(State(app): State<Shared>, ValidDevice(device): ValidDevice) -> Response {
    match stored(&app, &device).await {
        Ok(details) => answer(&device, details),
        Err(refusal) => refusal.answer(),
    }
}

/// 200 with the same after the change.
#[utoipa::path(
    put,
    path = "/me",
    operation_id = "change_me",
    request_body(content = inline(Told), content_type = "application/json"),
    responses(
        (status = 200, description = "the same after the change", body = inline(Me),
         content_type = "application/json"),
        (status = 400, description = "malformed", content_type = "application/problem+json",
         body = inline(ProblemDocument)),
        (status = 401, description = "no member's certificate, or it has ended",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 403, description = "the certificate was revoked, or its member is blocked",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 413, description = "over 64 KiB", content_type = "application/problem+json",
         body = inline(ProblemDocument)),
        (status = 415, description = "not JSON", content_type = "application/problem+json",
         body = inline(ProblemDocument)),
        (status = 422, description = "name or e-mail address is not accepted",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 429, description = "too many changes within an hour; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 503, description = "the server cannot do it now; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
    ),
    tag = "account"
)]
pub async fn change(
    State(app): State<Shared>,
    By(ValidDevice(device), told): By<ValidDevice, Told>,
) -> Response {
    match store(&app, &device, told).await {
        Ok(details) => answer(&device, details),
        Err(refusal) => refusal.answer(),
    }
}

fn answer(device: &Device, details: Details) -> Response {
    let me = Me {
        alias: device.alias().to_string(),
        role: device.role().to_string(),
        display_name: details.display_name,
        email: details.email,
    };
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, serde_json::to_vec(&me).unwrap_or_default()).into_response()
}

async fn stored(app: &App, device: &Device) -> Result<Details, Refusal> {
    let user = app.store.user(device.alias()).await?;
    Ok(user.ok_or(Problem::CertificateRefused)?.details)
}

async fn store(app: &App, device: &Device, told: Told) -> Result<Details, Refusal> {
    let details = details::checked(&told.display_name, &told.email).map_err(Problem::Details)?;
    let allowance = throttle::of_details(device.alias());
    let now = OffsetDateTime::now_utc();
    app.store
        .set_details(device.alias(), &details, &allowance, device.actor(), now)
        .await?;
    Ok(details)
}
