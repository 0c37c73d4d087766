//! Errors as clients see them: problem documents (RFC 9457) that never tell internals.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};

use root_ca::UnknownReason;

use crate::details::DetailsError;

/// The `type` of a problem that a client's program tells apart from others.
pub mod kind {
    /// No member's certificate was shown.
    pub const CERTIFICATE_NEEDED: &str = "urn:orgshare:problem:certificate-needed";
    /// The certificate has ended.
    pub const CERTIFICATE_EXPIRED: &str = "urn:orgshare:problem:certificate-expired";
    /// The certificate was revoked, or its member is blocked.
    pub const CERTIFICATE_REFUSED: &str = "urn:orgshare:problem:certificate-refused";
    /// See [`Problem::CertificateUnknown`](super::Problem::CertificateUnknown).
    pub const CERTIFICATE_UNKNOWN: &str = "urn:orgshare:problem:certificate-unknown";
    /// The member's role does not allow it.
    pub const NOT_ALLOWED: &str = "urn:orgshare:problem:not-allowed";
    /// Somebody has the alias.
    pub const ALIAS_TAKEN: &str = "urn:orgshare:problem:alias-taken";
    /// Somebody had the alias.
    pub const ALIAS_RETIRED: &str = "urn:orgshare:problem:alias-retired";
    /// Nobody has the alias.
    pub const NO_SUCH_USER: &str = "urn:orgshare:problem:no-such-user";
    /// No certificate has the number.
    pub const NO_SUCH_CERTIFICATE: &str = "urn:orgshare:problem:no-such-certificate";
    /// Nobody has the role, and it was not said to be new; the detail says which there are.
    pub const UNKNOWN_ROLE: &str = "urn:orgshare:problem:unknown-role";
    /// An administrator's own password takes the old one.
    pub const OWN_PASSWORD: &str = "urn:orgshare:problem:own-password";
    /// Nobody could administer from afar any more.
    pub const LAST_ADMINISTRATOR: &str = "urn:orgshare:problem:last-administrator";
    /// The password was given for once, and only serves to choose another one.
    pub const PASSWORD_MUST_CHANGE: &str = "urn:orgshare:problem:password-must-change";
    /// Name or e-mail address is not accepted; the detail says why.
    pub const DETAILS: &str = "urn:orgshare:problem:details";
    /// One device renewed as often as one device may.
    pub const TOO_MANY_RENEWALS: &str = "urn:orgshare:problem:too-many-renewals";
    /// One person got as many certificates as one person may.
    pub const TOO_MANY_CERTIFICATES: &str = "urn:orgshare:problem:too-many-certificates";
    /// One person did this as often within an hour as one person may.
    pub const TOO_OFTEN: &str = "urn:orgshare:problem:too-often";
    /// A new password is not accepted; the detail says why.
    pub const WEAK_PASSWORD: &str = "urn:orgshare:problem:weak-password";
}

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
    Reason(UnknownReason),
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
    /// Nobody could administer from afar any more.
    LastAdministrator,
    /// No such resource.
    NotFound,
    /// The resource has no such method.
    MethodNotAllowed,
    /// The client took too long.
    Timeout,
    /// The body is over the limit.
    TooLarge,
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

/// When to try again after 503.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(5);

impl Problem {
    /// The status code.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed
            | Self::Host
            | Self::Request(_)
            | Self::KeyInUse
            | Self::Reason(_)
            | Self::BadPath
            | Self::BadQuery => StatusCode::BAD_REQUEST,
            Self::Unauthorized
            | Self::CertificateNeeded
            | Self::CertificateExpired
            | Self::CertificateUnknown => StatusCode::UNAUTHORIZED,
            Self::CertificateRefused
            | Self::NotAllowed
            | Self::PasswordMustChange
            | Self::OwnPassword => StatusCode::FORBIDDEN,
            Self::AliasTaken | Self::AliasRetired | Self::LastAdministrator => StatusCode::CONFLICT,
            Self::WeakPassword(_) | Self::UnknownRole(_) | Self::Details(_) => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::NotFound | Self::NoSuchUser | Self::NoSuchCertificate => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooManyAttempts(_)
            | Self::TooManyRenewals(_)
            | Self::TooManyCertificates(_)
            | Self::TooOften(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What kind of problem it is, where the status does not say it all.
    fn kind(&self) -> &'static str {
        match self {
            Self::CertificateNeeded => kind::CERTIFICATE_NEEDED,
            Self::CertificateExpired => kind::CERTIFICATE_EXPIRED,
            Self::CertificateRefused => kind::CERTIFICATE_REFUSED,
            Self::CertificateUnknown => kind::CERTIFICATE_UNKNOWN,
            Self::NotAllowed => kind::NOT_ALLOWED,
            Self::PasswordMustChange => kind::PASSWORD_MUST_CHANGE,
            Self::AliasTaken => kind::ALIAS_TAKEN,
            Self::AliasRetired => kind::ALIAS_RETIRED,
            Self::NoSuchUser => kind::NO_SUCH_USER,
            Self::NoSuchCertificate => kind::NO_SUCH_CERTIFICATE,
            Self::WeakPassword(_) => kind::WEAK_PASSWORD,
            Self::UnknownRole(_) => kind::UNKNOWN_ROLE,
            Self::OwnPassword => kind::OWN_PASSWORD,
            Self::LastAdministrator => kind::LAST_ADMINISTRATOR,
            Self::Details(_) => kind::DETAILS,
            Self::TooManyRenewals(_) => kind::TOO_MANY_RENEWALS,
            Self::TooManyCertificates(_) => kind::TOO_MANY_CERTIFICATES,
            Self::TooOften(_) => kind::TOO_OFTEN,
            // "the problem has no additional semantics beyond that of the HTTP status code"
            // (RFC 9457, 4.2.1).
            _ => "about:blank",
        }
    }

    fn detail(&self) -> String {
        let fixed = match self {
            Self::Malformed => "the body is not the JSON object that is expected here",
            Self::Host => "the request must have one Host header",
            Self::Request(error) => return error.to_string(),
            Self::Unauthorized => "alias or password is wrong",
            Self::PasswordMustChange => "this password was given for once; choose another one",
            Self::Details(error) => return error.to_string(),
            Self::Reason(error) => return error.to_string(),
            Self::CertificateNeeded => "this needs a member's certificate (mutual TLS)",
            Self::CertificateExpired => "the certificate has ended; renew it or log in again",
            Self::CertificateRefused => "the certificate was revoked or its member is blocked",
            Self::CertificateUnknown => {
                "the auth server does not have this certificate; log in again"
            }
            Self::KeyInUse => "the request's key has been certified before; make a fresh one",
            Self::TooManyRenewals(_) => "too many renewals of one device; try again later",
            Self::TooManyCertificates(_) => "too many certificates of one person; try again later",
            Self::TooOften(_) => "one person did this too often; try again later",
            Self::NotAllowed => "this is for administrators",
            Self::BadPath => "the path names no alias or serial number",
            Self::BadQuery => "the query is not what this resource takes",
            Self::AliasTaken => "the alias exists already",
            Self::AliasRetired => "the alias was removed, and an alias is never given out twice",
            Self::NoSuchUser => "there is no such user",
            Self::NoSuchCertificate => "there is no such certificate",
            Self::WeakPassword(reason) | Self::UnknownRole(reason) => reason,
            Self::OwnPassword => {
                "one's own password is changed with POST /password and the old one"
            }
            Self::LastAdministrator => "no administrator who can log in would be left",
            Self::NotFound => "there is nothing here",
            Self::MethodNotAllowed => "this resource has no such method",
            Self::Timeout => "the request took too long",
            Self::TooLarge => "the body is over 65536 bytes",
            Self::NotJson => "the body must be application/json",
            Self::TooManyAttempts(_) => "too many failed logins; try again later",
            Self::Unavailable => "the server cannot do this now; try again later",
        };
        fixed.to_owned()
    }

    /// The word for it in metrics.
    fn reason(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Host => "host",
            Self::Request(_) => "certificate_request",
            Self::Unauthorized => "unauthorized",
            Self::PasswordMustChange => "password_must_change",
            Self::WeakPassword(_) => "weak_password",
            Self::UnknownRole(_) => "unknown_role",
            Self::OwnPassword => "own_password",
            Self::LastAdministrator => "last_administrator",
            Self::Details(_) => "details",
            Self::CertificateNeeded => "certificate_needed",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateRefused => "certificate_refused",
            Self::CertificateUnknown => "certificate_unknown",
            Self::KeyInUse => "key_in_use",
            Self::TooManyRenewals(_) => "too_many_renewals",
            Self::TooManyCertificates(_) => "too_many_certificates",
            Self::TooOften(_) => "too_often",
            Self::NotAllowed => "not_allowed",
            Self::Reason(_) => "revocation_reason",
            Self::BadPath => "bad_path",
            Self::BadQuery => "bad_query",
            Self::AliasTaken => "alias_taken",
            Self::AliasRetired => "alias_retired",
            Self::NoSuchUser => "no_such_user",
            Self::NoSuchCertificate => "no_such_certificate",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Timeout => "timeout",
            Self::TooLarge => "too_large",
            Self::NotJson => "not_json",
            Self::TooManyAttempts(_) => "too_many_attempts",
            Self::Unavailable => "unavailable",
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyAttempts(wait)
            | Self::TooManyRenewals(wait)
            | Self::TooManyCertificates(wait)
            | Self::TooOften(wait) => Some(*wait),
            Self::Unavailable => Some(UNAVAILABLE_RETRY),
            _ => None,
        }
    }

    /// The answer.
    pub fn response(self) -> Response<Body> {
        let status = self.status();
        let document = ProblemDocument {
            kind: self.kind(),
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: self.detail(),
        };
        let document = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(Body::from(document));
        *response.status_mut() = status;
        response.extensions_mut().insert(Reason(self.reason()));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(wait) = self.retry_after() {
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(wait.as_secs().max(1)),
            );
        }
        response
    }
}

impl From<UnknownReason> for Problem {
    fn from(error: UnknownReason) -> Self {
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
