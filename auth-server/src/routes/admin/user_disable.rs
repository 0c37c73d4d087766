//! `POST /admin/users/{alias}/disable`: blocks a person.

use axum::extract::State;
use common::identity::Alias;

use super::desk;
use super::extract::Named;
use crate::administration::Administration;
use crate::administration::wire::PerhapsRevoked;
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::routes::responses::{LastOne, NoneSuch, Refusals};
use crate::state::Shared;

/// 200 with how many certificates were revoked; null when the person was blocked before.
#[utoipa::path(
    post,
    path = "/admin/users/{alias}/disable",
    operation_id = "disable_user",
    params(("alias" = String, Path, description = "who")),
    responses(
        (status = 200, description = "may not log in", body = inline(PerhapsRevoked),
         content_type = "application/json"),
        Refusals,
        NoneSuch,
        LastOne,
    ),
    tag = "administration"
)]
pub(super) async fn disable(
    State(app): State<Shared>,
    administrator: Administrator,
    Named(alias): Named<Alias>,
) -> Result<Json<PerhapsRevoked>, Problem> {
    let desk = desk(&app, &administrator);
    let revoked = desk.disable(&alias).await?;
    Ok(Json(PerhapsRevoked { revoked }))
}
