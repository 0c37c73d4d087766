//! `POST /admin/users`: adds a person.

use axum::extract::State;
use axum::http::StatusCode;

use super::desk;
use crate::administration::Administration;
use crate::administration::wire::{NewUser, Told};
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::state::Shared;

/// 201 with the one-time password, if one was made.
pub(super) async fn add(
    State(app): State<Shared>,
    administrator: Administrator,
    Json(new): Json<NewUser>,
) -> Result<(StatusCode, Json<Told>), Problem> {
    let desk = desk(&app, &administrator);
    let one_time_password = desk.add_user(&new.alias, &new.role, new.password).await?;
    Ok((StatusCode::CREATED, Json(Told { one_time_password })))
}
