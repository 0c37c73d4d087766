//! Why a request gets nothing: what the client is told, and what the log is told besides.

use axum::body::Body;
use axum::http::Response;
use axum::response::IntoResponse;

use crate::password::PasswordError;
use crate::problem::Problem;
use crate::store::StoreError;

/// A problem, and its cause if that is the server's own.
#[derive(Debug)]
pub struct Refusal {
    problem: Problem,
    cause: Option<String>,
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
            // Another change came between the check and this one: the old password is old.
            StoreError::PasswordReplaced => Problem::Unauthorized.into(),
            StoreError::TooOften { wait } => Problem::TooOften(wait).into(),
            error => Self::internal(error),
        }
    }
}

impl From<PasswordError> for Refusal {
    fn from(error: PasswordError) -> Self {
        match error {
            // Whoever comes chooses how many come: the answer says it, and metrics count it.
            PasswordError::Busy => Problem::Unavailable.into(),
            error => Self::internal(error),
        }
    }
}

impl Refusal {
    /// The server itself failed.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self {
            problem: Problem::Unavailable,
            cause: Some(cause.to_string()),
        }
    }

    /// What the client is told.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The answer; the log hears the cause.
    pub fn answer(self) -> Response<Body> {
        if let Some(cause) = self.cause {
            tracing::error!(%cause, "a request failed here");
        }
        self.problem.into_response()
    }
}
