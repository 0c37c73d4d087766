//! Names and numbers on the command line, and what to write instead of wrong ones.

use common::identity::{Alias, LabelError};
use root_ca::{Serial, SerialError};

/// The number of a certificate.
pub(crate) fn serial(text: &str) -> Result<Serial, String> {
    text.parse().map_err(|error: SerialError| {
        let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
        if digits == 2 * Serial::BYTES {
            "no certificate of this authority has such a number; see auth-server cert list --all"
                .to_owned()
        } else {
            error.to_string()
        }
    })
}

/// A person's name.
pub(crate) fn alias(text: &str) -> Result<Alias, String> {
    text.parse().map_err(|error: LabelError| {
        let near = text.trim().to_lowercase().replace([' ', '_', '.'], "-");
        match near.parse::<Alias>() {
            Ok(near) => format!("{error}; write it like {near}"),
            Err(_) => format!("{error}; write one such as alice"),
        }
    })
}
