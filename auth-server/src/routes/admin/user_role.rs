//! `PUT /admin/users/{alias}/role`: changes what a person may do.

use axum::extract::State;
use common::identity::Alias;

use super::desk;
use super::extract::Named;
use crate::administration::Administration;
use crate::administration::wire::{Revoked, SetRole};
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::state::Shared;

/// 200 with how many certificates were revoked.
pub(super) async fn set(
    State(app): State<Shared>,
    administrator: Administrator,
    Named(alias): Named<Alias>,
    Json(new): Json<SetRole>,
) -> Result<Json<Revoked>, Problem> {
    let desk = desk(&app, &administrator);
    let revoked = desk.set_role(&alias, &new.role).await?;
    Ok(Json(Revoked { revoked }))
}
