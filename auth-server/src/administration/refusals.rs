use super::AdminError;
use crate::store::{Denied, StoreError};

impl AdminError {
    /// Why an order was refused, for the audit log: words of the program, nothing that was sent.
    /// None for what is no refusal: the server itself failed or had too much to do.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => store_refusal(error),
            Self::Weak(_) => Some("refused: weak password"),
            Self::Details(_) => Some("refused: name or e-mail address"),
            Self::Role(_) => Some("refused: unknown role"),
            Self::OwnPassword => Some("refused: own password"),
            Self::NoSuchEntry { .. } | Self::Password(_) | Self::Remote(_) => None,
        }
    }
}

fn store_refusal(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::AliasTaken { .. } => Some("refused: alias taken"),
        StoreError::AliasRetired { .. } => Some("refused: alias was removed"),
        StoreError::NoSuchUser { .. } => Some("refused: no such user"),
        StoreError::NoSuchCertificate { .. } => Some("refused: no such certificate"),
        StoreError::OwnCertificate { .. } => Some("refused: the server's own certificate"),
        StoreError::LastAdministrator => Some("refused: last administrator"),
        StoreError::Denied(Denied::Certificate) => Some("refused: certificate does not count"),
        StoreError::Denied(Denied::Role) => Some("refused: not an administrator"),
        StoreError::Denied(Denied::PasswordPending) => Some("refused: a one-time password waits"),
        _ => None,
    }
}
