//! `GET /admin/users`: everybody who was not removed, by name.

use axum::extract::State;

use super::desk;
use crate::administration::{Administration, UserView};
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::state::Shared;

/// 200 with the list.
pub(super) async fn list(
    State(app): State<Shared>,
    administrator: Administrator,
) -> Result<Json<Vec<UserView>>, Problem> {
    let desk = desk(&app, &administrator);
    Ok(Json(desk.users().await?))
}
