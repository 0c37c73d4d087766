//! The command line, as it was typed.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::cli::Cli;
use crate::failure::Failure;
use crate::ui;

/// Options that stand before or behind every command, and the commands that heed them.
const HEEDED_BY: [(&str, &[&str]); 3] = [
    ("server", REMOTE),
    ("device", REMOTE),
    ("passphrase_file", &["init", "run", "restore", "doctor"]),
];
/// Commands that an administrator's own device can give.
const REMOTE: &[&str] = &["user", "cert", "audit"];
/// One of those that it cannot give: a table of people takes longer than a request may.
const IMPORT: &str = "import";

/// Reads it. Help, and errors of usage, are printed here.
pub(super) fn from_command_line() -> Result<(Cli, ArgMatches), ExitCode> {
    let matches = without_empty(command()).try_get_matches();
    let matches = matches.map_err(|error| print(&error))?;
    let cli = Cli::from_arg_matches(&matches).map_err(|error| print(&error))?;
    Ok((cli, matches))
}

/// Reads what the environment says, and these flags over it.
pub(super) fn from_environment<T: CommandFactory + FromArgMatches>(
    flags: &[String],
) -> Result<(T, ArgMatches), Failure> {
    let wrong = |error: clap::Error| {
        let text = error.render().to_string();
        Failure::usage(text.lines().next().unwrap_or_default())
    };
    let program = ["auth-server"].into_iter();
    let matches = without_empty(T::command())
        .try_get_matches_from(program.chain(flags.iter().map(String::as_str)));
    let matches = matches.map_err(wrong)?;
    Ok((T::from_arg_matches(&matches).map_err(wrong)?, matches))
}

/// The whole command line, for what describes it.
pub(crate) fn command() -> Command {
    helpful(Cli::command())
}

/// The innermost command's arguments.
pub(super) fn last(matches: &ArgMatches) -> &ArgMatches {
    match matches.subcommand() {
        Some((_, inner)) => last(inner),
        None => matches,
    }
}

/// An environment variable that is empty sets nothing.
fn without_empty(command: Command) -> Command {
    let is_empty = |arg: &Arg| {
        let value = arg.get_env().and_then(std::env::var_os);
        value.is_some_and(|value| value.is_empty())
    };
    command
        .mut_args(|arg| {
            if is_empty(&arg) {
                arg.env(None::<&str>)
            } else {
                arg
            }
        })
        .mut_subcommands(without_empty)
}

/// The help of each command shows the options that it heeds.
fn helpful(mut command: Command) -> Command {
    // Hands the common options down to the commands.
    command.build();
    command.mut_subcommands(|command| {
        let name = command.get_name().to_owned();
        showing(command, &name)
    })
}

/// What belongs to a command goes by its name, but for one.
fn showing(command: Command, name: &str) -> Command {
    let own = command.get_name().to_owned();
    let name = if own == IMPORT { &own } else { name };
    command
        .mut_args(|arg| {
            let heeded = HEEDED_BY.iter().find(|(option, _)| arg.get_id() == option);
            let is_heeded = heeded.is_none_or(|(_, by)| by.contains(&name));
            let is_hidden = arg.is_hide_set() || !is_heeded;
            arg.hide(is_hidden)
        })
        .mut_subcommands(|command| showing(command, name))
}

/// The exit code goes with it.
fn print(error: &clap::Error) -> ExitCode {
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
