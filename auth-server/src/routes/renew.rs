//! `POST /renew`: a member's certificate and a request with a fresh key in, certificate out.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use root_ca::ProvenKey;
use serde::Deserialize;
use time::OffsetDateTime;

use crate::body;
use crate::device::{Device, RenewableDevice};
use crate::issuing;
use crate::problem::{Problem, ProblemDocument};
use crate::refusal::Refusal;
use crate::state::{App, Shared};
use crate::store::Issuance;

/// A renewal.
#[derive(Deserialize, utoipa::ToSchema)]
struct Renewal {
    /// The certificate request, PEM; its public key alone is taken, and must be a fresh one.
    csr: String,
}

/// 200 with the certificate in PEM, or a problem.
#[utoipa::path(
    post,
    path = "/renew",
    request_body(content = inline(Renewal), content_type = "application/json"),
    responses(
        (status = 200, description = "the certificate, PEM", content_type = "text/plain"),
        (status = 400, description = "malformed, or the key has been certified before",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 401, description = "no member's certificate, or it ended too long ago",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 403, description = "the certificate was revoked, its member is blocked, or a one-time password waits",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 413, description = "over 64 KiB", content_type = "application/problem+json",
         body = inline(ProblemDocument)),
        (status = 415, description = "not JSON", content_type = "application/problem+json",
         body = inline(ProblemDocument)),
        (status = 429, description = "too many renewals of one device, or certificates of one person; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 503, description = "the server cannot do it now; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
    ),
    tag = "certificates"
)]
pub async fn renew(
    State(app): State<Shared>,
    RenewableDevice(device): RenewableDevice,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match certificate(&app, &device, &headers, body).await {
        Ok(pem) => issuing::certificate(pem),
        Err(refusal) => refusal.answer(),
    }
}

async fn certificate(
    app: &App,
    device: &Device,
    headers: &HeaderMap,
    body: Body,
) -> Result<String, Refusal> {
    let renewal: Renewal = body::json(headers, body).await?;
    let key = ProvenKey::from_pem(&renewal.csr).map_err(Problem::Request)?;
    // What was copied from the device together with the old key ends with the old certificate.
    if key.public_key().sha256() == *device.key_sha256() {
        return Err(Problem::KeyInUse.into());
    }
    let issuance = Issuance {
        by: device.actor(),
        renews: Some(device.serial()),
        now: OffsetDateTime::now_utc(),
    };
    issuing::issue(
        app,
        device.alias(),
        device.role(),
        &key,
        issuance,
        Problem::CertificateRefused,
    )
    .await
}
