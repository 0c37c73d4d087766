//! Wrong passwords: who types one is asked again, a few times.

use crate::failure::{Exit, Failure};

/// Passwords that are typed until the program gives up: fewer than the auth server lets be wrong
/// before it makes one wait.
const MAX_TRIES: usize = 3;

/// How often a password may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tries {
    /// Once: it was read from a file, and would be the same again.
    Once,
    /// A few times: a person types it.
    Typed,
}

impl Tries {
    /// As a password is read from a file if there is one, else typed.
    pub fn of<T>(file: Option<T>) -> Self {
        match file {
            Some(_) => Self::Once,
            None => Self::Typed,
        }
    }

    /// Tries until it is right: `attempt` asks and answers nothing when it was wrong. Each time but the
    /// last `tell` says so.
    ///
    /// # Errors
    /// When it was wrong to the end; what `attempt` fails with.
    pub fn until_right<T>(
        self,
        tell: impl Fn(&Failure),
        mut attempt: impl FnMut() -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let again = match self {
            Self::Once => 0,
            Self::Typed => MAX_TRIES - 1,
        };
        for _ in 0..again {
            match attempt()? {
                Some(done) => return Ok(done),
                None => tell(&unauthorized()),
            }
        }
        attempt()?.ok_or_else(unauthorized)
    }
}

/// Wrong alias or password, or an account that is disabled: the server does not say which.
fn unauthorized() -> Failure {
    Failure::new(Exit::LoginRefused, "unauthorized: wrong alias or password")
        .hint("try again, or ask your administrator")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// How often was tried and told, with passwords of which the n-th is right.
    fn tries(tries: Tries, right: usize) -> (usize, usize, bool) {
        let (tried, told) = (Cell::new(0), Cell::new(0));
        let outcome = tries.until_right(
            |_| told.set(told.get() + 1),
            || {
                tried.set(tried.get() + 1);
                Ok((tried.get() == right).then_some(()))
            },
        );
        (tried.get(), told.get(), outcome.is_ok())
    }

    #[test]
    fn what_is_typed_may_be_wrong_twice_and_what_is_read_never() {
        assert_eq!(tries(Tries::Typed, 1), (1, 0, true));
        assert_eq!(tries(Tries::Typed, 3), (3, 2, true));
        assert_eq!(tries(Tries::Typed, 4), (3, 2, false));
        assert_eq!(tries(Tries::Once, 1), (1, 0, true));
        assert_eq!(tries(Tries::Once, 2), (1, 0, false));
    }

    #[test]
    fn a_failure_is_not_tried_again() {
        let tried = Cell::new(0);
        let outcome: Result<(), _> = Tries::Typed.until_right(
            |_| {},
            || {
                tried.set(tried.get() + 1);
                Err(Failure::new(Exit::LoginRefused, "too many failed logins"))
            },
        );
        assert_eq!(outcome.unwrap_err().message, "too many failed logins");
        assert_eq!(tried.get(), 1);
    }
}
