//! Why a command failed: what happened, what to do next, and the exit code.

use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use root_ca::AuthorityError;
use root_ca::key_store::KeyStoreError;

use crate::store::StoreError;

/// Wrong usage.
pub const EXIT_USAGE: u8 = 2;
/// The device has no certificate, or one that has expired.
pub const EXIT_NOT_LOGGED_IN: u8 = 3;
/// The auth server cannot be reached.
pub const EXIT_UNREACHABLE: u8 = 5;
/// A certificate is not trusted, or was revoked.
pub const EXIT_NOT_TRUSTED: u8 = 7;
/// The auth server refuses.
pub const EXIT_REFUSED: u8 = 9;
/// A file or folder of this machine.
pub const EXIT_LOCAL_FILE: u8 = 10;
/// To be tried again.
pub const EXIT_TEMPORARY: u8 = 75;
/// What helps where the system says no.
const NOT_OURS: &str = "the user who runs this may not; look whose file and folder it is, and give it to \
                        the folder's owner: as root, chown -R USER FOLDER";
/// What helps who names a certificate that there is not.
pub(crate) const SEE_CERTIFICATES: &str = "see which there are with: auth-server cert list";
/// Ended by SIGHUP: the terminal is gone.
pub const EXIT_HANGUP: u8 = 129;
/// Ended by SIGINT.
pub const EXIT_INTERRUPTED: u8 = 130;
/// Ended by SIGTERM.
pub const EXIT_TERMINATED: u8 = 143;

/// A command's failure, as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    code: u8,
    happened: String,
    cure: Option<String>,
}

impl Failure {
    /// A failure without a code of its own.
    pub fn other(happened: impl Into<String>) -> Self {
        Self {
            code: 1,
            happened: happened.into(),
            cure: None,
        }
    }

    fn with_code(code: u8, happened: impl Into<String>) -> Self {
        Self {
            code,
            ..Self::other(happened)
        }
    }

    /// The command was given wrongly.
    pub fn usage(happened: impl Into<String>) -> Self {
        Self::with_code(EXIT_USAGE, happened)
    }

    /// The device has no certificate that is valid.
    pub fn not_logged_in(happened: impl Into<String>) -> Self {
        Self::with_code(EXIT_NOT_LOGGED_IN, happened)
    }

    /// The auth server gives no answer.
    pub fn unreachable(happened: impl Into<String>) -> Self {
        Self::with_code(EXIT_UNREACHABLE, happened)
    }

    /// One of the two sides does not believe the other.
    pub fn not_trusted(happened: impl Into<String>) -> Self {
        Self::with_code(EXIT_NOT_TRUSTED, happened)
    }

    /// The auth server knows who asks, and says no.
    pub fn refused(happened: impl Into<String>) -> Self {
        Self::with_code(EXIT_REFUSED, happened)
    }

    /// A file or folder cannot be used.
    pub fn local_file(happened: impl Into<String>) -> Self {
        Self::with_code(EXIT_LOCAL_FILE, happened)
    }

    /// It may work later.
    pub fn temporary(happened: impl Into<String>) -> Self {
        Self::with_code(EXIT_TEMPORARY, happened)
    }

    /// Adds what to do next, unless that is known better already.
    #[must_use]
    pub fn cure(mut self, cure: impl Into<String>) -> Self {
        self.cure.get_or_insert_with(|| cure.into());
        self
    }

    /// A file that the system would not read or write. Where this user may not, nothing else helps.
    pub fn io(path: &Path, error: &std::io::Error) -> Self {
        let failure = Self::local_file(format!("{}: {error}", path.display()));
        match error.kind() {
            ErrorKind::PermissionDenied => failure.cure(NOT_OURS),
            _ => failure,
        }
    }

    /// What happened.
    pub fn happened(&self) -> &str {
        &self.happened
    }

    /// What to do next, if that is known.
    pub fn advice(&self) -> Option<&str> {
        self.cure.as_deref()
    }

    /// The process's exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.happened)?;
        match &self.cure {
            Some(cure) => write!(f, "; {cure}"),
            None => Ok(()),
        }
    }
}

impl From<KeyStoreError> for Failure {
    fn from(error: KeyStoreError) -> Self {
        let failure = Self::local_file(error.to_string());
        match &error {
            KeyStoreError::TooOpen { path, mode } => {
                let right = if path.is_dir() { "700" } else { "600" };
                failure.cure(format!(
                    "if nobody read it while it was {mode:03o}, close it with: chmod {right} {}",
                    path.display()
                ))
            }
            KeyStoreError::ForeignOwner { .. } => failure.cure("run as the user who owns it"),
            KeyStoreError::Exists { path } => failure.cure(format!(
                "an init that was interrupted left it; if nobody trusts that root, remove {}",
                path.display()
            )),
            KeyStoreError::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                failure.cure(NOT_OURS)
            }
            KeyStoreError::Malformed { .. } => failure.cure("restore it from a backup"),
            KeyStoreError::Passphrase { .. } => failure.cure("try again with the right one"),
            _ => failure,
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let cure = match &error {
            StoreError::AliasTaken { .. } => {
                "choose another alias, or change the password with: auth-server user passwd ALIAS"
            }
            StoreError::AliasRetired { .. } => "choose another alias",
            StoreError::NoSuchUser { .. } => "see who there is with: auth-server user list",
            StoreError::NoSuchCertificate { .. } => SEE_CERTIFICATES,
            StoreError::OwnCertificate { .. } => {
                "if its key is feared lost, start the server anew, which makes another key and \
                 certificate, and revoke this one then"
            }
            StoreError::Missing | StoreError::ForeignRoot | StoreError::Damaged { .. } => {
                return Self::local_file(error.to_string()).cure(
                    "restore store.sqlite from a backup; it is never replaced by an empty one",
                );
            }
            StoreError::Denied(_) => {
                return Self::refused(error.to_string()).cure("have another administrator do it");
            }
            StoreError::LastAdministrator => {
                return Self::refused(error.to_string())
                    .cure("add another one first, or do it on the server's machine");
            }
            StoreError::PasswordReplaced => "try again",
            StoreError::IssueBlocked => "enable the user first",
            StoreError::KeyInUse => "make a fresh key",
            StoreError::TooManyRenewals { .. } => "look at the device's log, and try again later",
            StoreError::TooManyCertificates { .. } | StoreError::TooOften { .. } => {
                "try again later"
            }
            StoreError::LedgerFull => "wait until certificates end, or set a shorter cert_lifetime",
            StoreError::Unreadable => {
                return Self::local_file(error.to_string()).cure(NOT_OURS);
            }
            StoreError::Unusable { .. } => {
                return Self::local_file(error.to_string())
                    .cure("check the disk and the permissions of the folder");
            }
        };
        Self::other(error.to_string()).cure(cure)
    }
}

impl From<AuthorityError> for Failure {
    fn from(error: AuthorityError) -> Self {
        match error {
            AuthorityError::DisplayName | AuthorityError::Label(_) => {
                Self::usage(error.to_string()).cure("choose another name with --org")
            }
            AuthorityError::Root(_) | AuthorityError::KeyDiffers | AuthorityError::Lint(_) => {
                Self::local_file(error.to_string())
                    .cure("restore root.crt and root.key from the same backup")
            }
            _ => Self::other(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_happened_and_what_to_do() {
        let failure = Failure::other("there is no user bob").cure("look again");
        assert_eq!(failure.to_string(), "there is no user bob; look again");
    }
}
