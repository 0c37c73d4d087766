//! `POST /admin/certificates/{serial}/revoke`: revokes one certificate.

use axum::extract::State;
use axum::http::StatusCode;
use root_ca::Serial;

use super::desk;
use super::extract::Named;
use crate::administration::Administration;
use crate::administration::wire::Revoke;
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::state::Shared;

/// 204, also when it was revoked before.
pub(super) async fn revoke(
    State(app): State<Shared>,
    administrator: Administrator,
    Named(serial): Named<Serial>,
    Json(why): Json<Revoke>,
) -> Result<StatusCode, Problem> {
    let desk = desk(&app, &administrator);
    desk.revoke_certificate(&serial, why.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}
