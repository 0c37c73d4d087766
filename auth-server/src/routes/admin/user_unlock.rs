//! `POST /admin/users/{alias}/unlock`: forgets a person's failed logins.

use axum::extract::State;
use axum::http::StatusCode;
use common::identity::Alias;

use super::desk;
use super::extract::Named;
use crate::administration::Administration;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::state::Shared;

/// 204.
pub(super) async fn unlock(
    State(app): State<Shared>,
    administrator: Administrator,
    Named(alias): Named<Alias>,
) -> Result<StatusCode, Problem> {
    let desk = desk(&app, &administrator);
    desk.unlock(&alias).await?;
    Ok(StatusCode::NO_CONTENT)
}
