//! `PUT /admin/users/{alias}/password`: replaces a password.

use axum::extract::State;
use common::identity::Alias;

use super::desk;
use super::extract::Named;
use crate::administration::Administration;
use crate::administration::wire::{SetPassword, Told};
use crate::body::{By, Json};
use crate::device::Administrator;
use crate::problem::{Problem, ProblemDocument};
use crate::routes::responses::{BodyRefusals, NoneSuch, Refusals};
use crate::state::Shared;

/// 200 with the one-time password, if one was made.
#[utoipa::path(
    put,
    path = "/admin/users/{alias}/password",
    operation_id = "set_password",
    params(("alias" = String, Path, description = "who")),
    request_body(content = inline(SetPassword), content_type = "application/json"),
    responses(
        (status = 200, description = "replaced", body = inline(Told),
         content_type = "application/json"),
        (status = 422, description = "the password is not accepted, with the reason",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        Refusals,
        BodyRefusals,
        NoneSuch,
    ),
    tag = "administration"
)]
pub(super) async fn set(
    State(app): State<Shared>,
    Named(alias): Named<Alias>,
    By(administrator, new): By<Administrator, SetPassword>,
) -> Result<Json<Told>, Problem> {
    let desk = desk(&app, &administrator);
    let one_time_password = desk.set_password(&alias, new.password).await?;
    Ok(Json(Told { one_time_password }))
}
