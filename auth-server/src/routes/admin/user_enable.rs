//! `POST /admin/users/{alias}/enable`: lets a disabled person log in again.

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
pub(super) async fn enable(
    State(app): State<Shared>,
    administrator: Administrator,
    Named(alias): Named<Alias>,
) -> Result<StatusCode, Problem> {
    let desk = desk(&app, &administrator);
    desk.enable(&alias).await?;
    Ok(StatusCode::NO_CONTENT)
}
