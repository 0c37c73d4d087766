//! The rules for new passwords (NIST SP 800-63B-4, 3.1.1).

use std::cmp::Ordering;

use common::password::{BadForm, check_form};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

/// Passwords of 15 and more characters that are guessed first: in lower case, one a line, sorted by
/// their bytes.
const COMMON: &str = include_str!("../../data/common-passwords.txt");
/// Rows of keyboards and the like, of which a walk is a part.
const WALKS: [&str; 6] = [
    "qwertyuiopasdfghjklzxcvbnm1234567890",
    "1234567890qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9",
    "1q2w3e4r5t6y7u8i9o0p1a2s3d4f5g6h7j8k9l",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmn",
];
/// Characters that must remain when the names a guesser tries first are taken out.
const MIN_OWN_CHARS: usize = 8;
/// Fewer different characters than this are a pattern.
const MIN_DISTINCT_CHARS: usize = 5;

/// Why a new password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Too short, too long, or not to be typed.
    #[error(transparent)]
    Form(#[from] BadForm),
    /// On the list of common passwords.
    #[error("it is one of the passwords that are guessed first")]
    Common,
    /// Repeated, counted up, or walked along the keyboard.
    #[error("it is a pattern that is guessed first")]
    Pattern,
    /// Little else than the alias or the organisation's name.
    #[error("it is too close to the alias or the organisation's name")]
    Names,
    /// The one that it is to replace.
    #[error("it is the old one")]
    Same,
}

/// Checks a new password against the rules. `names` are the alias and the organisation's.
///
/// # Errors
/// The rule that it breaks.
pub fn check_new(password: &SecretString, names: &[&str]) -> Result<(), WeakPassword> {
    let normal = check_form(password.expose_secret())?;
    let lower = Zeroizing::new(normal.to_lowercase());
    if is_common(&lower) {
        return Err(WeakPassword::Common);
    }
    if is_pattern(&lower) {
        return Err(WeakPassword::Pattern);
    }
    if is_made_of_names(&lower, names) {
        return Err(WeakPassword::Names);
    }
    Ok(())
}

/// Looks a password up in the list: halves it again and again, from line end to line end.
fn is_common(lower: &str) -> bool {
    let mut rest = COMMON;
    while !rest.is_empty() {
        let middle = rest.floor_char_boundary(rest.len() / 2);
        let start = rest[..middle].rfind('\n').map_or(0, |end| end + 1);
        let line = rest[start..].lines().next().unwrap_or_default();
        let end = rest.len().min(start + line.len() + 1);
        match lower.cmp(line) {
            Ordering::Equal => return true,
            Ordering::Less => rest = &rest[..start],
            Ordering::Greater => rest = &rest[end..],
        }
    }
    false
}

fn is_pattern(lower: &str) -> bool {
    let chars: Zeroizing<Vec<char>> = Zeroizing::new(lower.chars().collect());
    let mut distinct = Zeroizing::new(chars.to_vec());
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < MIN_DISTINCT_CHARS {
        return true;
    }
    let repeats = (1..=chars.len() / 2)
        .any(|period| (period..chars.len()).all(|at| chars[at] == chars[at - period]));
    let reversed: Zeroizing<String> = Zeroizing::new(chars.iter().rev().collect());
    let walks = WALKS
        .iter()
        .any(|walk| walk.contains(lower) || walk.contains(reversed.as_str()));
    repeats || walks || counts(&chars)
}

/// Whether the characters rise or fall by one all the way.
fn counts(chars: &[char]) -> bool {
    let steps = |up: bool| {
        chars.windows(2).all(|pair| {
            let (a, b) = (u32::from(pair[0]), u32::from(pair[1]));
            if up { a + 1 == b } else { b + 1 == a }
        })
    };
    steps(true) || steps(false)
}

fn is_made_of_names(lower: &str, names: &[&str]) -> bool {
    let mut rest = Zeroizing::new(lower.to_owned());
    let own = ["orgshare", "password", "passwort"];
    let words = names.iter().flat_map(|name| {
        let name = name.to_lowercase();
        let label = name.replace(|c: char| !c.is_alphanumeric(), "-");
        let joined = name.replace(|c: char| !c.is_alphanumeric(), "");
        [name, label, joined]
    });
    for word in words.chain(own.map(str::to_owned)) {
        if word.chars().count() >= 3 && rest.contains(&word) {
            rest = Zeroizing::new(rest.replace(&word, ""));
        }
    }
    let untouched = rest.len() == lower.len();
    !untouched && rest.chars().filter(|c| c.is_alphanumeric()).count() < MIN_OWN_CHARS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str) -> Result<(), WeakPassword> {
        check_new(&SecretString::from(password), &["alice", "Acme Corp"])
    }

    #[test]
    fn passphrases_of_fifteen_characters_are_taken_whatever_they_are_made_of() {
        for good in [
            "the tide turns twice",
            "blue-Harbour-71",
            "ünïcödé wörds hère",
            "kkvwz trnqp xxlm",
            "alice keeps seven grey cats",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        assert_eq!(
            check(&"x y z w v ".repeat(10).replace('z', "zq1")),
            Err(WeakPassword::Pattern)
        );
    }

    #[test]
    fn weak_passwords_are_refused_with_the_reason() {
        for (bad, error) in [
            ("short", BadForm::TooShort { actual: 5 }.into()),
            ("fourteen chars", BadForm::TooShort { actual: 14 }.into()),
            ("correct horse battery staple", WeakPassword::Common),
            ("CorrectHorseBatteryStaple", WeakPassword::Common),
            ("aaaaaaaaaaaaaaaa", WeakPassword::Pattern),
            ("hunter42hunter42", WeakPassword::Pattern),
            ("abcdefghijklmnop", WeakPassword::Pattern),
            ("ertyuiopasdfghjk", WeakPassword::Pattern),
            ("hgfdsapoiuytrewq", WeakPassword::Pattern),
            ("2wsx3edc4rfv5tgb", WeakPassword::Pattern),
            ("zyxwvutsrqponmlk", WeakPassword::Pattern),
            ("alicealiceali1ce", WeakPassword::Names),
            ("acme-corp-2026!!", WeakPassword::Names),
            ("AcmeCorpPassword1", WeakPassword::Names),
            ("tab\tin the password", BadForm::Control.into()),
        ] {
            assert_eq!(check(bad), Err(error), "{bad}");
        }
        assert_eq!(check(&"x".repeat(1025)), Err(BadForm::TooLong.into()));
    }

    #[test]
    fn every_common_password_is_found_and_none_beside_it() {
        let mut sorted: Vec<&str> = COMMON.lines().collect();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted, COMMON.lines().collect::<Vec<_>>());
        for line in sorted {
            assert!(
                line.chars().count() >= common::limits::MIN_PASSWORD_CHARS,
                "{line}"
            );
            assert_eq!(line.to_lowercase(), line);
            assert!(is_common(line), "{line}");
            assert!(!is_common(&format!("{line}~")) && !is_common(&format!("{line}\n")));
        }
        assert!(!is_common("") && !is_common("\n") && !is_common("\u{10ffff}"));
    }
}
