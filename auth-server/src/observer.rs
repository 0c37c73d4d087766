//! Who may look at the server's own state: this machine, and administrators.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::device::Administrator;
use crate::problem::Problem;
use crate::state::{Remote, Shared};

/// Somebody on this machine, or an [`Administrator`] from elsewhere.
#[derive(Debug, Clone)]
pub struct Observer(());

impl FromRequestParts<Shared> for Observer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let local = parts
            .extensions
            .get::<Remote>()
            .is_some_and(|remote| remote.is_local());
        if !local {
            Administrator::from_request_parts(parts, app).await?;
        }
        Ok(Self(()))
    }
}
