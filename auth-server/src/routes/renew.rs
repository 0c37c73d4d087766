//! `POST /renew`: a member's certificate and a request with a fresh key in, certificate out.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Response;
use root_ca::ProvenKey;
use serde::Deserialize;
use time::OffsetDateTime;

use crate::body;
use crate::device::{Device, RenewableDevice};
use crate::issuing;
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::{App, RequestId, Shared};
use crate::store::Issuance;

#[derive(Deserialize)]
struct Renewal {
    csr: String,
}

/// 200 with the certificate in PEM, or a problem.
pub async fn renew(
    State(app): State<Shared>,
    RenewableDevice(device): RenewableDevice,
    Extension(id): Extension<RequestId>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match certificate(&app, &device, &headers, body).await {
        Ok(pem) => issuing::certificate(pem),
        Err(refusal) => refusal.answer(&id),
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
