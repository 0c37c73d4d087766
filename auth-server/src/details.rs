//! What a person may tell of himself: texts that others will see on their terminals.

use unicode_normalization::UnicodeNormalization;

use crate::store::Details;
use crate::ui;

/// Characters of a name; the longest that people have are well below.
const MAX_NAME_CHARS: usize = 100;
/// Bytes of an e-mail address (RFC 5321, 4.5.3.1.3, without the angle brackets).
const MAX_EMAIL_BYTES: usize = 254;

/// Why a text is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DetailsError {
    /// The name is too long.
    #[error("a name has at most {MAX_NAME_CHARS} characters, this one has {actual}")]
    NameTooLong {
        /// Characters found.
        actual: usize,
    },
    /// The e-mail address is too long.
    #[error("an e-mail address has at most {MAX_EMAIL_BYTES} bytes, this one has {actual}")]
    EmailTooLong {
        /// Bytes found.
        actual: usize,
    },
    /// Something that does not show, or that moves what shows.
    #[error("control characters and characters that hide or reorder text are not taken")]
    Invisible,
    /// Not of the form `local@domain`.
    #[error("an e-mail address has the form local@domain")]
    Email,
}

/// Checks name and e-mail address; either may be empty. The name is normalised (Unicode NFC).
///
/// # Errors
/// The rule that one of them breaks.
pub fn checked(name: &str, email: &str) -> Result<Details, DetailsError> {
    let actual = name.chars().count();
    if actual > MAX_NAME_CHARS {
        return Err(DetailsError::NameTooLong { actual });
    }
    if email.len() > MAX_EMAIL_BYTES {
        let actual = email.len();
        return Err(DetailsError::EmailTooLong { actual });
    }
    if [name, email].iter().any(|text| ui::safe(text) != **text) {
        return Err(DetailsError::Invisible);
    }
    let email = email.trim();
    if !email.is_empty() && !is_address(email) {
        return Err(DetailsError::Email);
    }
    Ok(Details {
        display_name: name.trim().nfc().collect(),
        email: email.to_owned(),
    })
}

/// Enough to catch a slip; only a mail that arrives shows that an address is one.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let labels = || domain.split('.');
    !local.is_empty()
        && !text.contains(|c: char| c.is_whitespace() || "<>()[],;:\\\"".contains(c))
        && labels().all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_everywhere_are_taken() {
        for name in [
            "",
            "Zo\u{eb} O'Hara-\u{d1}u\u{f1}ez",
            "\u{5c71}\u{7530} \u{592a}\u{90ce}",
        ] {
            assert_eq!(checked(name, "").unwrap().display_name, name);
        }
        let typed = checked(" Zoe\u{308} ", "zoe@mail.example.org").unwrap();
        assert_eq!(typed.display_name, "Zo\u{eb}");
        assert_eq!(typed.email, "zoe@mail.example.org");
    }

    #[test]
    fn texts_that_mislead_or_never_end_are_not_taken() {
        for bad in [
            "a\nb",
            "a\u{1b}[2J",
            "\u{202e}ecila",
            "a\u{200b}b",
            "a\u{61c}",
            "a\u{7f}",
        ] {
            assert_eq!(checked(bad, ""), Err(DetailsError::Invisible), "{bad:?}");
        }
        let long = "x".repeat(101);
        let actual = 101;
        assert_eq!(
            checked(&long, ""),
            Err(DetailsError::NameTooLong { actual })
        );
        let long = format!("{}@a.org", "x".repeat(249));
        let actual = 255;
        assert_eq!(
            checked("", &long),
            Err(DetailsError::EmailTooLong { actual })
        );
        for bad in [
            "a", "@b", "a@", "a@b@c", "a b@c", "a@b..c", "a@.b", "a@b,c@d", "<a@b>",
        ] {
            assert_eq!(checked("", bad), Err(DetailsError::Email), "{bad}");
        }
    }
}
