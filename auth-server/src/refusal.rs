//! Why a request is refused: what the client is told, and what the log is told besides.

use axum::response::{IntoResponse, Response};

use crate::password::PasswordError;
use crate::problem::Problem;
use crate::state::RequestId;
use crate::store::StoreError;

/// A refused request.
#[derive(Debug)]
pub struct Refusal {
    problem: Problem,
    cause: Option<String>,
}

impl Refusal {
    /// Something that is none of the client's business.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self {
            problem: Problem::Unavailable,
            cause: Some(cause.to_string()),
        }
    }

    /// The answer; the log gets the cause, under the request's id.
    pub fn answer(self, id: &RequestId) -> Response {
        if let Some(cause) = self.cause {
            tracing::error!(request_id = %id.0, %cause, "a request failed here");
        }
        self.problem.into_response()
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            cause: None,
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            // Disabled between the password and the ledger.
            StoreError::IssueBlocked => Problem::Unauthorized.into(),
            error => Self::internal(error),
        }
    }
}

impl From<PasswordError> for Refusal {
    fn from(error: PasswordError) -> Self {
        Self::internal(error)
    }
}
