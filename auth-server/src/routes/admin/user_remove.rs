//! `DELETE /admin/users/{alias}`: removes a person for good.

use axum::extract::State;
use common::identity::Alias;

use super::desk;
use super::extract::Named;
use crate::administration::Administration;
use crate::administration::wire::Revoked;
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::routes::responses::{LastOne, NoneSuch, Refusals};
use crate::state::Shared;

/// 200 with how many certificates were revoked.
#[utoipa::path(
    delete,
    path = "/admin/users/{alias}",
    operation_id = "remove_user",
    params(("alias" = String, Path, description = "who")),
    responses(
        (status = 200, description = "removed for good", body = inline(Revoked),
         content_type = "application/json"),
        Refusals,
        NoneSuch,
        LastOne,
    ),
    tag = "administration"
)]
pub(super) async fn remove(
    State(app): State<Shared>,
    administrator: Administrator,
    Named(alias): Named<Alias>,
) -> Result<Json<Revoked>, Problem> {
    let desk = desk(&app, &administrator);
    let revoked = desk.remove(&alias).await?;
    Ok(Json(Revoked { revoked }))
}
