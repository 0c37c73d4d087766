use common::identity::{Alias, DeviceName, Role};
use root_ca::{RevocationReason, Serial};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::{GivenRole, text};
use crate::store::{CertificateRecord, User, UserState};

/// Somebody who is to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    /// The name.
    pub alias: Alias,
    /// What the person may do.
    pub role: GivenRole,
    /// The name as people write it; may be empty.
    pub display_name: String,
    /// Where mail reaches the person; may be empty.
    pub email: String,
}

/// A person, as administrators see one: no secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    /// The name.
    #[serde(with = "text")]
    #[schema(value_type = String)]
    pub alias: Alias,
    /// What the person may do.
    #[serde(with = "text")]
    #[schema(value_type = String)]
    pub role: Role,
    /// `active`, `disabled` or `removed`.
    #[schema(value_type = String)]
    pub state: UserState,
    /// The name as people write it; empty when not told.
    pub display_name: String,
    /// Where mail reaches the person; empty when not told.
    pub email: String,
    /// Until when a one-time password waits to be replaced.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub one_time_password_until: Option<OffsetDateTime>,
    /// Failed logins in a row.
    pub failed_logins: u32,
    /// When the person was added.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: OffsetDateTime,
    /// When the person last logged in with the password.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_login_at: Option<OffsetDateTime>,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            alias: user.alias,
            role: user.role,
            state: user.state,
            display_name: user.details.display_name,
            email: user.details.email,
            one_time_password_until: user.password.one_time_until,
            failed_logins: user.failed_logins,
            created_at: user.created_at,
            last_login_at: user.last_login_at,
        }
    }
}

/// What a certificate is good for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CertificateState {
    /// It is believed.
    Valid,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
    /// It was recorded and never handed out.
    Unsigned,
}

impl CertificateState {
    /// The word that people see.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Unsigned => "unsigned",
        }
    }
}

/// A certificate, as administrators see one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateView {
    /// Its number.
    #[serde(with = "text")]
    #[schema(value_type = String)]
    pub serial: Serial,
    /// The member; none for the server's own.
    #[serde(with = "text::option")]
    #[schema(value_type = Option<String>)]
    pub alias: Option<Alias>,
    /// The role that it states.
    #[serde(with = "text::option")]
    #[schema(value_type = Option<String>)]
    pub role: Option<Role>,
    /// What it is good for now.
    #[schema(inline)]
    pub state: CertificateState,
    /// Start of validity.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub not_before: OffsetDateTime,
    /// End of validity.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub not_after: OffsetDateTime,
    /// When it was revoked.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<OffsetDateTime>,
    /// Why it was revoked, as RFC 5280 names it.
    #[serde(with = "text::option")]
    #[schema(value_type = Option<String>)]
    pub reason: Option<RevocationReason>,
    /// The certificate that it took the place of.
    #[serde(with = "text::option")]
    #[schema(value_type = Option<String>)]
    pub renews: Option<Serial>,
    /// The first certificate of its device: the line of those that took each other's place.
    #[serde(with = "text")]
    #[schema(value_type = String)]
    pub device: Serial,
    /// The address that asked for it; of IPv6 the /64. Null when it is not known.
    #[serde(default)]
    pub address: Option<String>,
    /// The address of the login that its device began with.
    #[serde(default)]
    pub login_address: Option<String>,
    /// What the device said that it is called, which nobody has checked.
    #[serde(default, with = "text::option")]
    #[schema(value_type = Option<String>)]
    pub device_name: Option<DeviceName>,
    /// SHA-256 of the public key's SubjectPublicKeyInfo, hexadecimal.
    pub key_sha256: String,
}

impl CertificateView {
    pub(super) fn of(record: CertificateRecord, now: OffsetDateTime) -> Self {
        let state = match (record.revoked, record.signed) {
            (Some(_), _) => CertificateState::Revoked,
            (None, false) => CertificateState::Unsigned,
            (None, true) if record.not_after < now => CertificateState::Expired,
            (None, true) => CertificateState::Valid,
        };
        let (revoked_at, reason) = record.revoked.unzip();
        Self {
            serial: record.serial,
            alias: record.alias,
            role: record.role,
            state,
            not_before: record.not_before,
            not_after: record.not_after,
            revoked_at,
            reason,
            renews: record.renews,
            device: record.device,
            address: record.origin.source,
            login_address: record.origin.login_source,
            device_name: record.origin.device_name,
            key_sha256: hex(&record.key_sha256),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Serialize for UserState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for UserState {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| serde::de::Error::custom("an unknown state of a user"))
    }
}
