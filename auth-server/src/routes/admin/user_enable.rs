//! `POST /admin/users/{alias}/enable`: lets a disabled person log in again.

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
    path = "/admin/users/{alias}/enable",
    operation_id = "enable_user",
    params(("alias" = String, Path, description = "who")),
    responses(
        (status = 200, description = "may log in", body = inline(Changed),
         content_type = "application/json"),
        Refusals,
        NoneSuch,
    ),
    tag = "administration"
)]
pub(super) async fn enable(
    State(app): State<Shared>,
    administrator: Administrator,
    Named(alias): Named<Alias>,
) -> Result<Json<Changed>, Problem> {
    let desk = desk(&app, &administrator);
    let changed = desk.enable(&alias).await?;
    Ok(Json(Changed { changed }))
}
