//! How often the repeating tests repeat, and the seeded choices they make.

use std::env;

use crate::ui;

const TABLE: &str = include_str!("../counts.txt");

/// The count of a repeating test: the reduced one, or the full one under `ORGSHARE_SOAK=1`.
///
/// # Panics
/// If the table has no such name: a test that repeats takes its count from the table.
#[must_use]
pub fn count(name: &str) -> usize {
    let full = env::var_os("ORGSHARE_SOAK").is_some_and(|value| value == "1");
    lookup(TABLE, name, full).unwrap_or_else(|| panic!("counts.txt has no line for {name}"))
}

fn lookup(table: &str, name: &str, full: bool) -> Option<usize> {
    let line = table
        .lines()
        .find(|line| line.split_whitespace().next() == Some(name))?;
    line.split_whitespace()
        .nth(if full { 2 } else { 1 })?
        .parse()
        .ok()
}

/// Random choices that `ORGSHARE_SEED` repeats. The seed is printed, so that a failure can be.
#[derive(Debug)]
pub struct Choices(u64);

impl Choices {
    /// Choices for one test: the same name and the same seed make the same choices.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let given = env::var("ORGSHARE_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from(std::process::id()));
        ui::note(&format!("{name}: ORGSHARE_SEED={seed}"));
        Self(name.bytes().fold(seed, |state, byte| {
            (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }

    /// The next number below a limit (SplitMix64).
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_count_is_never_below_the_reduced_one() {
        let names = TABLE
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        for name in names.map(|line| line.split_whitespace().next().unwrap()) {
            let reduced = lookup(TABLE, name, false).unwrap();
            let full = lookup(TABLE, name, true).unwrap();
            assert!(0 < reduced && reduced <= full, "{name}: {reduced} {full}");
        }
    }

    #[test]
    fn an_unknown_name_has_no_count() {
        assert_eq!(lookup(TABLE, "nothing-of-the-kind", true), None);
    }

    #[test]
    fn choices_stay_below_their_limit_and_differ() {
        let mut choices = Choices(7);
        let drawn: Vec<u64> = (0..100).map(|_| choices.below(1000)).collect();
        assert!(drawn.iter().all(|&value| value < 1000));
        assert!(drawn.iter().any(|&value| value != drawn[0]));
    }
}
