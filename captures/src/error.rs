//! What can go wrong in the harness itself.

use std::io;

/// A failure of the harness, or of a program it runs, with what it was doing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused something.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done, and to what.
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// Something did not happen in time.
    #[error("waited {secs} s for {expected}; so far was said:\n{said}")]
    Deadline {
        /// What was waited for.
        expected: String,
        /// How long.
        secs: u64,
        /// Everything the program had said by then.
        said: String,
    },
    /// A program ended before it did what was expected.
    #[error("{program} ended before {expected}; it said:\n{said}")]
    Ended {
        /// The program and its arguments.
        program: String,
        /// What was waited for.
        expected: String,
        /// Everything it said.
        said: String,
    },
    /// A program that had to succeed did not.
    #[error("{program} failed with {code:?}; it said:\n{said}")]
    Failed {
        /// The program and its arguments.
        program: String,
        /// Its exit code; none if a signal ended it.
        code: Option<i32>,
        /// Everything it said.
        said: String,
    },
    /// A program of the system is not installed.
    #[error("{tool} is missing; install the Debian package {package}")]
    MissingTool {
        /// The program.
        tool: String,
        /// The Debian package that brings it.
        package: String,
    },
    /// Something was found to be other than it must be.
    #[error("{0}")]
    Unexpected(String),
}

/// What the harness returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Names what was being done when the system refused.
pub trait Doing<T> {
    /// Turns a system error into an [`Error::Io`] that says what was being done.
    ///
    /// # Errors
    /// The system's error, named.
    fn doing(self, what: impl Into<String>) -> Result<T>;
}

impl<T, E: Into<io::Error>> Doing<T> for std::result::Result<T, E> {
    fn doing(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|source| Error::Io {
            doing: what.into(),
            source: source.into(),
        })
    }
}
