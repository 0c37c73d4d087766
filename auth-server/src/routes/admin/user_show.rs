//! `GET /admin/users/{alias}`: one person, removed or not.

use axum::extract::State;
use common::identity::Alias;

use super::desk;
use super::extract::Named;
use crate::administration::{Administration, UserView};
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::state::Shared;

/// 200 with the person.
pub(super) async fn show(
    State(app): State<Shared>,
    administrator: Administrator,
    Named(alias): Named<Alias>,
) -> Result<Json<UserView>, Problem> {
    let desk = desk(&app, &administrator);
    Ok(Json(desk.user(&alias).await?))
}
