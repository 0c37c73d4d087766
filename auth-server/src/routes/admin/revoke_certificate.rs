//! `POST /admin/certificates/{serial}/revoke`: revokes the device that has this certificate.

use axum::extract::State;
use root_ca::Serial;

use super::desk;
use super::extract::Named;
use crate::administration::Administration;
use crate::administration::wire::{Revoke, RevokedDevice};
use crate::body::{By, Json};
use crate::device::Administrator;
use crate::problem::{Problem, ProblemDocument};
use crate::state::Shared;

/// 200 with how many certificates were in force, also when all were revoked before.
#[utoipa::path(
    post,
    path = "/admin/certificates/{serial}/revoke",
    operation_id = "revoke_certificate",
    params(("serial" = String, Path, description = "32 hexadecimal digits")),
    request_body(content = inline(Revoke), content_type = "application/json"),
    responses(
        (status = 200, description = "revoked, now or before", body = inline(RevokedDevice),
         content_type = "application/json"),
        (status = 400, description = "the path, the query or the body is not what belongs here",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 401, description = "no member's certificate, or it has ended",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 403, description = "not an administrator, or the certificate was revoked",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 404, description = "there is none",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 503, description = "the server cannot do it now; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
    ),
    tag = "administration"
)]
pub(super) async fn revoke(
    State(app): State<Shared>,
    Named(serial): Named<Serial>,
    By(administrator, why): By<Administrator, Revoke>,
) -> Result<Json<RevokedDevice>, Problem> {
    let desk = desk(&app, &administrator);
    let revoked = desk.revoke_device(&serial, why.reason()?).await?;
    Ok(Json(RevokedDevice { revoked }))
}
