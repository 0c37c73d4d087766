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

/// A measurement and the name by which a command line asks for it.
pub type Measurement = (&'static str, fn() -> Outcome<Measured>);

/// Runs a program of measurements, all or the named ones, and prints the table; with `--check` a
/// missed goal is an exit code.
pub fn run(program: &str, title: &str, measurements: &[Measurement]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((check, chosen)) = choose(&arguments, measurements) else {
        let names: Vec<&str> = measurements.iter().map(|(name, _)| *name).collect();
        let usage = format!("usage: {program} [--check] [{}]...", names.join("|"));
        ui::failure(program, &*Box::<dyn Error>::from(usage));
        return ExitCode::from(2);
    };
    ui::heading(title);
    let measured: Outcome<Vec<Measured>> = chosen.iter().map(|(_, measure)| measure()).collect();
    match measured {
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

/// Whether missed goals count, and what is measured; nothing for a command line that is wrong.
fn choose(arguments: &[String], measurements: &[Measurement]) -> Option<(bool, Vec<Measurement>)> {
    let (flags, names): (Vec<&String>, Vec<&String>) = arguments
        .iter()
        .partition(|argument| argument.starts_with('-'));
    let is_known = |name: &&String| measurements.iter().any(|(known, _)| known == name);
    if !flags.iter().all(|flag| *flag == "--check") || !names.iter().all(is_known) {
        return None;
    }
    let is_wanted = |(name, _): &&Measurement| names.is_empty() || names.iter().any(|n| n == name);
    let chosen = measurements.iter().filter(is_wanted).copied().collect();
    Some((!flags.is_empty(), chosen))
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

    const BOTH: [Measurement; 2] = [("speed", || Err("".into())), ("memory", || Err("".into()))];

    fn chosen(arguments: &[&str]) -> Option<(bool, Vec<&'static str>)> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let (check, chosen) = choose(&arguments, &BOTH)?;
        Some((check, chosen.iter().map(|(name, _)| *name).collect()))
    }

    #[test]
    fn everything_is_measured_or_what_is_named() {
        assert_eq!(chosen(&[]), Some((false, vec!["speed", "memory"])));
        assert_eq!(chosen(&["memory", "--check"]), Some((true, vec!["memory"])));
        assert_eq!(chosen(&["sped"]), None);
        assert_eq!(chosen(&["--chek"]), None);
    }

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
