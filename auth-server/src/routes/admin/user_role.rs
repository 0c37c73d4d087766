//! `PUT /admin/users/{alias}/role`: changes what a person may do.

use axum::extract::State;
use common::identity::Alias;

use super::desk;
use super::extract::Named;
use crate::administration::wire::{PerhapsRevoked, SetRole};
use crate::administration::{Administration, GivenRole};
use crate::body::{By, Json};
use crate::device::Administrator;
use crate::problem::{Problem, ProblemDocument};
use crate::routes::responses::{BodyRefusals, LastOne, NoneSuch, Refusals};
use crate::state::Shared;

/// 200 with how many certificates were revoked; null when the person has that role.
#[utoipa::path(
    put,
    path = "/admin/users/{alias}/role",
    operation_id = "set_role",
    params(("alias" = String, Path, description = "who")),
    request_body(content = inline(SetRole), content_type = "application/json"),
    responses(
        (status = 200, description = "changed", body = inline(PerhapsRevoked),
         content_type = "application/json"),
        (status = 422, description = "nobody has the role; the detail says which there are",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        Refusals,
        BodyRefusals,
        NoneSuch,
        LastOne,
    ),
    tag = "administration"
)]
pub(super) async fn set(
    State(app): State<Shared>,
    Named(alias): Named<Alias>,
    By(administrator, new): By<Administrator, SetRole>,
) -> Result<Json<PerhapsRevoked>, Problem> {
    let desk = desk(&app, &administrator);
    let role = GivenRole {
        role: new.role,
        may_be_new: new.new_role,
    };
    let revoked = desk.set_role(&alias, &role).await?;
    Ok(Json(PerhapsRevoked { revoked }))
}
