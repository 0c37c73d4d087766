//! `completions`: what makes a shell complete this program's commands and options.

use clap_complete::{Generator, generate, shells};

use crate::failure::Failure;
use crate::options::{self, Shell};
use crate::ui;

/// The program's name on the command line.
const PROGRAM: &str = "auth-server";

/// How the script for bash writes that name where it has found a command, and where it looks for one:
/// its generator makes the hyphen into different things (clap's issue 6421).
const FOUND: &str = "auth__server__subcmd__";
const LOOKED_FOR: &str = "auth__subcmd__server__subcmd__";

/// Prints it.
///
/// # Errors
/// When it cannot be written.
pub fn run(shell: Shell) -> Result<(), Failure> {
    let script = match shell {
        Shell::Bash => script(shells::Bash).replace(LOOKED_FOR, FOUND),
        Shell::Zsh => script(shells::Zsh),
        Shell::Fish => script(shells::Fish),
    };
    ui::bytes(script.as_bytes())
}

fn script(shell: impl Generator) -> String {
    let mut script = Vec::new();
    generate(shell, &mut options::command(), PROGRAM, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
