//! The bodies and queries of the `/admin` routes, beside the views of people and certificates.
//! Unknown fields are refused.

use common::identity::{Alias, Role};
use root_ca::Serial;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use super::{GivenReason, NewPassword, OneTimePassword, ReasonError, text};

/// `POST /admin/users`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// The name.
    #[serde(with = "text")]
    #[schema(value_type = String)]
    pub alias: Alias,
    /// What the person may do.
    #[serde(with = "text")]
    #[schema(value_type = String)]
    pub role: Role,
    /// Whether the role may be one that nobody has yet.
    #[serde(default)]
    pub new_role: bool,
    /// `{"chosen": "..."}` or `"one_time"`.
    #[schema(inline)]
    pub password: NewPassword,
}

/// `PUT /admin/users/{alias}/password`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPassword {
    /// `{"chosen": "..."}` or `"one_time"`.
    #[schema(inline)]
    pub password: NewPassword,
}

/// The answer to both: the one-time password, if one was made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Told {
    /// To be handed to the person.
    #[serde(serialize_with = "expose_option")]
    #[schema(value_type = Option<String>)]
    pub one_time_password: Option<OneTimePassword>,
}

/// `PUT /admin/users/{alias}/role`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRole {
    /// What the person may do.
    #[serde(with = "text")]
    #[schema(value_type = String)]
    pub role: Role,
    /// Whether the role may be one that nobody has yet.
    #[serde(default)]
    pub new_role: bool,
}

/// `POST .../revoke`, of a person and of a certificate.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// Why: `unspecified`, `keyCompromise`, `superseded`, `cessationOfOperation` or
    /// `privilegeWithdrawn` (RFC 5280).
    reason: String,
}

impl Revoke {
    /// For that reason.
    pub fn new(reason: GivenReason) -> Self {
        let reason = reason.to_string();
        Self { reason }
    }

    /// Why.
    ///
    /// # Errors
    /// When nothing is revoked for it.
    pub fn reason(&self) -> Result<GivenReason, ReasonError> {
        self.reason.parse()
    }
}

/// How many certificates were revoked.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Revoked {
    /// So many.
    pub revoked: u64,
}

/// What became of certificates, if anything had to be done.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct PerhapsRevoked {
    /// How many were in force; null when nothing had to be done.
    pub revoked: Option<u64>,
}

/// Whether an order had to be carried out.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// Not when everything was so before.
    pub changed: bool,
}

/// Certificates of one list.
pub const MAX_LISTED: u32 = 10_000;
/// Certificates of one answer, about 4 MiB of JSON: one more than a list has tells that it is not all.
pub const MAX_CERTIFICATES: u32 = MAX_LISTED + 1;

/// The query of `GET /admin/certificates`.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CertificateQuery {
    /// Of one person alone.
    #[serde(
        default,
        with = "text::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[param(value_type = Option<String>)]
    pub alias: Option<Alias>,
    /// That state this role.
    #[serde(
        default,
        with = "text::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[param(value_type = Option<String>)]
    pub role: Option<Role>,
    /// Of the device that has the certificate of this number.
    #[serde(
        default,
        with = "text::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[param(value_type = Option<String>)]
    pub device_of: Option<Serial>,
    /// That end at this moment (RFC 3339) or later.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[param(value_type = Option<String>, format = DateTime)]
    pub ends_after: Option<OffsetDateTime>,
    /// That end before this moment.
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    #[param(value_type = Option<String>, format = DateTime)]
    pub ends_before: Option<OffsetDateTime>,
    /// That were revoked, or were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<bool>,
    /// At most so many, up to [`MAX_CERTIFICATES`].
    pub limit: u32,
}

/// The query of `GET /admin/audit`.
#[derive(Debug, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Entries after that number.
    pub after: u64,
    /// At most so many, up to [`super::AUDIT_PAGE`].
    pub limit: u32,
}

/// A password on its way over TLS; nowhere else is one written.
pub(super) fn expose<S: Serializer>(
    secret: &SecretString,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

fn expose_option<S: Serializer>(
    secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => expose(secret, serializer),
        None => serializer.serialize_none(),
    }
}
