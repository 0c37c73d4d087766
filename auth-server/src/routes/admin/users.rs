//! `GET /admin/users`: everybody who was not removed, by name.

use axum::extract::State;

use super::desk;
use crate::administration::{Administration, UserView};
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::routes::responses::Refusals;
use crate::state::Shared;

/// 200 with the list.
#[utoipa::path(
    get,
    path = "/admin/users",
    operation_id = "list_users",
    responses(
        (status = 200, description = "everybody who was not removed", body = inline(Vec<UserView>),
         content_type = "application/json"),
        Refusals,
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
