//! What a person sees when something fails: what happened, what to do next, and the exit code.

use std::fmt;
use std::io;
use std::path::Path;

use common::crl::Revoked;
use common::handshake::{Distrust, HandshakeError, Refusal};
use common::identity::IdentityError;
use common::name::Escaped;
use common::session::SessionError;
use common::wire::{ErrorCode, NotReadyCode};

/// The exit codes of both programs; the table stands in the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Any error without a code of its own.
    Other,
    /// The command line is wrong.
    Usage,
    /// Not logged in, or the certificate has expired.
    NotLoggedIn,
    /// Login refused or throttled.
    LoginRefused,
    /// Peer or server cannot be reached.
    Unreachable,
    /// No such remote file.
    NoSuchFile,
    /// Certificate not trusted, wrong person, or revoked.
    NotTrusted,
    /// Digest, seal, or truncation.
    Integrity,
    /// Refused by the other side: role, rule.
    Refused,
    /// Local file problem: exists, disk full, unreadable.
    LocalFile,
    /// Some of many failed.
    Partial,
    /// Versions or suites do not match.
    Mismatch,
    /// Temporary; try again.
    Temporary,
    /// Interrupted from the keyboard.
    Interrupted,
}

impl Exit {
    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Other => 1,
            Self::Usage => 2,
            Self::NotLoggedIn => 3,
            Self::LoginRefused => 4,
            Self::Unreachable => 5,
            Self::NoSuchFile => 6,
            Self::NotTrusted => 7,
            Self::Integrity => 8,
            Self::Refused => 9,
            Self::LocalFile => 10,
            Self::Partial => 11,
            Self::Mismatch => 12,
            Self::Temporary => 75,
            Self::Interrupted => 130,
        }
    }
}

/// A failed command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What happened, to what.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Failure {
    /// What happened; lower case, no full stop.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A local file could not be used.
    pub fn file(path: &Path, error: &io::Error) -> Self {
        let shown = path.display().to_string();
        let failure = Self::new(
            Exit::LocalFile,
            format!("{}: {}", Escaped(&shown), reason(error)),
        );
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                failure.hint("make room there, or choose another place, and run the command again")
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                failure.hint("choose a place that you may write to")
            }
            _ => failure,
        }
    }

    /// The connection to a peer broke.
    pub fn connection(peer: &str, error: &io::Error) -> Self {
        Self::new(Exit::Unreachable, format!("{peer}: {}", reason(error)))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.hint.iter().try_for_each(|hint| write!(f, "; {hint}"))
    }
}

impl std::error::Error for Failure {}

/// A message without the number that the standard library appends to the system's own.
pub fn without_number(text: &str) -> String {
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// The system's message as part of a sentence.
pub fn reason(error: &io::Error) -> String {
    let text = without_number(&error.to_string());
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => "failed".into(),
    }
}

/// What whoever was revoked can do.
pub const LOG_IN_OR_ASK: &str = "log in again with peer login, or ask your administrator";

/// This device's own certificate is on the revocation list.
pub fn own_revoked(revoked: &Revoked) -> Failure {
    Failure::new(Exit::NotTrusted, format!("{revoked}: peers refuse it")).hint(LOG_IN_OR_ASK)
}

/// A handshake with `peer` (as the user named it) failed.
pub fn from_handshake(peer: &str, error: &HandshakeError) -> Failure {
    match error {
        HandshakeError::Distrust(reason) => from_distrust(peer, reason),
        HandshakeError::Refused(refusal) => from_refusal(peer, *refusal),
        HandshakeError::NotReady(code) => Failure::new(Exit::NotLoggedIn, code.to_string()),
        HandshakeError::NoCommonSuite | HandshakeError::Version { .. } => {
            Failure::new(Exit::Mismatch, format!("{peer}: {error}"))
                .hint("update orgshare on the older side")
        }
        HandshakeError::UnexpectedFrame(_)
        | HandshakeError::TooLong { .. }
        | HandshakeError::Verdict(_)
        | HandshakeError::Message(_)
        | HandshakeError::Tls(_) => Failure::new(Exit::Integrity, format!("{peer}: {error}"))
            .hint("nothing was accepted; somebody on the way may have altered the data"),
    }
}

fn from_distrust(peer: &str, reason: &Distrust) -> Failure {
    let failure = Failure::new(Exit::NotTrusted, format!("{peer}: {reason}"));
    match reason {
        Distrust::OtherAuthority => {
            failure.hint("do not send anything there; tell your administrator")
        }
        Distrust::Expired => failure.hint("the person there must log in again"),
        Distrust::Revoked(_) => {
            failure.hint("the person there must log in again, or ask your administrator")
        }
        Distrust::NotYetValid => failure,
        Distrust::CrlStale => failure.hint("connect to the auth server to renew it"),
        Distrust::WrongMember { .. } => failure.hint("check the port, or leave --expect out"),
        Distrust::Identity(IdentityError::OwnKey) => {
            Failure::new(Exit::NotTrusted, format!("{peer} is this very device"))
                .hint("give the port of somebody else's device")
        }
        _ => failure.hint("tell your administrator"),
    }
}

fn from_refusal(peer: &str, refusal: Refusal) -> Failure {
    let failure = |exit| Failure::new(exit, format!("{peer}: {refusal}"));
    match refusal {
        Refusal::NotReady(NotReadyCode::Busy) => failure(Exit::Temporary).hint("try again later"),
        Refusal::NotReady(_) => {
            failure(Exit::Temporary).hint("the person there must log in again or go online")
        }
        Refusal::Revoked => failure(Exit::NotTrusted).hint(LOG_IN_OR_ASK),
        Refusal::Expired => {
            failure(Exit::NotLoggedIn).hint("log in again with peer login, and check the clock")
        }
        Refusal::NoCommonSuite => failure(Exit::Mismatch).hint("update orgshare on the older side"),
        Refusal::OtherAuthority | Refusal::AccessDenied | Refusal::CertificateRequired => {
            failure(Exit::NotTrusted).hint("check that both sides belong to one organisation")
        }
        Refusal::Alert(_) => failure(Exit::Integrity)
            .hint("nothing was sent; somebody on the way may have altered the data"),
    }
}

/// A session with `peer` broke off.
pub fn from_session(peer: &str, error: &SessionError) -> Failure {
    Failure::new(Exit::Integrity, format!("{peer}: {error}"))
        .hint("nothing was kept; run the command again")
}

/// The provider answered a request for `path` with an error.
pub fn from_error_code(path: &str, code: ErrorCode) -> Failure {
    let path = Escaped(path);
    let exit = match code {
        ErrorCode::NotFound => Exit::NoSuchFile,
        ErrorCode::IsDirectory | ErrorCode::NotRegular | ErrorCode::Denied => Exit::Refused,
        ErrorCode::SourceChanged | ErrorCode::SourceUnreadable => Exit::Other,
        ErrorCode::Busy | ErrorCode::CrlStale => Exit::Temporary,
        ErrorCode::Revoked => Exit::NotTrusted,
        ErrorCode::Expired => Exit::NotLoggedIn,
        ErrorCode::UnknownDigest => Exit::Mismatch,
        ErrorCode::Unknown(_) => Exit::Other,
    };
    let failure = Failure::new(exit, format!("{path}: {code}"));
    match code {
        ErrorCode::NotFound => failure.hint("check the name with the person who shares it"),
        ErrorCode::IsDirectory => failure.hint("ask for one file in it"),
        ErrorCode::SourceChanged | ErrorCode::Busy => failure.hint("run the command again"),
        ErrorCode::Expired => failure.hint("log in again with peer login"),
        ErrorCode::Revoked => failure.hint(LOG_IN_OR_ASK),
        ErrorCode::CrlStale => failure.hint("the person there must go online"),
        _ => failure,
    }
}
