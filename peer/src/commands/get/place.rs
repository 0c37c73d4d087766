//! Where what is asked for goes, and whether it may replace what is there.

use std::path::{Path, PathBuf};

use common::name::{Escaped, RemotePath};

use crate::address::RemoteFile;
use crate::cli::OverwritePolicy;
use crate::failure::{Exit, Failure};
use crate::options::{Common, Get, Place};
use crate::transfer::{Destination, Overwrite, Target, Wanted, exists};
use crate::ui::prompt;

/// What is asked for, and where each file goes.
///
/// # Errors
/// When a name is taken or cannot be one here.
pub(super) fn wanted(common: &Common, get: &Get) -> Result<Vec<Wanted>, Failure> {
    get.paths
        .iter()
        .map(|file| {
            let target = match &get.place {
                Place::Stdout => Target::Stdout,
                Place::File(path) => target(common, path, get.overwrite)?,
                Place::Folder(folder) => {
                    target(common, &folder.join(local_name(file)?), get.overwrite)?
                }
            };
            let path = file.path.clone();
            Ok(Wanted { path, target })
        })
        .collect()
}

/// The receiver chooses the name, from what its own user typed.
fn local_name(file: &RemoteFile) -> Result<&str, Failure> {
    let name = file.file_name();
    match name.parse::<RemotePath>() {
        Ok(_) => Ok(name),
        Err(error) => Err(Failure::new(
            Exit::Usage,
            format!("{} cannot be a file name here: {error}", Escaped(name)),
        )
        .hint("name a destination")),
    }
}

/// Decides about a taken name before anything is asked for.
fn target(common: &Common, path: &Path, policy: OverwritePolicy) -> Result<Target, Failure> {
    let destination = Destination::new(path)?;
    if path.is_dir() {
        return Err(Failure::new(
            Exit::LocalFile,
            format!("{} is a folder", path.display()),
        ));
    }
    let overwrite = match policy {
        OverwritePolicy::Always => Overwrite::Replace,
        OverwritePolicy::Rename => Overwrite::Rename,
        OverwritePolicy::Never | OverwritePolicy::Ask if !destination.exists() => Overwrite::Never,
        OverwritePolicy::Ask if common.may_ask => confirm(&destination.path())?,
        OverwritePolicy::Never | OverwritePolicy::Ask => return Err(exists(path)),
    };
    Ok(Target::File(destination, overwrite))
}

fn confirm(path: &Path) -> Result<Overwrite, Failure> {
    let shown = path.display().to_string();
    let answer = prompt::line(&format!("{} exists; replace it? t/f? ", Escaped(&shown)))?;
    if is_yes(&answer) {
        Ok(Overwrite::Replace)
    } else {
        Err(exists(path))
    }
}

/// Whether an answer means yes: the dialogue's `t`, or `y`.
pub fn is_yes(answer: &str) -> bool {
    matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "t" | "true" | "y" | "yes"
    )
}

/// Where the dialogue writes a file: `received_<name>` in the current folder.
///
/// # Errors
/// When the name cannot be a file name here.
pub fn received_name(file: &RemoteFile) -> Result<PathBuf, Failure> {
    local_name(file).map(|name| PathBuf::from(format!("received_{name}")))
}

/// The only wanted file of the dialogue.
///
/// # Errors
/// When its name is taken and is not to be replaced.
pub fn wanted_in_dialogue(common: &Common, file: &RemoteFile) -> Result<Wanted, Failure> {
    let target = target(common, &received_name(file)?, OverwritePolicy::Ask)?;
    Ok(Wanted {
        path: file.path.clone(),
        target,
    })
}
