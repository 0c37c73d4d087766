//! `user ...`.

use std::path::PathBuf;

use super::Format;
use crate::administration::{GivenReason, GivenRole};
use crate::cli::{PasswordArgs, UserCommand};
use crate::failure::Failure;
use crate::terminal;
use common::identity::{Alias, Role};

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
    /// Whether there may be roles that nobody has yet.
    pub new_role: bool,
    /// How to print the one-time passwords.
    pub format: Format,
}

/// What to do with people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserAction {
    /// Add one.
    Add(Alias, GivenRole, PasswordChoice),
    /// Add many.
    Import(Import),
    /// List all.
    List(Format),
    /// Show one.
    Show(Alias, Format),
    /// Replace a password.
    Passwd(Alias, PasswordChoice),
    /// Change what one may do.
    Role(Alias, GivenRole),
    /// Let one log in again.
    Enable(Alias),
    /// Let one not log in.
    Disable(Alias),
    /// Forget failed logins.
    Unlock(Alias),
    /// Revoke all certificates of one, and block.
    Revoke(Alias, GivenReason),
    /// Remove one for good.
    Remove(Alias, Consent),
}

/// Whether what cannot be undone is to be done without a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// It was said on the command line.
    Given,
    /// It is asked for on the terminal.
    Asked,
}

pub(super) fn user(command: UserCommand) -> Result<UserAction, Failure> {
    Ok(match command {
        UserCommand::Add {
            alias,
            role,
            new_role,
            password,
        } => UserAction::Add(alias, given_role(role, new_role), choice(password)),
        UserCommand::Import {
            table,
            dry_run,
            new_role,
            json,
        } => UserAction::Import(Import {
            table,
            dry_run,
            new_role,
            format: json.into(),
        }),
        UserCommand::List { json } => UserAction::List(json.into()),
        UserCommand::Show { alias, json } => UserAction::Show(alias, json.into()),
        UserCommand::Passwd { alias, password } => UserAction::Passwd(alias, choice(password)),
        UserCommand::Role {
            alias,
            role,
            new_role,
        } => UserAction::Role(alias, given_role(role, new_role)),
        UserCommand::Enable { alias } => UserAction::Enable(alias),
        UserCommand::Disable { alias } => UserAction::Disable(alias),
        UserCommand::Unlock { alias } => UserAction::Unlock(alias),
        UserCommand::Revoke { alias, reason } => UserAction::Revoke(alias, reason),
        UserCommand::Rm { alias, yes } => {
            let consent = consent(&alias, yes)?;
            UserAction::Remove(alias, consent)
        }
    })
}

fn consent(alias: &Alias, yes: bool) -> Result<Consent, Failure> {
    match (yes, terminal::is_interactive()) {
        (true, _) => Ok(Consent::Given),
        (false, true) => Ok(Consent::Asked),
        (false, false) => Err(Failure::usage(format!(
            "removing {alias} is for ever, and there is no terminal to ask on"
        ))
        .cure(format!(
            "to remove without a question: auth-server user rm {alias} --yes"
        ))),
    }
}

fn given_role(role: Role, may_be_new: bool) -> GivenRole {
    GivenRole { role, may_be_new }
}

fn choice(args: PasswordArgs) -> PasswordChoice {
    if args.one_time {
        PasswordChoice::OneTime
    } else {
        PasswordChoice::Given(args.password_file.into())
    }
}
