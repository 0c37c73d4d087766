//! From the command line to an exit code.

use std::env;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::CommandFactory;
use rustix::fs::Mode;
use rustix::process::umask;

use crate::cli::{Cli, Command, Global, ProfileCommand};
use crate::commands::login::Login;
use crate::commands::passwd::Passwd;
use crate::commands::serve::Offer;
use crate::commands::{get, login, logout, passwd, peers, profile, renew, serve, trust, whoami};
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::identity_store::IdentityStore;
use crate::interactive;
use crate::options::{self, Common, Get};
use crate::signals;
use crate::ui;

/// Runs what the command line says.
pub fn run(cli: &Cli) -> ExitCode {
    match execute(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            ui::error(&failure);
            ExitCode::from(failure.exit.code())
        }
    }
}

fn execute(cli: &Cli) -> Result<(), Failure> {
    signals::set_farewell(Some("interrupted".into()));
    forbid_core_dumps();
    raise_file_limit();
    signals::install().map_err(|error| Failure::new(Exit::Other, error.to_string()))?;
    if let Some(folder) = named_folder(&cli.global) {
        let command = Cli::command();
        let names = command
            .get_subcommands()
            .map(|one| one.get_name().to_owned());
        ui::commands_need(folder, names);
    }
    let store = IdentityStore::new(Home::locate(cli.global.dir.clone())?);
    let common = common(&cli.global);
    let Some(command) = &cli.command else {
        return bare(&store, &common, cli);
    };
    match command {
        Command::Trust { url, fingerprint } => {
            tell(&common, &trust::run(&store, url, fingerprint)?);
        }
        Command::Login {
            alias,
            password_file,
            new_password_file,
            key_type,
            servers,
        } => {
            let login = Login {
                alias: alias.as_deref(),
                may_ask: common.may_ask,
                password_file: password_file.as_deref(),
                new_password_file: new_password_file.as_deref(),
                key_type: *key_type,
                servers,
            };
            tell(&common, &login::run(&store, &login)?);
        }
        Command::Renew => tell(&common, &renew::run(&store)?),
        Command::Passwd {
            alias,
            old_password_file,
            new_password_file,
        } => {
            let passwd = Passwd {
                alias: alias.as_deref(),
                may_ask: common.may_ask,
                old_file: old_password_file.as_deref(),
                new_file: new_password_file.as_deref(),
            };
            tell(&common, &passwd::run(&store, &passwd)?);
        }
        Command::Profile(ProfileCommand::Show { json }) => {
            ui::data(&profile::show(&store, *json)?)?;
        }
        Command::Profile(ProfileCommand::Set { name, email }) => {
            let told = profile::set(&store, name.as_deref(), email.as_deref())?;
            told.lines().for_each(|line| tell(&common, line));
        }
        Command::Logout => tell(&common, &logout::run(&store)?),
        Command::Whoami => ui::data(&whoami::run(&store)?)?,
        Command::Serve { port, listen } => {
            signals::set_farewell(Some("Exiting Program!".into()));
            let listen = listen.or(&cli.listen);
            let offer = Offer {
                shares: options::shares(&listen, store.home())?,
                host: listen.bind.as_deref(),
                port: *port,
                unlisted: listen.unlisted,
            };
            serve::run(&store, &common, offer)?;
        }
        Command::Peers { json } => {
            let shown = peers::run(&store, *json)?;
            shown.warning.iter().for_each(|line| ui::warn(line));
            match shown.lines {
                Some(lines) => ui::data(&lines)?,
                None => tell(&common, "nobody is online"),
            }
        }
        Command::Get {
            operands,
            expect,
            overwrite,
        } => {
            get::run(
                &store,
                &common,
                &Get::new(operands, expect.as_deref(), *overwrite)?,
            )?;
        }
    }
    Ok(())
}

/// The folder that has to be named in each command; one in the environment has not.
fn named_folder(global: &Global) -> Option<&Path> {
    let folder = global.dir.as_deref()?;
    let known = env::var_os("ORGSHARE_DIR").is_some_and(|known| known == folder.as_os_str());
    (!known).then_some(folder)
}

fn bare(store: &IdentityStore, common: &Common, cli: &Cli) -> Result<(), Failure> {
    if common.may_ask {
        return interactive::run(store, common, &cli.listen);
    }
    Err(Failure::new(
        Exit::Usage,
        "no command is given, and there is no terminal to ask on",
    )
    .hint("see peer --help"))
}

fn common(global: &Global) -> Common {
    let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    Common {
        quiet: global.quiet,
        may_ask: terminal && !global.no_input,
        timeout: Duration::from_secs(global.timeout),
        umask: read_umask(),
    }
}

fn tell(common: &Common, line: &str) {
    if !common.quiet {
        ui::note(line);
    }
}

/// The umask can only be read by setting it. Called before any thread makes a file.
fn read_umask() -> u32 {
    let current = umask(Mode::RWXG | Mode::RWXO);
    umask(current);
    current.bits()
}

/// Each connection of a listener takes a file handle; the usual soft limit is 1024.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // Without it fewer connections fit; the rest wait in the system's queue.
    let _ = setrlimit(Resource::Nofile, raised);
}

/// A core file would hold keys.
fn forbid_core_dumps() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Hardening only: where the system refuses it, the program works all the same.
    let _ = setrlimit(Resource::Core, none);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}
