//! `init`, `run`, and the bare start.

use clap::ArgMatches;
use clap::parser::ValueSource;
use root_ca::{Host, KeyType};

use super::settings::given;
use super::{Action, parse};
use crate::cli::{BareInit, BareRun, InitArgs, RunArgs};
use crate::config::{Config, Given, parse_lifetime};
use crate::failure::Failure;
use crate::terminal;

/// Kinds of root key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum KeyChoice {
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits.
    Rsa4096,
    /// The NIST curve P-256.
    P256,
}

impl From<KeyChoice> for KeyType {
    fn from(choice: KeyChoice) -> Self {
        match choice {
            KeyChoice::Rsa3072 => Self::Rsa3072,
            KeyChoice::Rsa4096 => Self::Rsa4096,
            KeyChoice::P256 => Self::P256,
        }
    }
}

/// How to make an authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init {
    /// Asked for when missing.
    pub org: Option<String>,
    /// Beside the machine's own.
    pub hosts: Vec<Host>,
    /// Kind of the root key.
    pub key_type: KeyType,
    /// Checked, in the form of the settings file.
    pub cert_lifetime: String,
    /// Where the server will listen, if that is said: part of the line to paste.
    pub listen: Given,
}

/// How to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What is over the settings file.
    pub given: Given,
    /// Whether to hold the dialogue first.
    pub add_users: bool,
    /// Whether questions may be asked at all.
    pub may_prompt: bool,
}

pub(super) fn init(args: InitArgs) -> Result<Init, Failure> {
    with_flags(args, &[])
}

fn with_flags(args: InitArgs, flags: &[String]) -> Result<Init, Failure> {
    parse_lifetime(&args.cert_lifetime)
        .map_err(|error| Failure::usage(format!("--cert-lifetime: {error}")))?;
    Ok(Init {
        org: args.org,
        hosts: args.hosts,
        key_type: args.key_type.into(),
        cert_lifetime: args.cert_lifetime,
        listen: listen(flags)?,
    })
}

/// Checked, for nobody wants to hear of a mistake when the authority is made.
fn listen(flags: &[String]) -> Result<Given, Failure> {
    let (args, matches) = parse::from_environment::<BareRun>(flags)?;
    let mut given = given(args.run.settings, &matches);
    given.retain(|name, _| *name == "listen");
    Config::new(&given)?;
    Ok(given)
}

pub(super) fn run(args: RunArgs, matches: &ArgMatches) -> Result<Run, Failure> {
    // Not clap's to say: to it, a switch that the environment sets to 0 is there.
    if args.add_users && args.no_prompt {
        return Err(Failure::usage(
            "--add-users asks, and --no-prompt forbids it",
        ));
    }
    if args.add_users && !terminal::is_interactive() {
        return Err(Failure::usage("--add-users needs a terminal")
            .cure("add users with: auth-server user add ALIAS --password-file FILE"));
    }
    Ok(Run {
        given: given(args.settings, matches),
        add_users: args.add_users,
        may_prompt: !args.no_prompt,
    })
}

/// Refuses `--listen` before a command that would not heed it.
pub(super) fn refuse_stray_listen(matches: &ArgMatches) -> Result<(), Failure> {
    match matches.subcommand_name() {
        Some(command) if is_listen_typed(matches) => Err(Failure::usage(format!(
            "--listen before {command} means nothing"
        ))
        .cure("write it behind the command: auth-server run --listen ADDR:PORT")),
        _ => Ok(()),
    }
}

fn is_listen_typed(matches: &ArgMatches) -> bool {
    matches.value_source("listen") == Some(ValueSource::CommandLine)
}

pub(super) fn bare(listen: Option<&str>, matches: &ArgMatches) -> Result<Action, Failure> {
    if !terminal::is_interactive() {
        return Err(
            Failure::usage("no command was given, and there is no terminal for questions")
                .cure("use auth-server init and auth-server run, or see auth-server --help"),
        );
    }
    let flags: Vec<String> = listen
        .filter(|_| is_listen_typed(matches))
        .map(|listen| format!("--listen={listen}"))
        .into_iter()
        .collect();
    let (init_args, _) = parse::from_environment::<BareInit>(&[])?;
    let (run_args, matches) = parse::from_environment::<BareRun>(&flags)?;
    let mut run = run(run_args.run, &matches)?;
    run.add_users = run.may_prompt;
    Ok(Action::Bare(with_flags(init_args.init, &flags)?, run))
}
