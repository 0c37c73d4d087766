use common::identity::{Alias, Role};
use root_ca::RevocationReason;

use super::Password;
use crate::audit::Action;

/// Why disabling revokes: the person may come back.
const DISABLED: RevocationReason = RevocationReason::PrivilegeWithdrawn;
/// Why removing revokes: the person is gone.
const REMOVED: RevocationReason = RevocationReason::CessationOfOperation;
/// Why another role revokes: the certificate states the old one.
const ROLE_CHANGED: RevocationReason = RevocationReason::AffiliationChanged;

/// What an administrator changes about a person.
#[derive(Debug, Clone, Copy)]
pub enum UserChange<'a> {
    /// Replaces the password.
    Password(&'a Password),
    /// Changes what the person may do, and revokes all current certificates, which state the old
    /// role.
    Role(&'a Role),
    /// Lets a disabled person log in again.
    Enable,
    /// Blocks a person and revokes all current certificates.
    Disable,
    /// The same for a reason of its own: something is wrong with the certificates.
    Revoke(RevocationReason),
    /// Removes a person for good and revokes all current certificates.
    Remove,
    /// Forgets the failed logins of a person, from all sources.
    Unlock,
}

impl UserChange<'_> {
    /// Its word in the audit log.
    pub fn action(&self) -> Action {
        match self {
            Self::Password(_) => Action::SetPassword,
            Self::Role(_) => Action::SetRole,
            Self::Enable => Action::EnableUser,
            Self::Disable => Action::DisableUser,
            Self::Revoke(_) => Action::RevokeUser,
            Self::Remove => Action::RemoveUser,
            Self::Unlock => Action::UnlockUser,
        }
    }

    /// To whom the audit log says that it was done, with what belongs to it.
    pub fn object(&self, alias: &Alias) -> String {
        match self {
            Self::Password(password) if password.one_time_until.is_some() => {
                format!("{alias} (one-time)")
            }
            Self::Role(role) => format!("{alias} is {role}"),
            Self::Revoke(reason) => format!("{alias} ({reason})"),
            _ => alias.to_string(),
        }
    }

    /// Why it revokes all current certificates, if it does.
    pub fn revokes(&self) -> Option<RevocationReason> {
        match self {
            Self::Role(_) => Some(ROLE_CHANGED),
            Self::Disable => Some(DISABLED),
            Self::Revoke(reason) => Some(*reason),
            Self::Remove => Some(REMOVED),
            Self::Password(_) | Self::Enable | Self::Unlock => None,
        }
    }
}
