//! `PUT /admin/users/{alias}/password`: replaces a password.

use axum::extract::State;
use common::identity::Alias;

use super::desk;
use super::extract::Named;
use crate::administration::Administration;
use crate::administration::wire::{SetPassword, Told};
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::state::Shared;

/// 200 with the one-time password, if one was made.
pub(super) async fn set(
    State(app): State<Shared>,
    administrator: Administrator,
    Named(alias): Named<Alias>,
    Json(new): Json<SetPassword>,
) -> Result<Json<Told>, Problem> {
    let desk = desk(&app, &administrator);
    let one_time_password = desk.set_password(&alias, new.password).await?;
    Ok(Json(Told { one_time_password }))
}
