//! Goals and what was measured, as a table with a verdict a line.

use std::error::Error;
use std::process::ExitCode;

use crate::ui;

/// A goal and what was measured.
#[derive(Debug)]
pub struct Measured {
    /// What it is about.
    pub what: &'static str,
    /// What it ought to be.
    pub goal: String,
    /// What it was.
    pub found: String,
    /// Whether the goal is reached.
    pub reached: bool,
}

/// What a measurement returns.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// Runs a program of measurements: prints the table; with `--check` a missed goal is an exit code.
pub fn run(program: &str, measure: impl FnOnce() -> Outcome<Vec<Measured>>) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let check = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--check"] => true,
        _ => {
            let usage = format!("usage: {program} [--check]");
            ui::failure(program, &*Box::<dyn Error>::from(usage));
            return ExitCode::from(2);
        }
    };
    match measure() {
        Ok(measured) => {
            let missed = table(&measured);
            if check && missed > 0 {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            }
        }
        Err(error) => {
            ui::failure(program, &*error);
            ExitCode::FAILURE
        }
    }
}

/// Prints the table and returns how many goals were missed.
fn table(measured: &[Measured]) -> usize {
    ui::heading("Goals");
    for one in measured {
        let verdict = if one.reached { "PASS" } else { "FAIL" };
        ui::step(&format!(
            "{verdict}  {:<52} {:>26}   goal {}",
            one.what, one.found, one.goal
        ));
    }
    measured.iter().filter(|one| !one.reached).count()
}

/// The middle of some values.
#[must_use]
pub fn median(values: Vec<f64>) -> f64 {
    quantile(values, 0.5)
}

/// The value below which that part of all values lies.
#[must_use]
pub fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let place = (last as f64 * part).round();
    values.get(place as usize).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        assert!((median(vec![9.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn a_quantile_lies_at_its_place() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        assert!((quantile(values, 0.99) - 99.0).abs() < f64::EPSILON);
    }
}
