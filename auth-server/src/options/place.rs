//! Where a command administers.

use std::path::PathBuf;

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::administration::remote::{DeviceFiles, ServerUrl};
use crate::cli::Cli;
use crate::commands::desk::Place;
use crate::failure::Failure;
use crate::home::data_dir;

/// The server elsewhere, if one is meant: `--dir` on the command line is over `ORGSHARE_AUTH_SERVER`
/// in the environment, and both on the command line contradict each other.
pub(super) fn there(cli: &Cli, matches: &ArgMatches) -> Result<Option<Place>, Failure> {
    let is_flag = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
    match (&cli.server, is_flag("server"), is_flag("dir")) {
        (Some(_), true, true) => Err(Failure::usage(
            "--dir is for this machine, and --server for another one",
        )
        .cure("give one of them")),
        (None, ..) | (Some(_), false, true) => Ok(None),
        (Some(url), ..) => at(url, cli.device.clone()).map(Some),
    }
}

fn at(url: &str, device: Option<PathBuf>) -> Result<Place, Failure> {
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

/// The refusal to carry a command over the network that is not made for it.
pub(crate) fn needs_the_machine() -> Failure {
    Failure::usage(
        "--server (or ORGSHARE_AUTH_SERVER) is for user, cert and audit; this command needs the \
         machine itself",
    )
    .cure("run it there, without --server; --dir is over ORGSHARE_AUTH_SERVER")
}
