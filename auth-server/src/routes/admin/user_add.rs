//! `POST /admin/users`: adds a person.

use axum::extract::State;
use axum::http::StatusCode;

use super::desk;
use crate::administration::wire::{NewUser, Told};
use crate::administration::{Administration, GivenRole};
use crate::body::{By, Json};
use crate::device::Administrator;
use crate::problem::{Problem, ProblemDocument};
use crate::routes::responses::{BodyRefusals, Refusals};
use crate::state::Shared;

/// 201 with the one-time password, if one was made.
#[utoipa::path(
    post,
    path = "/admin/users",
    operation_id = "add_user",
    request_body(content = inline(NewUser), content_type = "application/json"),
    responses(
        (status = 201, description = "added", body = inline(Told),
         content_type = "application/json"),
        (status = 409, description = "somebody has or had the alias",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 422, description = "password or role is not accepted, with the reason",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        Refusals,
        BodyRefusals,
    ),
    tag = "administration"
)]
pub(super) async fn add(
    State(app): State<Shared>,
    By(administrator, new): By<Administrator, NewUser>,
) -> Result<(StatusCode, Json<Told>), Problem> {
    let desk = desk(&app, &administrator);
    let role = GivenRole {
        role: new.role,
        may_be_new: new.new_role,
    };
    let one_time_password = desk.add_user(&new.alias, &role, new.password).await?;
    Ok((StatusCode::CREATED, Json(Told { one_time_password })))
}
