//! `-` where a file is named: standard input or output.

use std::path::Path;

/// Whether it is none of a file, but of a pipe.
pub(super) fn is_pipe(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// As people are told of it.
pub(super) fn called(file: &Path) -> String {
    match is_pipe(file) {
        true => "a pipe (-)".to_owned(),
        false => file.display().to_string(),
    }
}
