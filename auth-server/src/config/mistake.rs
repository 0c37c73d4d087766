//! What is wrong with the settings, where, and what to write instead.

use std::path::PathBuf;

use super::Origin;
use crate::failure::Failure;

/// One wrong setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it was set.
    pub origin: Origin,
    /// What is wrong, and what to write instead.
    pub says: String,
}

/// All that is wrong, in the order of the file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes {
    file: PathBuf,
    all: Vec<Mistake>,
}

impl Mistakes {
    pub(super) fn new(file: PathBuf, mut all: Vec<Mistake>) -> Self {
        all.sort_by_key(|mistake| match mistake.origin {
            Origin::File { line, column } => (line, column),
            _ => (0, 0),
        });
        Self { file, all }
    }

    /// One line for each: file, line and column before what is in the file.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.all.iter().map(|mistake| self.line(mistake))
    }

    fn line(&self, mistake: &Mistake) -> String {
        match mistake.origin {
            Origin::File { line, column } => {
                format!("{}:{line}:{column}: {}", self.file.display(), mistake.says)
            }
            _ => mistake.says.clone(),
        }
    }

    /// The same in the end, with the number of them.
    pub fn summary(&self) -> Failure {
        let count = u64::try_from(self.all.len()).unwrap_or(u64::MAX);
        let text = format!(
            "{} in the settings",
            crate::ui::counted(count, "mistake", "mistakes")
        );
        match self.all.first() {
            Some(first) => failure(first, text),
            None => Failure::local_file(text),
        }
        .cure("correct them")
    }

    /// The first one; it is an error of usage when it is not in the file.
    pub fn into_failure(self) -> Failure {
        let Some(first) = self.all.first() else {
            return Failure::other("a setting is wrong");
        };
        let text = self.line(first);
        let failure = failure(first, text);
        match self.all.len() - 1 {
            0 => failure,
            more => failure.cure(format!(
                "{more} more: see them all with: auth-server config check"
            )),
        }
    }
}

/// What is wrong in the file is the file's, and what is wrong elsewhere is wrong usage.
fn failure(mistake: &Mistake, text: String) -> Failure {
    match mistake.origin {
        Origin::File { .. } => Failure::local_file(text),
        _ => Failure::usage(text),
    }
}
