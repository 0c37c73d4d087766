//! `peer`: see the library of the same name.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    peer::run::run(&peer::cli::Cli::parse())
}
