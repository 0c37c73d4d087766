//! `POST /admin/certificates/{serial}/revoke`: revokes one certificate.

use axum::extract::State;
use axum::http::StatusCode;
use root_ca::Serial;

use super::desk;
use super::extract::Named;
use crate::administration::Administration;
use crate::administration::wire::Revoke;
use crate::body::By;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::routes::responses::{BodyRefusals, NoneSuch, Refusals};
use crate::state::Shared;

/// 204, also when it was revoked before.
#[utoipa::path(
    post,
    path = "/admin/certificates/{serial}/revoke",
    operation_id = "revoke_certificate",
    params(("serial" = String, Path, description = "32 hexadecimal digits")),
    request_body(content = inline(Revoke), content_type = "application/json"),
    responses(
        (status = 204, description = "revoked, now or before"),
        Refusals,
        BodyRefusals,
        NoneSuch,
    ),
    tag = "administration"
)]
pub(super) async fn revoke(
    State(app): State<Shared>,
    Named(serial): Named<Serial>,
    By(administrator, why): By<Administrator, Revoke>,
) -> Result<StatusCode, Problem> {
    let desk = desk(&app, &administrator);
    desk.revoke_certificate(&serial, why.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}
