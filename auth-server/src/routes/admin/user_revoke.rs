//! `POST /admin/users/{alias}/revoke`: revokes all certificates of a person, and blocks.

use axum::extract::State;
use common::identity::Alias;

use super::desk;
use super::extract::Named;
use crate::administration::Administration;
use crate::administration::wire::{Revoke, Revoked};
use crate::body::{By, Json};
use crate::device::Administrator;
use crate::problem::{Problem, ProblemDocument};
use crate::state::Shared;

/// 200 with how many certificates were revoked.
#[utoipa::path(
    post,
    path = "/admin/users/{alias}/revoke",
    operation_id = "revoke_user",
    params(("alias" = String, Path, description = "who")),
    request_body(content = inline(Revoke), content_type = "application/json"),
    responses(
        (status = 200, description = "blocked", body = inline(Revoked),
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
    Named(alias): Named<Alias>,
    By(administrator, why): By<Administrator, Revoke>,
) -> Result<Json<Revoked>, Problem> {
    let desk = desk(&app, &administrator);
    let revoked = desk.revoke_user(&alias, why.reason()?).await?;
    Ok(Json(Revoked { revoked }))
}
