use crate::administration::AdminError;
use crate::password::PasswordError;
use crate::problem::Problem;
use crate::store::{Denied, StoreError};

/// What an administrator is told of a failure. What he can do nothing about is in the log.
impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Store(StoreError::AliasTaken { .. }) => Self::AliasTaken,
            AdminError::Store(StoreError::AliasRetired { .. }) => Self::AliasRetired,
            AdminError::Store(StoreError::NoSuchUser { .. }) => Self::NoSuchUser,
            AdminError::Store(StoreError::NoSuchCertificate { .. }) => Self::NoSuchCertificate,
            AdminError::Store(StoreError::OwnCertificate { .. }) => Self::OwnCertificate,
            AdminError::Store(StoreError::LastAdministrator) => Self::LastAdministrator,
            AdminError::Store(StoreError::Denied(Denied::Certificate)) => Self::CertificateRefused,
            AdminError::Store(StoreError::Denied(Denied::Role)) => Self::NotAllowed,
            AdminError::Store(StoreError::Denied(Denied::PasswordPending)) => {
                Self::PasswordMustChange
            }
            AdminError::OwnPassword => Self::OwnPassword,
            AdminError::Role(unknown) => Self::UnknownRole(unknown.to_string()),
            AdminError::Weak(reason) => Self::WeakPassword(reason),
            AdminError::Details(flaw) => Self::Details(flaw),
            AdminError::Password(PasswordError::Busy) => Self::Unavailable,
            error => {
                tracing::error!(%error, "an administrator's request failed here");
                Self::Unavailable
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_and_a_broken_store_are_told_as_busy_without_their_cause() {
        let damaged = StoreError::Damaged {
            detail: "page 7".into(),
        };
        for error in [AdminError::Password(PasswordError::Busy), damaged.into()] {
            let problem = Problem::from(error);
            assert_eq!(problem, Problem::Unavailable);
            let response = problem.response();
            assert_eq!(response.status(), 503);
            assert!(response.headers().contains_key("retry-after"));
        }
    }
}
