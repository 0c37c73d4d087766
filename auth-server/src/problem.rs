//! Errors as clients see them: problem documents (RFC 9457) that never tell internals.

mod facts;
pub mod kind;

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};

use crate::administration::ReasonError;
use crate::details::DetailsError;
use crate::events::Refused;
use crate::presence::AnnouncementError;

/// What a client is told. The log has the cause, under the request's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Not the JSON object that is expected, or a value in it is out of bounds.
    Malformed,
    /// An HTTP/1.1 request without the one Host header that it must have.
    Host,
    /// The certificate request is refused; the words are those of the request's own check.
    Request(root_ca::RequestError),
    /// Alias unknown, password wrong, account disabled: one answer.
    Unauthorized,
    /// The password was right, was given for once, and only serves to choose another one.
    PasswordMustChange,
    /// What a member tells of himself is not accepted.
    Details(DetailsError),
    /// What a device tells of itself is not accepted.
    Announcement(AnnouncementError),
    /// The device or its person has as many streams, or is online as often, as one may.
    TooManyStreams,
    /// A member's certificate is needed, and none was shown.
    CertificateNeeded,
    /// The certificate has ended.
    CertificateExpired,
    /// The certificate was revoked, or its member may not use it any more.
    CertificateRefused,
    /// The root signed the certificate, and the ledger does not have it: it is younger than the backup
    /// that the server was restored from.
    CertificateUnknown,
    /// The key of the request has been certified before.
    KeyInUse,
    /// Too many renewals; wait.
    TooManyRenewals(Duration),
    /// Too many certificates of one person; wait.
    TooManyCertificates(Duration),
    /// One person does something too often; wait.
    TooOften(Duration),
    /// The member's role does not allow it.
    NotAllowed,
    /// Nothing is revoked for such a reason.
    Reason(ReasonError),
    /// A name in the path is not of its form.
    BadPath,
    /// The query is not of the form that the resource takes.
    BadQuery,
    /// Somebody has the alias.
    AliasTaken,
    /// Somebody had the alias, and it is never given out again.
    AliasRetired,
    /// Nobody has the alias.
    NoSuchUser,
    /// No certificate has the number.
    NoSuchCertificate,
    /// A new password breaks a rule, which is told.
    WeakPassword(String),
    /// Nobody has the role, and it was not said to be new; those that there are are told.
    UnknownRole(String),
    /// An administrator's own password takes the old one.
    OwnPassword,
    /// The auth server itself uses the certificate.
    OwnCertificate,
    /// Nobody could administer from afar any more.
    LastAdministrator,
    /// No such resource.
    NotFound,
    /// The resource has no such method.
    MethodNotAllowed,
    /// The client took too long.
    Timeout,
    /// The body is over the limit, in bytes.
    TooLarge(usize),
    /// The body is not JSON.
    NotJson,
    /// Too many failures; wait.
    TooManyAttempts(Duration),
    /// The server has more work than it can do, or cannot do it now.
    Unavailable,
}

/// Goes with the answer as far as the metrics, never to the client.
#[derive(Debug, Clone, Copy)]
pub struct Reason(pub &'static str);

/// How a problem looks in JSON (RFC 9457).
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct ProblemDocument {
    /// What a person may be told.
    detail: String,
    /// The status code.
    status: u16,
    /// The status in words.
    title: &'static str,
    /// `about:blank` where the status says what kind it is, else a name for it.
    #[serde(rename = "type")]
    kind: &'static str,
}

impl Problem {
    /// The status code.
    pub fn status(&self) -> StatusCode {
        self.facts().status
    }

    /// The answer.
    pub fn response(self) -> Response<Body> {
        let facts = self.facts();
        let document = ProblemDocument {
            kind: facts.kind,
            title: facts.status.canonical_reason().unwrap_or_default(),
            status: facts.status.as_u16(),
            detail: facts.detail.into_owned(),
        };
        let document = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(Body::from(document));
        *response.status_mut() = facts.status;
        response.extensions_mut().insert(Reason(facts.reason));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(wait) = facts.retry_after {
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(wait.as_secs().max(1)),
            );
        }
        response
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::TooMany => Self::TooManyStreams,
            Refused::TooOften(wait) => Self::TooOften(wait),
            Refused::Full => Self::Unavailable,
        }
    }
}

impl From<ReasonError> for Problem {
    fn from(error: ReasonError) -> Self {
        Self::Reason(error)
    }
}

impl axum::response::IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        self.response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_is_told_in_whole_seconds_and_never_zero() {
        let response = Problem::TooManyAttempts(Duration::from_millis(10)).response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(
            Problem::Unavailable
                .response()
                .headers()
                .contains_key(header::RETRY_AFTER)
        );
    }
}
