use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::problem::Problem;
use crate::state::Shared;

/// The one parameter of the path, read as a `T`.
#[derive(Debug)]
pub(super) struct Named<T>(pub(super) T);

impl<T: FromStr> FromRequestParts<Shared> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|_| Problem::BadPath)?;
        text.parse().map(Self).map_err(|_| Problem::BadPath)
    }
}
