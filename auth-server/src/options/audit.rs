//! `audit tail|export|verify`.

use std::path::PathBuf;

use super::Format;
use crate::cli::AuditCommand;

/// Which entries of the audit log to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    /// So many of the last ones.
    pub lines: u64,
    /// And those that come.
    pub follow: bool,
    /// How to print them.
    pub format: Format,
}

/// What to do with the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditAction {
    /// Show the last entries.
    Tail(Tail),
    /// Write all entries after that number.
    Export(u64),
    /// Look for what was altered.
    Verify,
    /// The same in an export.
    VerifyFile(PathBuf),
}

pub(super) fn audit(command: AuditCommand) -> AuditAction {
    match command {
        AuditCommand::Tail {
            lines,
            follow,
            json,
        } => AuditAction::Tail(Tail {
            lines,
            follow,
            format: json.into(),
        }),
        AuditCommand::Export { after } => AuditAction::Export(after),
        AuditCommand::Verify { file: None } => AuditAction::Verify,
        AuditCommand::Verify { file: Some(file) } => AuditAction::VerifyFile(file),
    }
}
