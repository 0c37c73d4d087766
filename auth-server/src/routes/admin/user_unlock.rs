//! `POST /admin/users/{alias}/unlock`: forgets a person's failed logins.

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
    path = "/admin/users/{alias}/unlock",
    operation_id = "unlock_user",
    params(("alias" = String, Path, description = "who")),
    responses(
        (status = 204, description = "failed logins are forgotten"),
        Refusals,
        NoneSuch,
    ),
    tag = "administration"
)]
pub(super) async fn unlock(
    State(app): State<Shared>,
    administrator: Administrator,
    Named(alias): Named<Alias>,
) -> Result<StatusCode, Problem> {
    let desk = desk(&app, &administrator);
    desk.unlock(&alias).await?;
    Ok(StatusCode::NO_CONTENT)
}
