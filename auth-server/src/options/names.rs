//! Names and numbers on the command line, and what to write instead of wrong ones.

use common::identity::{Alias, LabelError, Role};
use root_ca::{Serial, SerialError};

use crate::failure::{Failure, SEE_CERTIFICATES};

/// A number in the form of a certificate's.
#[derive(Debug, Clone)]
pub enum GivenSerial {
    /// One that a certificate may have.
    Possible(Serial),
    /// One that no certificate of any authority of this kind has.
    Impossible(String),
}

impl GivenSerial {
    /// The number, if a certificate may have it.
    ///
    /// # Errors
    /// The same as of one that no certificate has.
    pub(super) fn demand(self) -> Result<Serial, Failure> {
        match self {
            Self::Possible(serial) => Ok(serial),
            Self::Impossible(text) => {
                Err(Failure::other(format!("there is no certificate {text}"))
                    .cure(SEE_CERTIFICATES))
            }
        }
    }
}

/// The number of a certificate.
pub(crate) fn serial(text: &str) -> Result<GivenSerial, String> {
    text.parse()
        .map(GivenSerial::Possible)
        .or_else(|error: SerialError| {
            let digits: String = text.chars().filter(|digit| *digit != ':').collect();
            let is_a_number = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            if is_a_number && digits.len() == 2 * Serial::BYTES {
                Ok(GivenSerial::Impossible(digits.to_lowercase()))
            } else {
                Err(error.to_string())
            }
        })
}

/// The role of a person.
pub(crate) fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(
        |error: LabelError| match text.to_lowercase().parse::<Role>() {
            Ok(small) => format!("{error}; write it in small letters: {small}"),
            Err(_) => error.to_string(),
        },
    )
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
