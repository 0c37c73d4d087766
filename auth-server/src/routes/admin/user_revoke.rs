//! `POST /admin/users/{alias}/revoke`: revokes all certificates of a person, and blocks.

use axum::extract::State;
use common::identity::Alias;

use super::desk;
use super::extract::Named;
use crate::administration::Administration;
use crate::administration::wire::{PerhapsRevoked, Revoke};
use crate::body::{By, Json};
use crate::device::Administrator;
use crate::problem::Problem;
use crate::routes::responses::{BodyRefusals, LastOne, NoneSuch, Refusals};
use crate::state::Shared;

/// 200 with how many certificates were revoked; null when nothing was left to be done.
#[utoipa::path(
    post,
    path = "/admin/users/{alias}/revoke",
    operation_id = "revoke_user",
    params(("alias" = String, Path, description = "who")),
    request_body(content = inline(Revoke), content_type = "application/json"),
    responses(
        (status = 200, description = "blocked", body = inline(PerhapsRevoked),
         content_type = "application/json"),
        Refusals,
        BodyRefusals,
        NoneSuch,
        LastOne,
    ),
    tag = "administration"
)]
pub(super) async fn revoke(
    State(app): State<Shared>,
    Named(alias): Named<Alias>,
    By(administrator, why): By<Administrator, Revoke>,
) -> Result<Json<PerhapsRevoked>, Problem> {
    let desk = desk(&app, &administrator);
    let revoked = desk.revoke_user(&alias, why.reason()?).await?;
    Ok(Json(PerhapsRevoked { revoked }))
}
