//! `GET /admin/users/{alias}`: one person, removed or not.

use axum::extract::State;
use common::identity::Alias;

use super::desk;
use super::extract::Named;
use crate::administration::{Administration, UserView};
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::routes::responses::{NoneSuch, Refusals};
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
        Refusals,
        NoneSuch,
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
