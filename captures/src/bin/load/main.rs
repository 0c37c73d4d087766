//! `cargo load`: how much the auth server stands, beside what its primitives cost in the same run.

use std::process::ExitCode;

use captures::measure;

mod crowd;
mod logins;
mod memory;
mod renewals;
mod revocations;
mod streams;

fn main() -> ExitCode {
    measure::run(
        "load",
        "orgshare: the auth server under load",
        &[
            ("logins", logins::measure),
            ("memory", memory::measure),
            ("renewals", renewals::measure),
            ("revocations", revocations::measure),
            ("streams", streams::measure),
        ],
    )
}
