//! `user ...`.

use std::path::PathBuf;

use common::identity::{Alias, Role};
use root_ca::RevocationReason;

use super::Format;
use crate::cli::{PasswordArgs, UserCommand};

/// Where a new password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// Asked, hidden, twice.
    Prompt,
    /// A file, or `-` for standard input.
    File(PathBuf),
}

/// Which password a person gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordChoice {
    /// One that the administrator gives, and the person keeps.
    Given(PasswordSource),
    /// A random one that is told, and only serves to choose another.
    OneTime,
}

impl From<Option<PathBuf>> for PasswordSource {
    fn from(file: Option<PathBuf>) -> Self {
        file.map_or(Self::Prompt, Self::File)
    }
}

/// Which people to add together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// A file, or `-` for standard input.
    pub table: PathBuf,
    /// Whether to check alone.
    pub dry_run: bool,
    /// How to print the one-time passwords.
    pub format: Format,
}

/// What to do with people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserAction {
    /// Add one.
    Add(Alias, Role, PasswordChoice),
    /// Add many.
    Import(Import),
    /// List all.
    List(Format),
    /// Show one.
    Show(Alias, Format),
    /// Replace a password.
    Passwd(Alias, PasswordChoice),
    /// Change what one may do.
    Role(Alias, Role),
    /// Let one log in again.
    Enable(Alias),
    /// Let one not log in.
    Disable(Alias),
    /// Forget failed logins.
    Unlock(Alias),
    /// Revoke all certificates of one, and block.
    Revoke(Alias, RevocationReason),
    /// Remove one for good.
    Remove(Alias),
}

pub(super) fn user(command: UserCommand) -> UserAction {
    match command {
        UserCommand::Add {
            alias,
            role,
            password,
        } => UserAction::Add(alias, role, choice(password)),
        UserCommand::Import {
            table,
            dry_run,
            json,
        } => UserAction::Import(Import {
            table,
            dry_run,
            format: json.into(),
        }),
        UserCommand::List { json } => UserAction::List(json.into()),
        UserCommand::Show { alias, json } => UserAction::Show(alias, json.into()),
        UserCommand::Passwd { alias, password } => UserAction::Passwd(alias, choice(password)),
        UserCommand::Role { alias, role } => UserAction::Role(alias, role),
        UserCommand::Enable { alias } => UserAction::Enable(alias),
        UserCommand::Disable { alias } => UserAction::Disable(alias),
        UserCommand::Unlock { alias } => UserAction::Unlock(alias),
        UserCommand::Revoke { alias, reason } => UserAction::Revoke(alias, reason),
        UserCommand::Rm { alias } => UserAction::Remove(alias),
    }
}

fn choice(args: PasswordArgs) -> PasswordChoice {
    if args.one_time {
        PasswordChoice::OneTime
    } else {
        PasswordChoice::Given(args.password_file.into())
    }
}
