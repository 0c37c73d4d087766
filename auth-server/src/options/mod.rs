//! The command line, checked: plain values that the commands take.

mod audit;
mod cert;
mod crl;
mod format;
pub(crate) mod names;
mod parse;
mod place;
mod serve;
mod settings;
mod shell;
mod user;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ArgMatches;

pub use audit::{AuditAction, Tail};
pub use cert::{CertAction, CertList, Which};
pub use crl::{CrlAction, CrlForm};
pub use format::Format;
pub(crate) use parse::command;
pub(crate) use place::needs_the_machine;
pub use serve::{Init, KeyChoice, Run};
pub use settings::LogFormat;
pub use shell::Shell;
pub use user::{Consent, Import, PasswordChoice, PasswordSource, UserAction};

use crate::cli::{Cli, Command, ConfigCommand, RootCommand, UserCommand};
use crate::commands::desk::Place;
use crate::config::Given;
use crate::failure::Failure;
use crate::home::Home;
use crate::ui;
use settings::given;

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Started without a command on a terminal.
    Bare(Init, Run),
    /// Make an authority.
    Init(Init),
    /// Serve.
    Run(Run),
    /// Administer people.
    User(Place, UserAction),
    /// Look into the ledger of certificates.
    Cert(Place, CertAction),
    /// Look at the CRL.
    Crl(Place, CrlAction),
    /// Look into the audit log.
    Audit(Place, AuditAction),
    /// Show the root.
    RootShow(Given),
    /// Print its fingerprint.
    RootFingerprint,
    /// Print its PEM.
    RootExport,
    /// Check the settings.
    ConfigCheck(Given),
    /// Show the settings.
    ConfigShow(Given, Format),
    /// Write a backup.
    Backup(PathBuf),
    /// Make the authority of a backup again.
    Restore(PathBuf),
    /// Look whether everything is in order.
    Doctor(Given, Format),
    /// Print what makes a shell complete.
    Completions(Shell),
}

impl Action {
    /// The file that it reads besides those in the server's folder.
    pub fn reads(&self) -> Option<&Path> {
        match self {
            Self::Restore(file) => Some(file).filter(|file| file.as_os_str() != "-"),
            _ => None,
        }
        .map(PathBuf::as_path)
    }

    /// Whether it may leave files in the server's folder on this machine. Checks alone do not.
    pub fn writes_here(&self) -> bool {
        let place = match self {
            Self::User(place, _) | Self::Cert(place, _) | Self::Audit(place, _) => place,
            Self::Doctor(..) | Self::Completions(_) => return false,
            _ => return true,
        };
        matches!(place, Place::Here(_))
    }
}

/// What to do, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The server's folder.
    pub home: Home,
    /// Where the root key's passphrase is, if not asked for.
    pub passphrase_file: Option<PathBuf>,
    /// What to do.
    pub action: Action,
}

/// Reads and checks the command line. Help, and errors of usage, are printed here; the exit code
/// is returned for them.
///
/// # Errors
/// The exit code with which to end.
pub fn from_command_line() -> Result<Options, ExitCode> {
    let (cli, matches) = parse::from_command_line()?;
    check(cli, &matches).map_err(|failure| {
        ui::failure(&failure);
        failure.exit_code()
    })
}

fn check(cli: Cli, matches: &ArgMatches) -> Result<Options, Failure> {
    serve::refuse_stray_listen(matches)?;
    let there = place::there(&cli, matches)?;
    let home = Home::new(match cli.dir {
        Some(dir) => dir,
        None => Home::default_dir()?,
    });
    let here = Place::Here(home.clone());
    let action = match (cli.command, there) {
        (Some(Command::User(UserCommand::Import { .. })), Some(_)) => {
            return Err(needs_the_machine());
        }
        (Some(Command::User(command)), place) => {
            Action::User(place.unwrap_or(here), user::user(command)?)
        }
        (Some(Command::Cert(command)), place) => {
            Action::Cert(place.unwrap_or(here), cert::cert(command)?)
        }
        (Some(Command::Audit(command)), place) => {
            Action::Audit(place.unwrap_or(here), audit::audit(command))
        }
        (Some(Command::Completions { shell }), _) => Action::Completions(shell),
        (_, Some(_)) => return Err(needs_the_machine()),
        (Some(Command::Crl(command)), None) => Action::Crl(here, crl::crl(command)),
        (Some(Command::Root(command)), None) => root(command, parse::last(matches)),
        (Some(Command::Config(command)), None) => config(command, parse::last(matches)),
        (Some(Command::Init(args)), None) => Action::Init(serve::init(args)?),
        (Some(Command::Run(args)), None) => Action::Run(serve::run(args, parse::last(matches))?),
        (Some(Command::Backup { file }), None) => Action::Backup(file),
        (Some(Command::Restore { file }), None) => Action::Restore(file),
        (Some(Command::Doctor(args)), None) => {
            Action::Doctor(given(args.settings, parse::last(matches)), args.json.into())
        }
        (None, None) => serve::bare(cli.listen.as_deref(), matches)?,
    };
    Ok(Options {
        home,
        passphrase_file: cli.passphrase_file,
        action,
    })
}

fn root(command: RootCommand, matches: &ArgMatches) -> Action {
    match command {
        RootCommand::Show { settings } => Action::RootShow(given(settings, matches)),
        RootCommand::Fingerprint => Action::RootFingerprint,
        RootCommand::Export => Action::RootExport,
    }
}

fn config(command: ConfigCommand, matches: &ArgMatches) -> Action {
    match command {
        ConfigCommand::Check { settings } => Action::ConfigCheck(given(settings, matches)),
        ConfigCommand::Show { json, settings } => {
            Action::ConfigShow(given(settings, matches), json.into())
        }
    }
}
