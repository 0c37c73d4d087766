//! `cargo load`: how much the auth server stands, beside what its primitives cost in the same run.

use std::process::ExitCode;

use captures::measure::{self, Measured, Outcome};
use captures::ui;

mod crowd;
mod logins;
mod memory;
mod renewals;

fn main() -> ExitCode {
    measure::run("load", load)
}

fn load() -> Outcome<Vec<Measured>> {
    ui::heading("orgshare: the auth server under load");
    Ok(vec![
        logins::measure()?,
        memory::measure()?,
        renewals::measure()?,
    ])
}
