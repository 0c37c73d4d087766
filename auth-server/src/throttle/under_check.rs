//! Passwords that are being checked: until it is known what becomes of them, they count as failures of
//! this moment, so that who asks many times at once gets no more tries than who asks again and again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many are being checked, by what their failure would count for.
#[derive(Debug, Clone, Default)]
pub struct Checks(Arc<Mutex<HashMap<String, u32>>>);

impl Checks {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more, and how many others there are of each subject.
    pub(super) fn begin<'a>(
        &self,
        subjects: impl Iterator<Item = &'a String>,
    ) -> (UnderCheck, Vec<u32>) {
        let subjects: Vec<String> = subjects.cloned().collect();
        let mut counts = self.lock();
        let others = subjects
            .iter()
            .map(|subject| {
                let count = counts.entry(subject.clone()).or_default();
                *count += 1;
                *count - 1
            })
            .collect();
        let under_check = UnderCheck {
            checks: self.clone(),
            subjects,
        };
        (under_check, others)
    }
}

/// A password that is being checked; to be dropped when what became of it was counted.
#[derive(Debug)]
pub struct UnderCheck {
    checks: Checks,
    subjects: Vec<String>,
}

impl Drop for UnderCheck {
    fn drop(&mut self) {
        let mut counts = self.checks.lock();
        for subject in &self.subjects {
            if let Some(count) = counts.get_mut(subject) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(subject);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_counted_while_they_last() {
        let checks = Checks::default();
        let [alice, both] = [
            vec!["alice".to_owned()],
            vec!["alice".to_owned(), "here".to_owned()],
        ];
        let (first, others) = checks.begin(alice.iter());
        assert_eq!(others, [0]);
        let (second, others) = checks.begin(both.iter());
        assert_eq!(others, [1, 0]);
        drop(first);
        assert_eq!(checks.begin(both.iter()).1, [1, 1]);
        drop(second);
        assert!(checks.lock().is_empty());
    }
}
