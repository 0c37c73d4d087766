//! What belongs to a person, as the auth server keeps it: the password, and what others are told.

use common::name::Escaped;
use serde::{Deserialize, Serialize};
use ureq::http::StatusCode;

use super::AuthClient;
use super::exchange::Answer;
use crate::failure::{Exit, Failure};

/// Bytes of a person's details in JSON.
const MAX_DETAILS_BYTES: usize = 16 * 1024;

/// The old password shows who it is. Both are wiped with the request.
#[derive(Serialize)]
struct Change<'a> {
    alias: &'a str,
    old: &'a str,
    new: &'a str,
}

/// What the server answers to an old and a new password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeAnswer {
    /// The new one counts.
    Changed,
    /// Wrong alias or old password, or an account that is disabled: it does not say which.
    Unauthorized,
    /// The new one breaks a rule.
    NotAccepted(Failure),
}

/// Why a new password is not taken.
pub fn weak_password(reason: &str) -> Failure {
    let told = format!("the new password is not accepted: {}", Escaped(reason));
    Failure::new(Exit::Refused, told)
}

/// A person, as the auth server keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// The name in the organisation.
    pub alias: String,
    /// What the person may do.
    pub role: String,
    /// The name as people write it; may be empty.
    pub display_name: String,
    /// Where mail reaches the person; may be empty.
    pub email: String,
}

#[derive(Serialize)]
struct Details<'a> {
    display_name: &'a str,
    email: &'a str,
}

impl AuthClient {
    /// Replaces a password.
    ///
    /// # Errors
    /// When the server refuses to look, is busy, cannot be reached, or answers nonsense.
    pub fn change_password(
        &self,
        alias: &str,
        old: &str,
        new: &str,
    ) -> Result<ChangeAnswer, Failure> {
        let mut answer = self.send_json("POST", "/password", &Change { alias, old, new })?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(ChangeAnswer::Changed),
            StatusCode::UNAUTHORIZED => Ok(ChangeAnswer::Unauthorized),
            StatusCode::UNPROCESSABLE_ENTITY => match answer.problem() {
                Some(problem) => Ok(ChangeAnswer::NotAccepted(weak_password(&problem.detail))),
                None => Err(answer.nonsense()),
            },
            _ => Err(answer.refused()),
        }
    }

    /// The person that this device belongs to; needs [`AuthClient::with_device`].
    ///
    /// # Errors
    /// When the server does not take the certificate, or cannot be reached.
    pub fn me(&self) -> Result<Me, Failure> {
        details(self.get("/me", |request| request)?)
    }

    /// Replaces what others are told of this person.
    ///
    /// # Errors
    /// As [`AuthClient::me`], and when a text is not accepted.
    pub fn set_details(&self, display_name: &str, email: &str) -> Result<Me, Failure> {
        let details = Details {
            display_name,
            email,
        };
        self::details(self.send_json("PUT", "/me", &details)?)
    }
}

fn details(mut answer: Answer) -> Result<Me, Failure> {
    match answer.status() {
        StatusCode::OK => {
            let bytes = answer.body(MAX_DETAILS_BYTES)?;
            serde_json::from_slice(&bytes).map_err(|_| answer.nonsense())
        }
        StatusCode::UNPROCESSABLE_ENTITY => Err(details_refused(&mut answer)),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Err(answer.not_accepted("does not take this device's certificate"))
        }
        _ => Err(answer.refused()),
    }
}

fn details_refused(answer: &mut Answer) -> Failure {
    match answer.problem() {
        Some(problem) => {
            let detail = Escaped(&problem.detail);
            let told = format!("the auth server does not accept this: {detail}");
            Failure::new(Exit::Refused, told)
        }
        None => answer.nonsense(),
    }
}
