//! `POST /admin/users/{alias}/enable`: lets a disabled person log in again.

use axum::extract::State;
use axum::http::StatusCode;
use common::identity::Alias;

use super::desk;
use super::extract::Named;
use crate::administration::Administration;
use crate::device::Administrator;
use crate::problem::{Problem, ProblemDocument};
use crate::state::Shared;

/// 204.
#[utoipa::path(
    post,
    path = "/admin/users/{alias}/enable",
    operation_id = "enable_user",
    params(("alias" = String, Path, description = "who")),
    responses(
        (status = 204, description = "may log in"),
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
pub(super) async fn enable(
    State(app): State<Shared>,
    administrator: Administrator,
    Named(alias): Named<Alias>,
) -> Result<StatusCode, Problem> {
    let desk = desk(&app, &administrator);
    desk.enable(&alias).await?;
    Ok(StatusCode::NO_CONTENT)
}
