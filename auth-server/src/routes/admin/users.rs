//! `GET /admin/users`: everybody who was not removed, by name.

use axum::extract::State;

use super::desk;
use crate::administration::{Administration, UserView};
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::{Problem, ProblemDocument};
use crate::state::Shared;

/// 200 with the list.
#[utoipa::path(
    get,
    path = "/admin/users",
    operation_id = "list_users",
    responses(
        (status = 200, description = "everybody who was not removed", body = inline(Vec<UserView>),
         content_type = "application/json"),
        (status = 400, description = "the path, the query or the body is not what belongs here",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 401, description = "no member's certificate, or it has ended",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 403, description = "not an administrator, or the certificate was revoked",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 503, description = "the server cannot do it now; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
    ),
    tag = "administration"
)]
pub(super) async fn list(
    State(app): State<Shared>,
    administrator: Administrator,
) -> Result<Json<Vec<UserView>>, Problem> {
    let desk = desk(&app, &administrator);
    Ok(Json(desk.users().await?))
}
