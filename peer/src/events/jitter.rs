use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

/// Any time up to `bound`, so that devices that hear of the same thing do not act upon it together.
pub fn jitter(bound: Duration) -> Duration {
    bound.mul_f64(f64::from(random()) / f64::from(u32::MAX))
}

/// Spreads pauses; nothing depends on it being secret.
pub(super) fn random() -> u32 {
    let [a, b, c, d, ..] = RandomState::new().build_hasher().finish().to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jitter_is_within_its_bound_and_not_always_the_same() {
        let bound = Duration::from_secs(10);
        let some: Vec<_> = (0..20).map(|_| jitter(bound)).collect();
        assert!(some.iter().all(|one| *one <= bound));
        assert!(some.iter().any(|one| *one != some[0]));
    }
}
