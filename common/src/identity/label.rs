use std::fmt;
use std::str::FromStr;

use crate::limits::{MAX_LABEL_CHARS, MAX_ORG_LABEL_CHARS};

/// Why a word is not a label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Nothing was given.
    #[error("a name must not be empty")]
    Empty,
    /// The word is longer than its kind may be.
    #[error("a name has at most {limit} characters, this one has {actual}")]
    TooLong {
        /// Characters allowed.
        limit: usize,
        /// Characters found.
        actual: usize,
    },
    /// The first character is not a letter.
    #[error("a name starts with a letter from a to z")]
    FirstNotLetter,
    /// A character outside `a-z`, `0-9` and `-`.
    #[error("a name has only letters a to z, digits and inner hyphens, in lower case")]
    Character,
    /// The last character is a hyphen.
    #[error("a name does not end with a hyphen")]
    LastHyphen,
    /// The text is not of the form `<alias>.peer.<org>.internal`.
    #[error("not a name of the form ALIAS.peer.ORG.internal")]
    NotAPeerName,
}

/// Starts with a letter; then letters, digits, inner hyphens; lower case (RFC 1035, 2.3.1).
fn check(word: &str, limit: usize) -> Result<(), LabelError> {
    let actual = word.chars().count();
    if actual == 0 {
        return Err(LabelError::Empty);
    }
    if actual > limit {
        return Err(LabelError::TooLong { limit, actual });
    }
    if !word.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(LabelError::FirstNotLetter);
    }
    if !word
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    {
        return Err(LabelError::Character);
    }
    if word.ends_with('-') {
        return Err(LabelError::LastHyphen);
    }
    Ok(())
}

macro_rules! label {
    ($(#[$doc:meta])* $name:ident, $limit:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The word itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = LabelError;

            fn from_str(word: &str) -> Result<Self, LabelError> {
                check(word, $limit)?;
                Ok(Self(word.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

label!(
    /// A person's name in the organisation, such as `alice`.
    Alias,
    MAX_LABEL_CHARS
);
label!(
    /// What a person may do, such as `member` or `admin`.
    Role,
    MAX_LABEL_CHARS
);
label!(
    /// What a device says that it is called, such as `laptop-7`; nothing is decided by it.
    DeviceName,
    MAX_LABEL_CHARS
);
label!(
    /// The organisation as one DNS label, such as `acme-corp`.
    OrgLabel,
    MAX_ORG_LABEL_CHARS
);

impl OrgLabel {
    /// The label for a display name: letters and digits in lower case, everything else a hyphen.
    ///
    /// # Errors
    /// When no letter is left to start with.
    pub fn from_display_name(name: &str) -> Result<Self, LabelError> {
        nearest(name, MAX_ORG_LABEL_CHARS).parse()
    }
}

impl DeviceName {
    /// The label for a machine's host name: its first part, in the same way.
    ///
    /// # Errors
    /// When no letter is left to start with.
    pub fn from_host_name(name: &str) -> Result<Self, LabelError> {
        let first = name.split('.').next().unwrap_or_default();
        nearest(first, MAX_LABEL_CHARS).parse()
    }
}

/// Letters and digits in lower case, everything else a hyphen.
fn nearest(name: &str, limit: usize) -> String {
    let mut label = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            label.push(c.to_ascii_lowercase());
        } else if !label.is_empty() && !label.ends_with('-') {
            label.push('-');
        }
    }
    label.truncate(limit);
    label.trim_end_matches('-').to_owned()
}

/// A member's full name, `<alias>.peer.<org>.internal`: the one subject alternative name of a
/// peer certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerName {
    alias: Alias,
    org: OrgLabel,
}

impl PeerName {
    /// The name of `alias` in `org`.
    pub fn new(alias: Alias, org: OrgLabel) -> Self {
        Self { alias, org }
    }

    /// The person.
    pub fn alias(&self) -> &Alias {
        &self.alias
    }

    /// The organisation.
    pub fn org(&self) -> &OrgLabel {
        &self.org
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.peer.{}.internal", self.alias, self.org)
    }
}

impl FromStr for PeerName {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let mut parts = text.split('.');
        let (Some(alias), Some("peer"), Some(org), Some("internal"), None) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Err(LabelError::NotAPeerName);
        };
        Ok(Self::new(alias.parse()?, org.parse()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_a_lower_case_dns_label_of_at_most_32_characters() {
        for good in ["a", "alice", "user1", "a-b", "x2-4", &"a".repeat(32)] {
            assert_eq!(good.parse::<Alias>().unwrap().as_str(), good);
        }
        for (bad, error) in [
            ("", LabelError::Empty),
            ("1st", LabelError::FirstNotLetter),
            ("-a", LabelError::FirstNotLetter),
            ("Alice", LabelError::FirstNotLetter),
            ("aLice", LabelError::Character),
            ("a.b", LabelError::Character),
            ("a\n", LabelError::Character),
            ("a/../b", LabelError::Character),
            ("al\u{456}ce", LabelError::Character),
            ("a-", LabelError::LastHyphen),
            (
                &"a".repeat(33),
                LabelError::TooLong {
                    limit: 32,
                    actual: 33,
                },
            ),
        ] {
            assert_eq!(bad.parse::<Alias>(), Err(error), "{bad:?}");
        }
    }

    #[test]
    fn a_peer_name_reads_back_what_it_writes() {
        let name = PeerName::new("alice".parse().unwrap(), "acme".parse().unwrap());
        assert_eq!(name.to_string(), "alice.peer.acme.internal");
        assert_eq!(name.to_string().parse::<PeerName>().unwrap(), name);
    }

    #[test]
    fn other_shapes_are_no_peer_names() {
        for bad in [
            "alice",
            "alice.peer.acme",
            "alice.peer.acme.internal.",
            "alice.peer.acme.internal.example",
            "a.b.peer.acme.internal",
            "alice.host.acme.internal",
            "*.peer.acme.internal",
            "alice.peer.acme.INTERNAL",
        ] {
            assert!(bad.parse::<PeerName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_organisation_s_label_comes_from_its_display_name() {
        let label = |name| OrgLabel::from_display_name(name).map(|l| l.to_string());
        assert_eq!(label("Acme Corp."), Ok("acme-corp".into()));
        assert_eq!(label("  R & D  "), Ok("r-d".into()));
        assert_eq!(label("42"), Err(LabelError::FirstNotLetter));
        assert_eq!(label("\u{6771}\u{4eac}"), Err(LabelError::Empty));
    }

    #[test]
    fn a_device_s_name_comes_from_the_first_part_of_its_host_name() {
        let name = |host: &str| DeviceName::from_host_name(host).map(|name| name.to_string());
        assert_eq!(name("laptop-7.example.org"), Ok("laptop-7".into()));
        assert_eq!(name("Zoe_s MacBook"), Ok("zoe-s-macbook".into()));
        assert_eq!(name(&"ab".repeat(40)), Ok("ab".repeat(16)));
        assert_eq!(name("a\u{1b}[2Jb"), Ok("a-2jb".into()));
        assert_eq!(name(""), Err(LabelError::Empty));
        assert_eq!(name("10-0-0-1"), Err(LabelError::FirstNotLetter));
    }
}
