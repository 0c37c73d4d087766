//! `POST /admin/users/{alias}/unlock`: forgets a person's failed logins.

use axum::extract::State;
use common::identity::Alias;

use super::desk;
use super::extract::Named;
use crate::administration::Administration;
use crate::administration::wire::Changed;
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::routes::responses::{NoneSuch, Refusals};
use crate::state::Shared;

/// 200 with whether that had to be done.
#[utoipa::path(
    post,
    path = "/admin/users/{alias}/unlock",
    operation_id = "unlock_user",
    params(("alias" = String, Path, description = "who")),
    responses(
        (status = 200, description = "failed logins are forgotten", body = inline(Changed),
         content_type = "application/json"),
        Refusals,
        NoneSuch,
    ),
    tag = "administration"
)]
pub(super) async fn unlock(
    State(app): State<Shared>,
    administrator: Administrator,
    Named(alias): Named<Alias>,
) -> Result<Json<Changed>, Problem> {
    let desk = desk(&app, &administrator);
    let changed = desk.unlock(&alias).await?;
    Ok(Json(Changed { changed }))
}
