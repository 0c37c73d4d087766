//! Any text as a label, a name or a fingerprint: what is accepted reads back as it was written.

#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use common::identity::{Alias, Fingerprint, OrgLabel, PeerName, Role};
use libfuzzer_sys::fuzz_target;

/// What `text` is read as, which reads back from its own text.
fn read<T: FromStr + Display + Debug + PartialEq>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    assert_eq!(value.to_string().parse().ok().as_ref(), Some(&value));
    Some(value)
}

fuzz_target!(|text: &str| {
    for same in [
        read::<Alias>(text).map(|value| value.to_string()),
        read::<Role>(text).map(|value| value.to_string()),
        read::<OrgLabel>(text).map(|value| value.to_string()),
        read::<PeerName>(text).map(|value| value.to_string()),
    ] {
        assert!(same.is_none_or(|same| same == text));
    }
    read::<Fingerprint>(text);
    if let Ok(label) = OrgLabel::from_display_name(text) {
        assert_eq!(read(label.as_str()), Some(label));
    }
});
