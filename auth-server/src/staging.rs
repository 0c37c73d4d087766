//! A folder within the server's own, for files that are not finished; gone when dropped.

use std::path::{Path, PathBuf};

use root_ca::key_store;

use crate::failure::Failure;
use crate::home::Home;

/// What such folders are called; one that was left over by a crash can be removed.
pub const PREFIX: &str = "unfinished-";

/// The folder, mode 0700.
#[derive(Debug)]
pub struct Staging(PathBuf);

impl Staging {
    /// Makes one.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(home: &Home) -> Result<Self, Failure> {
        let dir = home.dir().join(format!("{PREFIX}{}", random_name()?));
        key_store::ensure_private_dir(&dir)?;
        Ok(Self(dir))
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.0
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A name that nobody guesses.
///
/// # Errors
/// When the system has no random numbers.
pub fn random_name() -> Result<String, Failure> {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Failure::other("the system has no random numbers"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
