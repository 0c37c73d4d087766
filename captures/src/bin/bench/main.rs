//! `cargo bench-all`: the goals of speed and memory, each as a ratio in one run.
//!
//! Rivals run in the same run, pair by pair, because a machine that is busy or slow is so for
//! both. `--check` makes a missed goal an exit code.

use std::process::ExitCode;

use captures::measure;

mod crl;
mod curl;
mod handshake;
mod memory;
mod pair;
mod speed;

fn main() -> ExitCode {
    measure::run(
        "bench",
        "orgshare: speed and memory, rivals in the same run",
        &[
            ("handshake", handshake::measure),
            ("crl", crl::measure),
            ("speed", speed::measure),
            ("memory", memory::measure),
        ],
    )
}
