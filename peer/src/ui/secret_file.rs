//! Passwords that stand in files.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::geteuid;
use zeroize::Zeroizing;

use super::prompt::{first_line, read_line};
use crate::failure::{Exit, Failure};

/// The permission bits with which group and others read.
const OTHERS_READ: u32 = 0o044;

/// Reads a password from a file, or from standard input for `-`: its first line.
///
/// # Errors
/// When it cannot be read, or has no line that could be one.
pub fn password_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    if path.as_os_str() == "-" {
        return read_line();
    }
    let failed = |error: io::Error| Failure::file(path, &error);
    let file = File::open(path).map_err(failed)?;
    if is_open_to_others(&file).map_err(failed)? {
        let path = path.display();
        super::warn(&format!(
            "others can read {path}, and what it holds is secret; close it with: chmod 600 {path}"
        ));
    }
    first_line(&file).map_err(|failure| {
        let told = format!("{}: {}", path.display(), failure.message);
        Failure::new(Exit::LocalFile, told)
    })
}

/// Whether others can read what this user keeps there. Pipes, and files that a service manager keeps
/// for this user, are not this user's to close.
fn is_open_to_others(file: &File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    let readable = metadata.mode() & OTHERS_READ != 0;
    Ok(metadata.is_file() && metadata.uid() == geteuid().as_raw() && readable)
}
