//! `POST /admin/certificates/{serial}/revoke`: revokes the device that has this certificate.

use axum::extract::State;
use root_ca::Serial;

use super::desk;
use super::extract::Named;
use crate::administration::Administration;
use crate::administration::wire::{PerhapsRevoked, Revoke};
use crate::body::{By, Json};
use crate::device::Administrator;
use crate::problem::Problem;
use crate::routes::responses::{BodyRefusals, InUse, NoneSuch, Refusals};
use crate::state::Shared;

/// 200 with how many certificates were in force, also when all were revoked before.
#[utoipa::path(
    post,
    path = "/admin/certificates/{serial}/revoke",
    operation_id = "revoke_certificate",
    params(("serial" = String, Path, description = "32 hexadecimal digits")),
    request_body(content = inline(Revoke), content_type = "application/json"),
    responses(
        (status = 200, description = "revoked, now or before", body = inline(PerhapsRevoked),
         content_type = "application/json"),
        Refusals,
        BodyRefusals,
        NoneSuch,
        InUse,
    ),
    tag = "administration"
)]
pub(super) async fn revoke(
    State(app): State<Shared>,
    Named(serial): Named<Serial>,
    By(administrator, why): By<Administrator, Revoke>,
) -> Result<Json<PerhapsRevoked>, Problem> {
    let desk = desk(&app, &administrator);
    let revoked = desk.revoke_device(&serial, why.reason()?).await?;
    Ok(Json(PerhapsRevoked { revoked }))
}
