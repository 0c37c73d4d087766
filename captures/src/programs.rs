//! The two programs, built from this workspace.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::error::{Doing, Error, Result};

/// Where the two programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The auth server.
    pub auth_server: PathBuf,
    /// The peer.
    pub peer: PathBuf,
}

impl Programs {
    /// The release binaries of this workspace, built first if they are not up to date.
    /// `ORGSHARE_BIN_DIR` names a folder with other ones, and nothing is built then.
    ///
    /// # Errors
    /// If they cannot be built or found.
    pub fn get() -> Result<Self> {
        static BUILT: OnceLock<std::result::Result<Programs, String>> = OnceLock::new();
        BUILT
            .get_or_init(|| Self::find_or_build().map_err(|error| error.to_string()))
            .clone()
            .map_err(Error::Unexpected)
    }

    fn find_or_build() -> Result<Self> {
        match env::var_os("ORGSHARE_BIN_DIR") {
            Some(folder) => Self::inside(Path::new(&folder)),
            None => Self::build(&target_folder()?),
        }
    }

    fn build(target: &Path) -> Result<Self> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .args([
                "build",
                "--quiet",
                "--release",
                "--locked",
                "-p",
                "auth-server",
                "-p",
                "peer",
            ])
            .arg("--target-dir")
            .arg(target)
            .current_dir(workspace_folder())
            .status()
            .doing("starting cargo")?;
        if !status.success() {
            return Err(Error::Unexpected(format!("cargo build failed ({status})")));
        }
        Self::inside(&target.join("release"))
    }

    fn inside(folder: &Path) -> Result<Self> {
        let find = |name: &str| {
            let path = folder.join(name);
            match path.is_file() {
                true => Ok(path),
                false => Err(Error::Unexpected(format!(
                    "{} is not there",
                    path.display()
                ))),
            }
        };
        Ok(Self {
            auth_server: find("auth-server")?,
            peer: find("peer")?,
        })
    }
}

/// A command that inherits nothing of the user's settings but `PATH`, with a home of its own.
#[must_use]
pub fn clean_command(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("LC_ALL", "C.UTF-8")
        .env("RUST_BACKTRACE", "1")
        .current_dir(home);
    command
}

/// The folder of the workspace's sources.
#[must_use]
pub fn workspace_folder() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// This program lies in `TARGET/PROFILE/` or, if it is a test, in `TARGET/PROFILE/deps/`.
fn target_folder() -> Result<PathBuf> {
    let exe = env::current_exe().doing("looking for this program")?;
    exe.ancestors()
        .find(|folder| folder.ends_with("release") || folder.ends_with("debug"))
        .and_then(Path::parent)
        .map(Path::to_path_buf)
        .ok_or_else(|| Error::Unexpected(format!("{} is in no target folder", exe.display())))
}
