use common::identity::Alias;
use root_ca::Serial;
use serde::Deserialize;
use ureq::http::StatusCode;

use crate::administration::{AdminError, UnknownRole};
use crate::failure::Failure;
use crate::problem::kind;
use crate::store::StoreError;

/// A problem document (RFC 9457), as far as it is used.
#[derive(Debug, Default, Deserialize)]
struct Document {
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    detail: String,
}

/// The server's no.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    retry_after: Option<u64>,
    document: Document,
}

impl Refused {
    /// Reads an answer that is no success. Of one that is no problem document only the status
    /// counts.
    pub(super) fn read(status: StatusCode, retry_after: Option<u64>, body: &[u8]) -> Self {
        Self {
            status,
            retry_after,
            document: serde_json::from_slice(body).unwrap_or_default(),
        }
    }

    /// The error that a local store gives for the same reason, about that person.
    pub(super) fn about_user(self, alias: &Alias) -> AdminError {
        let alias = alias.clone();
        match self.document.r#type.as_str() {
            kind::ALIAS_TAKEN => StoreError::AliasTaken { alias }.into(),
            kind::ALIAS_RETIRED => StoreError::AliasRetired { alias }.into(),
            kind::NO_SUCH_USER => StoreError::NoSuchUser { alias }.into(),
            _ => self.about_anything(),
        }
    }

    /// The same about that certificate.
    pub(super) fn about_certificate(self, serial: &Serial) -> AdminError {
        match self.document.r#type.as_str() {
            kind::OWN_CERTIFICATE => StoreError::OwnCertificate { serial: *serial }.into(),
            kind::NO_SUCH_CERTIFICATE => StoreError::NoSuchCertificate { serial: *serial }.into(),
            _ => self.about_anything(),
        }
    }

    /// The same about nothing in particular.
    pub(super) fn about_anything(self) -> AdminError {
        match self.document.r#type.as_str() {
            kind::WEAK_PASSWORD => AdminError::Weak(self.document.detail),
            kind::UNKNOWN_ROLE => UnknownRole(self.document.detail).into(),
            kind::OWN_PASSWORD => AdminError::OwnPassword,
            kind::LAST_ADMINISTRATOR => StoreError::LastAdministrator.into(),
            _ => AdminError::Remote(self.failure()),
        }
    }

    fn failure(self) -> Failure {
        let again = "log in again with peer login";
        match self.document.r#type.as_str() {
            kind::CERTIFICATE_NEEDED => {
                Failure::not_logged_in("the auth server got no certificate of this device")
                    .cure(again)
            }
            kind::CERTIFICATE_EXPIRED => {
                Failure::not_logged_in("this device's certificate has expired").cure(again)
            }
            kind::CERTIFICATE_REFUSED => Failure::not_trusted(
                "this device's certificate was revoked, or its member is disabled",
            )
            .cure("after a change of your role: peer renew; else log in again with peer login"),
            kind::CERTIFICATE_UNKNOWN => {
                Failure::not_logged_in("the auth server does not have this device's certificate")
                    .cure(again)
            }
            kind::NOT_ALLOWED => {
                Failure::refused("the auth server refuses: this is for administrators")
                    .cure("log in as one, or have your role changed with: auth-server user role")
            }
            kind::PASSWORD_MUST_CHANGE => {
                Failure::refused("the auth server refuses: your password was given for once")
                    .cure("choose another one first with: peer passwd")
            }
            _ => self.plain(),
        }
    }

    fn plain(self) -> Failure {
        let later = match self.retry_after {
            Some(secs) => format!("try again in {secs} s"),
            None => "try again later".to_owned(),
        };
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                Failure::temporary("the auth server is busy").cure(later)
            }
            status => Failure::other(format!(
                "the auth server answers {status}{}{}",
                if self.document.detail.is_empty() {
                    ""
                } else {
                    ": "
                },
                self.document.detail
            ))
            .cure("check that both programs have the same version"),
        }
    }
}
