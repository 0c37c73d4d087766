//! The command line, checked: plain values that the commands take.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use common::identity::{Alias, Role};
use root_ca::{Host, KeyType, RevocationReason, Serial};
use time::Duration;

use crate::administration::GivenRole;
use crate::administration::remote::{DeviceFiles, ServerUrl};
use crate::cli::{
    AuditCommand, BareInit, BareRun, CertCommand, CertFilterArgs, Cli, Command as CliCommand,
    ConfigCommand, CrlCommand, InitArgs, PasswordArgs, RootCommand, RunArgs, SettingsArgs,
    UserCommand,
};
use crate::commands::desk::Place;
use crate::config::{Given, Origin, Value, parse_lifetime, parse_time};
use crate::failure::Failure;
use crate::home::{Home, data_dir};
use crate::{terminal, ui};

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

/// Forms of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Where a new password comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// Asked, hidden, twice.
    Prompt,
    /// Standard input.
    Stdin,
    /// A file.
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
        match file {
            None => Self::Prompt,
            Some(path) if path.as_os_str() == "-" => Self::Stdin,
            Some(path) => Self::File(path),
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

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl From<bool> for Format {
    fn from(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
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
    Revoke(Alias, RevocationReason),
    /// Remove one for good.
    Remove(Alias),
}

/// Which certificates to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertList {
    /// Of one person alone.
    pub alias: Option<Alias>,
    /// That state one role alone.
    pub role: Option<Role>,
    /// In which state.
    pub which: Which,
    /// At most so many.
    pub limit: u32,
    /// How to print them.
    pub format: Format,
}

/// Certificates in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Believed now.
    Valid,
    /// Believed now, and not for longer than that.
    Expiring(Duration),
    /// Their time is over, and they were not revoked.
    Expired,
    /// Revoked, over or not.
    Revoked,
    /// All.
    All,
}

/// What to do with certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertAction {
    /// List some.
    List(CertList),
    /// Show one.
    Show(Serial, Format),
    /// Revoke one.
    Revoke(Serial, RevocationReason),
}

/// Forms of a CRL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrlForm {
    /// As programs read it.
    Der,
    /// As text.
    Pem,
}

/// What to do with the CRL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrlAction {
    /// Show it.
    Show(Format),
    /// Write it out.
    Export(CrlForm),
}

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
    RootShow,
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
    let matches = Cli::command().try_get_matches();
    let matches = matches.map_err(|error| print_clap(&error))?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| print_clap(&error))?;
    check(cli, last(&matches)).map_err(|failure| {
        ui::failure(&failure);
        failure.exit_code()
    })
}

fn print_clap(error: &clap::Error) -> ExitCode {
    // It quotes what was typed.
    let text = error.render().to_string();
    let lines: Vec<String> = text.split('\n').map(ui::safe).collect();
    let text = lines.join("\n");
    if error.use_stderr() {
        ui::message(text.trim_end());
    } else {
        ui::raw(&text);
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1))
}

/// The innermost command's arguments.
fn last(matches: &ArgMatches) -> &ArgMatches {
    match matches.subcommand() {
        Some((_, inner)) => last(inner),
        None => matches,
    }
}

fn check(cli: Cli, matches: &ArgMatches) -> Result<Options, Failure> {
    let dir = match cli.dir {
        Some(dir) => dir,
        None => Home::default_dir()?,
    };
    let home = Home::new(dir);
    let there = cli.server.map(|url| there(&url, cli.device)).transpose()?;
    let here = Place::Here(home.clone());
    let place = |there: Option<Place>| there.unwrap_or_else(|| here.clone());
    let action = match (cli.command, there) {
        // A table of people takes longer than a request may, and is added as a whole.
        (Some(CliCommand::User(UserCommand::Import { .. })), Some(_)) => {
            return Err(needs_the_machine());
        }
        (Some(CliCommand::User(command)), there) => Action::User(place(there), user(command)),
        (Some(CliCommand::Cert(command)), there) => Action::Cert(place(there), cert(command)?),
        (Some(CliCommand::Audit(command)), there) => Action::Audit(place(there), audit(command)),
        (_, Some(_)) => return Err(needs_the_machine()),
        (Some(CliCommand::Init(args)), None) => Action::Init(init(args)?),
        (Some(CliCommand::Run(args)), None) => Action::Run(run(args, matches)?),
        (Some(CliCommand::Crl(command)), None) => Action::Crl(here, crl(command)),
        (Some(CliCommand::Root(RootCommand::Show)), None) => Action::RootShow,
        (Some(CliCommand::Root(RootCommand::Fingerprint)), None) => Action::RootFingerprint,
        (Some(CliCommand::Root(RootCommand::Export)), None) => Action::RootExport,
        (Some(CliCommand::Config(ConfigCommand::Check { settings })), None) => {
            Action::ConfigCheck(given(settings, matches))
        }
        (Some(CliCommand::Config(ConfigCommand::Show { json, settings })), None) => {
            Action::ConfigShow(given(settings, matches), json.into())
        }
        (Some(CliCommand::Backup { file }), None) => Action::Backup(file),
        (Some(CliCommand::Restore { file }), None) => Action::Restore(file),
        (Some(CliCommand::Doctor { json, settings }), None) => {
            Action::Doctor(given(settings, matches), json.into())
        }
        (None, None) => bare()?,
    };
    Ok(Options {
        home,
        passphrase_file: cli.passphrase_file,
        action,
    })
}

fn there(url: &str, device: Option<PathBuf>) -> Result<Place, Failure> {
    let server: ServerUrl = url
        .parse()
        .map_err(|error| Failure::usage(format!("--server: {error}")))?;
    let dir = match device {
        Some(dir) => dir,
        None => data_dir("orgshare")
            .ok_or_else(|| Failure::usage("there is no home directory").cure("give --device"))?,
    };
    Ok(Place::There(server, DeviceFiles::new(dir)))
}

pub(crate) fn needs_the_machine() -> Failure {
    Failure::usage(
        "--server (or ORGSHARE_AUTH_SERVER) is for user, cert and audit; this command needs the \
         machine itself",
    )
    .cure("run it there, without --server")
}

fn bare() -> Result<Action, Failure> {
    if !terminal::is_interactive() {
        return Err(
            Failure::usage("no command was given, and there is no terminal for questions")
                .cure("use auth-server init and auth-server run, or see auth-server --help"),
        );
    }
    let (init_args, _) = from_environment::<BareInit>()?;
    let (run_args, matches) = from_environment::<BareRun>()?;
    let mut run = run(run_args.run, &matches)?;
    run.add_users = run.may_prompt;
    Ok(Action::Bare(init(init_args.init)?, run))
}

fn from_environment<T: CommandFactory + FromArgMatches>() -> Result<(T, ArgMatches), Failure> {
    let wrong = |error: clap::Error| {
        let text = error.render().to_string();
        Failure::usage(text.lines().next().unwrap_or_default())
    };
    let matches = T::command().try_get_matches_from(["auth-server"]);
    let matches = matches.map_err(wrong)?;
    Ok((T::from_arg_matches(&matches).map_err(wrong)?, matches))
}

fn init(args: InitArgs) -> Result<Init, Failure> {
    parse_lifetime(&args.cert_lifetime)
        .map_err(|error| Failure::usage(format!("--cert-lifetime: {error}")))?;
    Ok(Init {
        org: args.org,
        hosts: args.hosts,
        key_type: args.key_type.into(),
        cert_lifetime: args.cert_lifetime,
    })
}

fn run(args: RunArgs, matches: &ArgMatches) -> Result<Run, Failure> {
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

fn given(args: SettingsArgs, matches: &ArgMatches) -> Given {
    let one = |text: Option<String>| text.into_iter().collect::<Vec<_>>();
    [
        ("cert_lifetime", one(args.cert_lifetime)),
        ("hosts", args.hosts),
        ("listen", one(args.listen)),
        ("log_format", one(args.log_format)),
        ("metrics", one(args.metrics)),
        ("renewal_grace", one(args.renewal_grace)),
    ]
    .into_iter()
    .filter(|(_, texts)| !texts.is_empty())
    .map(|(name, texts)| {
        let origin = match matches.value_source(name) {
            Some(ValueSource::EnvVariable) => Origin::Environment,
            _ => Origin::Flag,
        };
        (name, Value { texts, origin })
    })
    .collect()
}

fn user(command: UserCommand) -> UserAction {
    match command {
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
        UserCommand::Rm { alias } => UserAction::Remove(alias),
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

fn cert(command: CertCommand) -> Result<CertAction, Failure> {
    Ok(match command {
        CertCommand::List {
            alias,
            role,
            filter,
            limit,
            json,
        } => CertAction::List(CertList {
            alias,
            role,
            which: which(&filter)?,
            limit,
            format: json.into(),
        }),
        CertCommand::Show { serial, json } => CertAction::Show(serial, json.into()),
        CertCommand::Revoke { serial, reason } => CertAction::Revoke(serial, reason),
    })
}

/// At most one of them is set.
fn which(filter: &CertFilterArgs) -> Result<Which, Failure> {
    Ok(match filter {
        CertFilterArgs {
            expiring: Some(span),
            ..
        } => Which::Expiring(parse_time(span).ok_or_else(|| {
            Failure::usage(format!("--expiring: {span:?} is no time")).cure("write it like 12h")
        })?),
        CertFilterArgs { all: true, .. } => Which::All,
        CertFilterArgs { revoked: true, .. } => Which::Revoked,
        CertFilterArgs { expired: true, .. } => Which::Expired,
        _ => Which::Valid,
    })
}

fn crl(command: CrlCommand) -> CrlAction {
    match command {
        CrlCommand::Show { json } => CrlAction::Show(json.into()),
        CrlCommand::Export { pem: true } => CrlAction::Export(CrlForm::Pem),
        CrlCommand::Export { pem: false } => CrlAction::Export(CrlForm::Der),
    }
}

fn audit(command: AuditCommand) -> AuditAction {
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
