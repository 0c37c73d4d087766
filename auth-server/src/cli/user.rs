//! `user ...`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use common::identity::{Alias, Role};

use crate::administration::GivenReason;
use crate::options::names::{alias, role};

/// Where a new password comes from.
#[derive(Debug, Args)]
pub struct PasswordArgs {
    /// Read the password from this file, or from standard input with -
    #[arg(long, value_name = "FILE", env = "ORGSHARE_AUTH_PASSWORD_FILE")]
    pub password_file: Option<PathBuf>,
    /// Make a random password, print it, and have the user choose another one at the first login
    #[arg(long, conflicts_with = "password_file")]
    pub one_time: bool,
}

/// Commands on users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a user; asks for the password twice
    Add {
        /// Letters a to z, digits and inner hyphens
        #[arg(value_parser = alias)]
        alias: Alias,
        /// What the user may do: admin, member, reader, or a role of your own
        #[arg(long, default_value = "member", env = "ORGSHARE_AUTH_ROLE", value_parser = role)]
        role: Role,
        /// The role may be one that nobody has yet
        #[arg(long)]
        new_role: bool,
        /// The password
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Add many users from a table; all or nobody
    ///
    /// The table is CSV with the header alias,role,name,email; name and email may be empty. Each
    /// user gets a one-time password, printed as CSV with the header alias,password.
    Import {
        /// The table, or - for standard input
        #[arg(value_name = "FILE")]
        table: PathBuf,
        /// Check the table and add nobody
        #[arg(long)]
        dry_run: bool,
        /// Roles may be such that nobody has yet
        #[arg(long)]
        new_role: bool,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// List users: alias, role, state, when they were added and last logged in
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show a user
    Show {
        /// Who
        #[arg(value_parser = alias)]
        alias: Alias,
        /// As a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Replace a user's password
    Passwd {
        /// Who
        #[arg(value_parser = alias)]
        alias: Alias,
        /// The password
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Change what a user may do, and revoke all current certificates
    Role {
        /// Who
        #[arg(value_parser = alias)]
        alias: Alias,
        /// admin, member, reader, or a role of your own
        #[arg(value_parser = role)]
        role: Role,
        /// The role may be one that nobody has yet
        #[arg(long)]
        new_role: bool,
    },
    /// Refuse a user's logins and revoke all current certificates
    Disable {
        /// Who
        #[arg(value_parser = alias)]
        alias: Alias,
    },
    /// Let a disabled user log in again
    Enable {
        /// Who
        #[arg(value_parser = alias)]
        alias: Alias,
    },
    /// Forget a user's failed logins, so that none of them delays the next one
    Unlock {
        /// Who
        #[arg(value_parser = alias)]
        alias: Alias,
    },
    /// Revoke all current certificates of a user, for a reason, and refuse logins
    Revoke {
        /// Who
        #[arg(value_parser = alias)]
        alias: Alias,
        /// Why: unspecified, keyCompromise (for a lost laptop), superseded, cessationOfOperation or
        /// privilegeWithdrawn
        #[arg(long, default_value = "unspecified")]
        reason: GivenReason,
    },
    /// Remove a user for good and revoke all current certificates; the alias is never given again
    ///
    /// It asks first: type the alias again.
    Rm {
        /// Who
        #[arg(value_parser = alias)]
        alias: Alias,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}
