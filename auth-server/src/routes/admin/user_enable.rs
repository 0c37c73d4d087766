//! `POST /admin/users/{alias}/enable`: lets a disabled person log in again.

use axum::extract::State;
use axum::http::StatusCode;
use common::identity::Alias;

use super::desk;
use super::extract::Named;
use crate::administration::Administration;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::routes::responses::{NoneSuch, Refusals};
use crate::state::Shared;

/// 204.
#[utoipa::path(
    post,
    path = "/admin/users/{alias}/enable",
    operation_id = "enable_user",
    params(("alias" = String, Path, description = "who")),
    responses(
        (status = 204, description = "may log in"),
        Refusals,
        NoneSuch,
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
