//! `GET /admin/users/{alias}`: one person, removed or not.

use axum::extract::State;
use common::identity::Alias;

use super::desk;
use super::extract::Named;
use crate::administration::{Administration, UserView};
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::{Problem, ProblemDocument};
use crate::state::Shared;

/// 200 with the person.
#[utoipa::path(
    get,
    path = "/admin/users/{alias}",
    operation_id = "show_user",
    params(("alias" = String, Path, description = "who")),
    responses(
        (status = 200, description = "the person", body = inline(UserView),
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
pub(super) async fn show(
    State(app): State<Shared>,
    administrator: Administrator,
    Named(alias): Named<Alias>,
) -> Result<Json<UserView>, Problem> {
    let desk = desk(&app, &administrator);
    Ok(Json(desk.user(&alias).await?))
}
