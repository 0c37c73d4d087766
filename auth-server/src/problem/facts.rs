//! What each problem is to a client and to the metrics.

use std::borrow::Cow;
use std::time::Duration;

use axum::http::StatusCode;

use super::{Problem, kind};

/// When to try again after 503.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(5);

/// When to try again to listen: by then streams that were lost have been noticed.
const STREAMS_RETRY: Duration = Duration::from_secs(45);

/// Where the status says what kind it is: "the problem has no additional semantics beyond that of the
/// HTTP status code" (RFC 9457, 4.2.1).
const BLANK: &str = "about:blank";

/// What is told of a problem, and counted.
pub(super) struct Facts {
    pub(super) status: StatusCode,
    /// What kind of problem it is, where the status does not say it all.
    pub(super) kind: &'static str,
    /// The word for it in metrics.
    pub(super) reason: &'static str,
    /// What a person may be told.
    pub(super) detail: Cow<'static, str>,
    pub(super) retry_after: Option<Duration>,
}

fn told(status: StatusCode, reason: &'static str, detail: impl Into<Cow<'static, str>>) -> Facts {
    Facts {
        status,
        kind: BLANK,
        reason,
        detail: detail.into(),
        retry_after: None,
    }
}

impl Facts {
    fn kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    fn after(self, wait: Duration) -> Self {
        let retry_after = Some(wait);
        Self {
            retry_after,
            ..self
        }
    }
}

impl Problem {
    /// The one table of problems.
    pub(super) fn facts(&self) -> Facts {
        match self {
            Self::Malformed => told(
                StatusCode::BAD_REQUEST,
                "malformed",
                "the body is not the JSON object that is expected here",
            ),
            Self::Host => told(
                StatusCode::BAD_REQUEST,
                "host",
                "the request must have one Host header",
            ),
            Self::Request(error) => told(
                StatusCode::BAD_REQUEST,
                "certificate_request",
                error.to_string(),
            ),
            Self::Unauthorized => told(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "alias or password is wrong",
            ),
            Self::PasswordMustChange => told(
                StatusCode::FORBIDDEN,
                "password_must_change",
                "this password was given for once; choose another one",
            )
            .kind(kind::PASSWORD_MUST_CHANGE),
            Self::Details(error) => told(
                StatusCode::UNPROCESSABLE_ENTITY,
                "details",
                error.to_string(),
            )
            .kind(kind::DETAILS),
            Self::Announcement(error) => {
                told(StatusCode::BAD_REQUEST, "announcement", error.to_string())
                    .kind(kind::ANNOUNCEMENT)
            }
            Self::TooManyStreams => told(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_streams",
                "this device, or its person, listens or is online as often as one may",
            )
            .kind(kind::TOO_MANY_STREAMS)
            .after(STREAMS_RETRY),
            Self::CertificateNeeded => told(
                StatusCode::UNAUTHORIZED,
                "certificate_needed",
                "this needs a member's certificate (mutual TLS)",
            )
            .kind(kind::CERTIFICATE_NEEDED),
            Self::CertificateExpired => told(
                StatusCode::UNAUTHORIZED,
                "certificate_expired",
                "the certificate has ended; renew it or log in again",
            )
            .kind(kind::CERTIFICATE_EXPIRED),
            Self::CertificateRefused => told(
                StatusCode::FORBIDDEN,
                "certificate_refused",
                "the certificate was revoked or its member is blocked",
            )
            .kind(kind::CERTIFICATE_REFUSED),
            Self::CertificateUnknown => told(
                StatusCode::UNAUTHORIZED,
                "certificate_unknown",
                "the auth server does not have this certificate; log in again",
            )
            .kind(kind::CERTIFICATE_UNKNOWN),
            Self::KeyInUse => told(
                StatusCode::BAD_REQUEST,
                "key_in_use",
                "the request's key has been certified before; make a fresh one",
            ),
            Self::TooManyRenewals(wait) => told(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_renewals",
                "too many renewals of one device; try again later",
            )
            .kind(kind::TOO_MANY_RENEWALS)
            .after(*wait),
            Self::TooManyCertificates(wait) => told(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_certificates",
                "too many certificates of one person; try again later",
            )
            .kind(kind::TOO_MANY_CERTIFICATES)
            .after(*wait),
            Self::TooOften(wait) => told(
                StatusCode::TOO_MANY_REQUESTS,
                "too_often",
                "one person did this too often; try again later",
            )
            .kind(kind::TOO_OFTEN)
            .after(*wait),
            Self::NotAllowed => told(
                StatusCode::FORBIDDEN,
                "not_allowed",
                "this is for administrators",
            )
            .kind(kind::NOT_ALLOWED),
            Self::Reason(error) => told(
                StatusCode::BAD_REQUEST,
                "revocation_reason",
                error.to_string(),
            ),
            Self::BadPath => told(
                StatusCode::BAD_REQUEST,
                "bad_path",
                "the path names no alias or serial number",
            ),
            Self::BadQuery => told(
                StatusCode::BAD_REQUEST,
                "bad_query",
                "the query is not what this resource takes",
            ),
            Self::AliasTaken => told(
                StatusCode::CONFLICT,
                "alias_taken",
                "the alias exists already",
            )
            .kind(kind::ALIAS_TAKEN),
            Self::AliasRetired => told(
                StatusCode::CONFLICT,
                "alias_retired",
                "the alias was removed, and an alias is never given out twice",
            )
            .kind(kind::ALIAS_RETIRED),
            Self::NoSuchUser => told(
                StatusCode::NOT_FOUND,
                "no_such_user",
                "there is no such user",
            )
            .kind(kind::NO_SUCH_USER),
            Self::NoSuchCertificate => told(
                StatusCode::NOT_FOUND,
                "no_such_certificate",
                "there is no such certificate",
            )
            .kind(kind::NO_SUCH_CERTIFICATE),
            Self::WeakPassword(detail) => told(
                StatusCode::UNPROCESSABLE_ENTITY,
                "weak_password",
                detail.clone(),
            )
            .kind(kind::WEAK_PASSWORD),
            Self::UnknownRole(detail) => told(
                StatusCode::UNPROCESSABLE_ENTITY,
                "unknown_role",
                detail.clone(),
            )
            .kind(kind::UNKNOWN_ROLE),
            Self::OwnPassword => told(
                StatusCode::FORBIDDEN,
                "own_password",
                "one's own password is changed with POST /password and the old one",
            )
            .kind(kind::OWN_PASSWORD),
            Self::OwnCertificate => told(
                StatusCode::CONFLICT,
                "own_certificate",
                "the auth server uses this certificate until it is started anew",
            )
            .kind(kind::OWN_CERTIFICATE),
            Self::LastAdministrator => told(
                StatusCode::CONFLICT,
                "last_administrator",
                "no administrator who can log in would be left",
            )
            .kind(kind::LAST_ADMINISTRATOR),
            Self::NotFound => told(StatusCode::NOT_FOUND, "not_found", "there is nothing here"),
            Self::MethodNotAllowed => told(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this resource has no such method",
            ),
            Self::Timeout => told(
                StatusCode::REQUEST_TIMEOUT,
                "timeout",
                "the request took too long",
            ),
            Self::TooLarge(most) => told(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                format!("the body is over {most} bytes"),
            ),
            Self::NotJson => told(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not_json",
                "the body must be application/json",
            ),
            Self::TooManyAttempts(wait) => told(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_attempts",
                "too many failed logins; try again later",
            )
            .after(*wait),
            Self::Unavailable => told(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "the server cannot do this now; try again later",
            )
            .after(UNAVAILABLE_RETRY),
        }
    }
}
