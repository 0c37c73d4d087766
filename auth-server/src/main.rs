//! The `auth-server` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    auth_server::harden::harden();
    auth_server::run()
}
