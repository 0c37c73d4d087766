//! The form of a password, on which the auth server and whoever asks for one agree: how it is
//! compared, and how long a new one is. What guessers try first only the server knows.

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use crate::limits::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS};

/// Why the form of a new password is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadForm {
    /// Too few characters.
    #[error("it has {actual} characters, at least {MIN_PASSWORD_CHARS} are needed")]
    TooShort {
        /// Characters counted.
        actual: usize,
    },
    /// Too many bytes.
    #[error("it is longer than {MAX_PASSWORD_BYTES} bytes")]
    TooLong,
    /// A control character, which no prompt lets one type again.
    #[error("it holds a control character")]
    Control,
}

/// The form in which a password is hashed and compared: Unicode NFC (NIST SP 800-63B-4, 3.1.1.2).
pub fn normalise(password: &str) -> Zeroizing<String> {
    // Composing makes text at most three times as long (Unicode FAQ, Normalization), so that it never
    // moves and leaves a copy behind.
    let mut normal = Zeroizing::new(String::with_capacity(3 * password.len()));
    normal.extend(password.nfc());
    normal
}

/// Whether two passwords are the same once normalised.
pub fn is_same(one: &str, other: &str) -> bool {
    normalise(one) == normalise(other)
}

/// A new password once normalised.
///
/// # Errors
/// What is wrong with its form.
pub fn check_form(password: &str) -> Result<Zeroizing<String>, BadForm> {
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(BadForm::TooLong);
    }
    let normal = normalise(password);
    let actual = normal.chars().count();
    if actual < MIN_PASSWORD_CHARS {
        return Err(BadForm::TooShort { actual });
    }
    if normal.chars().any(char::is_control) {
        return Err(BadForm::Control);
    }
    Ok(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str) -> Result<(), BadForm> {
        check_form(password).map(drop)
    }

    #[test]
    fn a_password_has_fifteen_characters_to_1024_bytes() {
        for (password, verdict) in [
            ("", Err(BadForm::TooShort { actual: 0 })),
            ("fourteen chars", Err(BadForm::TooShort { actual: 14 })),
            ("fifteen letters", Ok(())),
            (&"x".repeat(1024), Ok(())),
            (&"x".repeat(1025), Err(BadForm::TooLong)),
            ("tab\tin the password", Err(BadForm::Control)),
        ] {
            assert_eq!(check(password), verdict, "{password}");
        }
    }

    #[test]
    fn length_is_counted_in_characters_after_normalisation() {
        // Typed as letter and combining diaeresis.
        assert_eq!(check(&"u\u{308}".repeat(15)), Ok(()));
        let short = "u\u{308}".repeat(14);
        assert_eq!(check(&short), Err(BadForm::TooShort { actual: 14 }));
    }

    #[test]
    fn one_password_typed_in_two_ways_is_the_same() {
        assert!(is_same("gr\u{fc}n", "gru\u{308}n"));
        assert!(!is_same("gr\u{fc}n", "grun"));
    }
}
