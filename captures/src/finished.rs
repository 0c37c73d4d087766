//! What a program left behind.

use crate::error::{Error, Result};

/// A program that has ended.
#[derive(Debug)]
pub struct Finished {
    /// The program and its arguments.
    pub name: String,
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout, byte for byte.
    pub stdout: Vec<u8>,
    /// What it said on stderr.
    pub stderr: String,
}

impl Finished {
    /// This, if the program succeeded.
    ///
    /// # Errors
    /// What it said, if it did not.
    pub fn success(self) -> Result<Self> {
        if self.code == Some(0) {
            return Ok(self);
        }
        Err(Error::Failed {
            said: self.said(),
            program: self.name,
            code: self.code,
        })
    }

    /// This, if it ended with an exit code, without panic, and with a message that has all the words.
    ///
    /// # Errors
    /// What it said, otherwise.
    pub fn refused(self, code: i32, words: &[&str]) -> Result<Self> {
        let said = self.stderr.to_lowercase();
        let missing = words
            .iter()
            .find(|word| !said.contains(&word.to_lowercase()));
        let wrong = match missing {
            _ if self.code != Some(code) => format!("ended with {:?}, not {code}", self.code),
            _ if said.contains("panicked") => "panicked".to_owned(),
            _ if said.trim().is_empty() => "said nothing".to_owned(),
            Some(word) => format!("did not say {word:?}"),
            None => return Ok(self),
        };
        Err(Error::Unexpected(format!(
            "{} {wrong}; it said:\n{}",
            self.name,
            self.said()
        )))
    }

    /// Everything it said, on stdout and on stderr.
    #[must_use]
    pub fn said(&self) -> String {
        format!("{}{}", String::from_utf8_lossy(&self.stdout), self.stderr)
    }
}
