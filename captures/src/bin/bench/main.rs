//! `cargo bench-all`: the goals of speed and memory, each as a ratio in one run.
//!
//! Rivals run in the same run, pair by pair, because a machine that is busy or slow is so for
//! both. `--check` makes a missed goal an exit code.

use std::error::Error;
use std::process::ExitCode;

use captures::ui;

mod curl;
mod handshake;
mod memory;
mod speed;

/// A goal and what was measured.
struct Measured {
    what: &'static str,
    goal: String,
    found: String,
    reached: bool,
}

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let check = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--check"] => true,
        _ => {
            ui::failure(
                "bench",
                &*Box::<dyn Error>::from("usage: cargo bench-all [--check]"),
            );
            return ExitCode::from(2);
        }
    };
    match bench() {
        Ok(missed) if check && missed > 0 => ExitCode::FAILURE,
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            ui::failure("bench", &*error);
            ExitCode::FAILURE
        }
    }
}

/// Measures everything, prints the table, and returns how many goals were missed.
fn bench() -> Outcome<usize> {
    ui::heading("orgshare: speed and memory, rivals in the same run");
    let measured = [handshake::measure()?, speed::measure()?, memory::measure()?];
    ui::heading("Goals");
    for one in &measured {
        let verdict = if one.reached { "PASS" } else { "FAIL" };
        ui::step(&format!(
            "{verdict}  {:<52} {:>26}   goal {}",
            one.what, one.found, one.goal
        ));
    }
    Ok(measured.iter().filter(|one| !one.reached).count())
}

/// The middle of some values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        assert!((median(vec![9.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }
}
