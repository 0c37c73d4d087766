//! Remote names: the one type through which a name from the network becomes usable, and the
//! escaping of everything that is shown.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use crate::limits::{MAX_NAME_BYTES, MAX_PATH_BYTES};

/// Why a name is refused. A listener answers all of them as "no such file".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or an empty component (`a//b`, a leading or a trailing slash).
    #[error("a name has no empty part; it does not begin or end with a slash")]
    Empty,
    /// A `.` or `..` component.
    #[error("a name has no . or .. in it")]
    Dots,
    /// A component over 255 bytes or a path over 4096.
    #[error("a name has at most {limit} bytes, this one has {actual}")]
    TooLong {
        /// Bytes allowed.
        limit: usize,
        /// Bytes found.
        actual: usize,
    },
    /// NUL, a control character, or one that changes the direction of text.
    #[error("a name has no control characters")]
    Control,
    /// A backslash or a colon: a separator, a drive or a stream on Windows.
    #[error("a name has no backslash and no colon")]
    Separator,
    /// A device name of Windows, or a component that ends with a dot or a space.
    #[error("the name is reserved on some systems")]
    Reserved,
}

/// Characters that reorder or hide text on a terminal (Unicode TR9, 2; and zero-width marks).
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}'
        )
}

/// Names that Windows opens as devices, with any ending.
fn is_windows_device(component: &str) -> bool {
    let stem = component.split('.').next().unwrap_or_default().trim_end();
    let upper = stem.to_ascii_uppercase();
    let numbered = |prefix: &str| {
        upper.strip_prefix(prefix).is_some_and(|rest| {
            let mut chars = rest.chars();
            matches!(
                chars.next(),
                Some('1'..='9' | '\u{b9}' | '\u{b2}' | '\u{b3}')
            ) && chars.next().is_none()
        })
    };
    matches!(
        upper.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$"
    ) || numbered("COM")
        || numbered("LPT")
}

fn check_component(component: &str) -> Result<(), NameError> {
    match component {
        "" => return Err(NameError::Empty),
        "." | ".." => return Err(NameError::Dots),
        _ => {}
    }
    if component.len() > MAX_NAME_BYTES {
        return Err(NameError::TooLong {
            limit: MAX_NAME_BYTES,
            actual: component.len(),
        });
    }
    if component.chars().any(is_deceptive) {
        return Err(NameError::Control);
    }
    if component.contains(['\\', ':']) {
        return Err(NameError::Separator);
    }
    if component.ends_with(['.', ' ']) || is_windows_device(component) {
        return Err(NameError::Reserved);
    }
    Ok(())
}

/// A relative path that is safe to show and, beneath a directory handle, safe to open: no empty,
/// `.` or `..` component, no control or direction-changing characters, no name that another
/// system takes for a device, bounded.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RemotePath(String);

impl RemotePath {
    /// The path, components separated by `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its components, at least one.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The first component, and the rest if there is one.
    pub fn split_first(&self) -> (&str, Option<Self>) {
        match self.0.split_once('/') {
            Some((first, rest)) => (first, Some(Self(rest.to_owned()))),
            None => (&self.0, None),
        }
    }
}

impl FromStr for RemotePath {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_PATH_BYTES {
            return Err(NameError::TooLong {
                limit: MAX_PATH_BYTES,
                actual: text.len(),
            });
        }
        text.split('/').try_for_each(check_component)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RemotePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Shows any text on a terminal or in a log on one line: control and direction-changing
/// characters are written as escapes. Escaping what is escaped changes nothing.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| {
            if is_deceptive(c) {
                write!(f, "{}", c.escape_default())
            } else {
                f.write_char(c)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_names_are_accepted_as_they_are() {
        for good in [
            "a",
            "file1_.txt",
            "docs/2026/report.pdf",
            ".hidden",
            "...x",
            "na me",
            "Stra\u{df}e/\u{6771}\u{4eac}.txt",
            "console.log",
            "com10",
            "nul-terminated",
        ] {
            assert_eq!(good.parse::<RemotePath>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn traversal_in_every_spelling_is_refused() {
        for bad in [
            "..",
            "../x",
            "a/../b",
            "a/..",
            ".",
            "./a",
            "a/./b",
            "/etc/passwd",
            "//a",
            "a//b",
            "a/",
            "..\\x",
            "a\\..\\b",
            "C:x",
            "C:/x",
            "c:\\x",
            "\\\\host\\share",
            "a:stream",
            "",
            "/",
        ] {
            assert!(bad.parse::<RemotePath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn names_that_deceive_or_address_devices_are_refused() {
        for (bad, error) in [
            ("a\0b", NameError::Control),
            ("a\nb", NameError::Control),
            ("\u{1b}[31m", NameError::Control),
            ("a\u{9b}31m", NameError::Control),
            ("txt.\u{202e}exe", NameError::Control),
            ("a\u{2066}b", NameError::Control),
            ("a\u{200b}b", NameError::Control),
            ("CON", NameError::Reserved),
            ("dir/nul.txt", NameError::Reserved),
            ("Com1.log", NameError::Reserved),
            ("lpt\u{b9}", NameError::Reserved),
            ("a.", NameError::Reserved),
            ("a ", NameError::Reserved),
        ] {
            assert_eq!(bad.parse::<RemotePath>(), Err(error), "{bad:?}");
        }
    }

    #[test]
    fn lengths_are_bounded_in_bytes() {
        assert!("a".repeat(255).parse::<RemotePath>().is_ok());
        assert!("\u{e9}".repeat(128).parse::<RemotePath>().is_err());
        let long = vec!["a".repeat(200); 21].join("/");
        assert!(matches!(
            long.parse::<RemotePath>(),
            Err(NameError::TooLong { limit: 4096, .. })
        ));
    }

    #[test]
    fn escaping_leaves_one_harmless_line() {
        assert_eq!(
            Escaped("a\n\u{1b}[2J\u{202e}b\\").to_string(),
            "a\\n\\u{1b}[2J\\u{202e}b\\"
        );
    }

    proptest! {
        #[test]
        fn an_accepted_name_never_leaves_its_directory(text in "[a.\\\\/: \u{0}-\u{1f}\u{202e}é]{0,12}") {
            if let Ok(path) = text.parse::<RemotePath>() {
                for part in std::path::Path::new(path.as_str()).components() {
                    prop_assert!(matches!(part, std::path::Component::Normal(_)));
                }
                prop_assert_eq!(Escaped(path.as_str()).to_string(), path.as_str());
            }
        }
    }
}
