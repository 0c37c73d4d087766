//! HTTPS login and certificate signing for orgshare peers.
//!
//! Four steps, as in every program of this workspace: [`cli`] reads the command line, [`options`]
//! checks it, [`commands`] do the work and return values and errors, [`ui`] alone prints.

pub mod administration;
pub mod archive;
pub mod audit;
pub mod body;
pub mod cli;
pub mod commands;
pub mod config;
pub mod denials;
pub mod details;
pub mod device;
pub mod disk;
pub mod doctor;
pub mod events;
pub mod failure;
pub mod harden;
pub mod home;
pub mod issuing;
pub mod journal;
mod json_log;
pub mod locks;
pub mod log;
pub mod login;
pub mod metrics;
pub mod observer;
pub mod openapi;
pub mod options;
pub mod ownership;
pub mod password;
pub mod presence;
pub mod problem;
pub mod publish;
pub mod refusal;
pub mod router;
pub mod routes;
pub mod server;
pub mod signals;
pub mod staging;
pub mod state;
pub mod store;
pub mod store_watch;
pub mod terminal;
pub mod throttle;
pub mod tls;
pub mod ui;

use std::num::NonZero;
use std::process::ExitCode;

use failure::Failure;

/// Threads that the store may have waiting for the disk: its writers take turns.
const WAITING_FOR_DISK: usize = 1;

/// The whole program after hardening: reads the command line, works, says what went wrong.
pub fn run() -> ExitCode {
    ui::remember_time_zone();
    let command = match options::from_command_line() {
        Ok(command) => command,
        Err(code) => return with_output(Ok(code)),
    };
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(processors + WAITING_FOR_DISK)
        .enable_all()
        .build()
        .map_err(|error| Failure::other(format!("the program cannot start: {error}")));
    let outcome = runtime.and_then(|runtime| {
        let outcome = runtime.block_on(commands::dispatch(command));
        // A prompt may still hold a thread; it must not keep the program alive.
        runtime.shutdown_background();
        outcome
    });
    log::flush();
    with_output(outcome)
}

/// The exit code, when also the results have arrived.
fn with_output(outcome: Result<ExitCode, Failure>) -> ExitCode {
    match outcome.and_then(|code| ui::output().map(|()| code)) {
        Ok(code) => code,
        Err(failure) => {
            ui::failure(&failure);
            failure.exit_code()
        }
    }
}
