//! A real organisation in a temporary folder: its own root, its own auth server, its people.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::device::Device;
use crate::error::{Doing, Error, Result};
use crate::process::{self, Finished, PATIENCE, Running};
use crate::programs::{Programs, clean_command};
use crate::scratch;

/// A password that the rules of the auth server accept.
pub const PASSWORD: &str = "nine-pelicans-cross-42-harbours";

const PASSPHRASE: &str = "seven-lanterns-above-the-quiet-lock";

/// A running organisation. Dropping it stops its auth server and removes its folder.
#[derive(Debug)]
pub struct Organisation {
    programs: Programs,
    server: Option<Running>,
    address: String,
    fingerprint: String,
    home: TempDir,
}

impl Organisation {
    /// Makes an organisation and starts its auth server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If the auth server cannot be built, initialised or started.
    pub fn start(name: &str) -> Result<Self> {
        let mut organisation = Self::init(name)?;
        organisation.restart()?;
        Ok(organisation)
    }

    /// Makes an organisation whose auth server does not run yet.
    ///
    /// # Errors
    /// If the auth server cannot be built or initialised.
    pub fn init(name: &str) -> Result<Self> {
        let home = scratch::folder()?;
        write_secret(&home.path().join("passphrase"), PASSPHRASE)?;
        let mut organisation = Self {
            programs: Programs::get()?,
            server: None,
            address: String::new(),
            fingerprint: String::new(),
            home,
        };
        let mut command = organisation.command(&["init", "--org", name]);
        command
            .arg("--passphrase-file")
            .arg(organisation.passphrase_file());
        let said = process::run(&mut command)?.success()?.said();
        organisation.fingerprint = fingerprint_in(&said)?;
        Ok(organisation)
    }

    /// Starts the auth server, after stopping the one that runs; the port may change.
    ///
    /// # Errors
    /// If it does not come to listen.
    pub fn restart(&mut self) -> Result<()> {
        self.stop();
        let server = self.serve_at("127.0.0.1:0")?;
        self.address = listening_address(&server)?;
        self.server = Some(server);
        Ok(())
    }

    /// Starts the auth server again where it was reached before.
    ///
    /// # Errors
    /// If it does not come to listen.
    pub fn resume(&mut self) -> Result<()> {
        self.server = Some(self.serve_at(&self.address)?);
        Ok(())
    }

    /// Starts the auth server where nobody reached it before.
    ///
    /// # Errors
    /// If it does not come to listen.
    pub fn listen_at(&mut self, address: &str) -> Result<()> {
        self.stop();
        address.clone_into(&mut self.address);
        self.resume()
    }

    /// The same authority once more, in a folder of its own, from a backup of this one; its auth server
    /// does not run yet.
    ///
    /// # Errors
    /// If there is no backup to be had, or it is refused.
    pub fn restored(&self) -> Result<Self> {
        let home = scratch::folder()?;
        let backup = home.path().join("backup").display().to_string();
        self.run(&["backup", &backup])?.success()?;
        let restored = Self {
            programs: self.programs.clone(),
            server: None,
            address: String::new(),
            fingerprint: self.fingerprint.clone(),
            home,
        };
        write_secret(&restored.passphrase_file(), PASSPHRASE)?;
        restored.run(&["restore", &backup])?.success()?;
        Ok(restored)
    }

    /// Starts a further auth server of this organisation at an address.
    ///
    /// # Errors
    /// If it does not come to listen.
    pub fn serve_at(&self, address: &str) -> Result<Running> {
        let mut command = self.command(&["run", "--listen", address, "--no-prompt"]);
        command.arg("--passphrase-file").arg(self.passphrase_file());
        let server = Running::start(&mut command)?;
        listening_address(&server)?;
        Ok(server)
    }

    /// Kills the auth server: it gets no chance to say or write anything more.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// The `auth-server` program on this organisation's folder.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = clean_command(&self.programs.auth_server, self.home.path());
        command.args(arguments).arg("--dir").arg(self.folder());
        command
    }

    /// Runs an administrator's command to its end.
    ///
    /// # Errors
    /// If it cannot be started or does not end.
    pub fn run(&self, arguments: &[&str]) -> Result<Finished> {
        process::run(&mut self.command(arguments))
    }

    /// Adds a person with [`PASSWORD`].
    ///
    /// # Errors
    /// If the auth server refuses.
    pub fn add_user(&self, alias: &str) -> Result<()> {
        let mut command = self.command(&["user", "add", alias]);
        command
            .arg("--password-file")
            .arg(self.secret(alias, PASSWORD)?);
        process::run(&mut command)?.success().map(drop)
    }

    /// A person with a device that trusts this organisation and is logged in.
    ///
    /// # Errors
    /// If any step of it fails.
    pub fn person(&self, alias: &str) -> Result<Device> {
        self.add_user(alias)?;
        let device = self.device()?;
        device.log_in(alias)?;
        Ok(device)
    }

    /// A device that trusts this organisation; nobody is logged in on it.
    ///
    /// # Errors
    /// If the peer refuses to trust.
    pub fn device(&self) -> Result<Device> {
        let device = Device::new()?;
        device.trust(&self.url(), &self.fingerprint)?.success()?;
        Ok(device)
    }

    /// Where devices reach the auth server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The fingerprint of the org root, `SHA256:...`.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The folder of the auth server.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.home.path().join("authority")
    }

    /// The file with the passphrase of the root key.
    #[must_use]
    pub fn passphrase_file(&self) -> PathBuf {
        self.home.path().join("passphrase")
    }

    /// The running auth server, if it runs.
    #[must_use]
    pub fn server(&self) -> Option<&Running> {
        self.server.as_ref()
    }

    fn secret(&self, name: &str, secret: &str) -> Result<PathBuf> {
        let path = self.home.path().join(format!("{name}.secret"));
        write_secret(&path, secret)?;
        Ok(path)
    }
}

fn listening_address(server: &Running) -> Result<String> {
    server.wait_for("the address of the auth server", PATIENCE, |line| {
        let (_, address) = line.split_once("listening on https://")?;
        address.split_whitespace().next().map(str::to_owned)
    })
}

/// Writes a secret where only its owner can read it.
///
/// # Errors
/// If it cannot be written.
pub fn write_secret(path: &Path, secret: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let doing = || format!("writing {}", path.display());
    fs::write(path, format!("{secret}\n")).doing(doing())?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).doing(doing())
}

/// The root fingerprint in what `auth-server init` said.
///
/// # Errors
/// If there is none.
pub fn fingerprint_in(said: &str) -> Result<String> {
    said.split_whitespace()
        .find(|word| word.starts_with("SHA256:"))
        .map(|word| word.trim_end_matches(['.', ',', '`', '"', '\'']).to_owned())
        .ok_or_else(|| Error::Unexpected(format!("init told no fingerprint:\n{said}")))
}
