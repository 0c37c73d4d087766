//! `POST /admin/users/{alias}/revoke`: revokes all certificates of a person, and blocks.

use axum::extract::State;
use common::identity::Alias;

use super::desk;
use super::extract::Named;
use crate::administration::Administration;
use crate::administration::wire::{Revoke, Revoked};
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::state::Shared;

/// 200 with how many certificates were revoked.
pub(super) async fn revoke(
    State(app): State<Shared>,
    administrator: Administrator,
    Named(alias): Named<Alias>,
    Json(why): Json<Revoke>,
) -> Result<Json<Revoked>, Problem> {
    let desk = desk(&app, &administrator);
    let revoked = desk.revoke_user(&alias, why.reason).await?;
    Ok(Json(Revoked { revoked }))
}
