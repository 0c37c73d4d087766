//! The only place of this crate that prints.

use std::time::Duration;

/// A heading of the demo or the bench.
#[expect(clippy::print_stdout, reason = "this module is the one that prints")]
pub fn heading(text: &str) {
    println!("\n{text}");
}

/// One thing that happened, in plain words.
#[expect(clippy::print_stdout, reason = "this module is the one that prints")]
pub fn step(text: &str) {
    println!("  {text}");
}

/// A name and its value, in two columns.
#[expect(clippy::print_stdout, reason = "this module is the one that prints")]
pub fn fact(name: &str, value: &str) {
    println!("    {name:<10} {value}");
}

/// A remark for whoever reads the log of a test; not part of any output.
#[expect(clippy::print_stderr, reason = "this module is the one that prints")]
pub fn note(text: &str) {
    eprintln!("{text}");
}

/// A failure that ends the program.
#[expect(clippy::print_stderr, reason = "this module is the one that prints")]
pub fn failure(program: &str, error: &dyn std::error::Error) {
    eprintln!("{program}: {error}");
}

/// Bytes in the unit a person would choose.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    for (unit, name) in UNITS {
        if bytes >= unit {
            let tenths = (u128::from(bytes) * 10 + u128::from(unit) / 2) / u128::from(unit);
            return format!("{}.{} {name}", tenths / 10, tenths % 10).replace(".0 ", " ");
        }
    }
    format!("{bytes} bytes")
}

/// Megabytes (10^6) a second.
#[must_use]
pub fn rate(bytes: u64, took: Duration) -> String {
    let per_second = u128::from(bytes) * 1000 / took.as_nanos().max(1);
    format!("{per_second} MB/s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_unit_a_person_would_choose() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(256 << 20), "256 MiB");
        assert_eq!(size(5 << 30), "5 GiB");
    }

    #[test]
    fn rates_are_in_millions_of_bytes_a_second() {
        assert_eq!(rate(500_000_000, Duration::from_millis(500)), "1000 MB/s");
    }
}
