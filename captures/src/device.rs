//! A real peer with a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::error::{Doing, Error, Result};
use crate::organisation::{PASSWORD, write_secret};
use crate::process::{self, Finished, PATIENCE, Running, free_port};
use crate::programs::{Programs, clean_command};
use crate::scratch;

/// A device: the folder that `--dir` names, and a home that is not the user's.
#[derive(Debug)]
pub struct Device {
    programs: Programs,
    home: TempDir,
}

impl Device {
    /// A device that trusts nobody yet.
    ///
    /// # Errors
    /// If the peer cannot be built or the folder not be made.
    pub fn new() -> Result<Self> {
        Ok(Self {
            programs: Programs::get()?,
            home: scratch::folder()?,
        })
    }

    /// Where the peer keeps its key, certificate, root and CRL.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.home.path().join("peer")
    }

    /// The folder the peer is started in; what it receives without being told where lands here.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The path of the peer program.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.programs.peer
    }

    /// The `peer` program on this device.
    #[must_use]
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = clean_command(&self.programs.peer, self.home.path());
        command.arg("--dir").arg(self.folder()).args(arguments);
        command
    }

    /// Runs a peer command to its end.
    ///
    /// # Errors
    /// If it cannot be started or does not end.
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Result<Finished> {
        process::run(&mut self.command(arguments))
    }

    /// `peer trust`.
    ///
    /// # Errors
    /// If it cannot be started or does not end.
    pub fn trust(&self, url: &str, fingerprint: &str) -> Result<Finished> {
        self.run(&["trust", url, "--fingerprint", fingerprint])
    }

    /// From now on the peer asks for its auth server where nobody answers: it hears of nothing.
    ///
    /// # Errors
    /// If what the peer keeps of its server is not as expected.
    pub fn deafen(&self) -> Result<()> {
        let path = self.folder().join("account.toml");
        let doing = || format!("changing {}", path.display());
        let account = fs::read_to_string(&path).doing(doing())?;
        let nobody = format!("servers = [\"https://127.0.0.1:{}\"]", free_port()?);
        let lines: Vec<&str> = account
            .lines()
            .map(|line| match line.starts_with("servers = ") {
                true => nobody.as_str(),
                false => line,
            })
            .collect();
        fs::write(&path, lines.join("\n")).doing(doing())
    }

    /// `peer login` with the password that every test person has.
    ///
    /// # Errors
    /// If the login is refused.
    pub fn log_in(&self, alias: &str) -> Result<()> {
        self.log_in_with(alias, PASSWORD)?.success().map(drop)
    }

    /// `peer login` at several auth servers, with the password that every test person has.
    ///
    /// # Errors
    /// If it cannot be started or does not end.
    pub fn log_in_at(&self, alias: &str, servers: &[String]) -> Result<Finished> {
        let file = self.home.path().join("password");
        write_secret(&file, PASSWORD)?;
        let mut command = self.command(&["login", alias]);
        for server in servers {
            command.args(["--server", server]);
        }
        process::run(command.arg("--password-file").arg(file))
    }

    /// `peer login` with any password.
    ///
    /// # Errors
    /// If it cannot be started or does not end.
    pub fn log_in_with(&self, alias: &str, password: &str) -> Result<Finished> {
        let file = self.home.path().join("password");
        write_secret(&file, password)?;
        process::run(
            self.command(&["login", alias])
                .arg("--password-file")
                .arg(file),
        )
    }

    /// `peer serve` on a free port of the loopback, offering one folder under a name.
    ///
    /// # Errors
    /// If it does not come to listen.
    pub fn serve(&self, share: &str, folder: &Path) -> Result<Listener> {
        let share = format!("{share}={}", folder.display());
        Listener::start(&mut self.serve_command(&share))
    }

    /// The command that [`Self::serve`] runs; `share` is `NAME=FOLDER`.
    #[must_use]
    pub fn serve_command(&self, share: &str) -> Command {
        let mut command = self.command(&["serve", "--port", "0", "--bind", "localhost"]);
        command.args(["--share", share]);
        command
    }

    /// `peer get`, to its end. `source` is `PORT:SHARE/PATH`.
    ///
    /// # Errors
    /// If it cannot be started or does not end.
    pub fn get(&self, source: &str, destination: &Path) -> Result<Finished> {
        self.get_within(source, destination, PATIENCE)
    }

    /// `peer get` that may take longer.
    ///
    /// # Errors
    /// If it cannot be started or does not end.
    pub fn get_within(&self, source: &str, to: &Path, patience: Duration) -> Result<Finished> {
        Running::start(&mut self.get_command(source, to))?.finish(patience)
    }

    /// The command that [`Self::get`] runs.
    #[must_use]
    pub fn get_command(&self, source: &str, destination: &Path) -> Command {
        let mut command = self.command(&["get", source]);
        command.arg(destination);
        command
    }
}

/// A peer that listens.
#[derive(Debug)]
pub struct Listener {
    running: Running,
    port: u16,
}

impl Listener {
    /// Starts a command that comes to listen on a port of the loopback.
    ///
    /// # Errors
    /// If it does not.
    pub fn start(command: &mut Command) -> Result<Self> {
        let running = Running::start(command)?;
        let port = running.wait_for("the port of the listener", PATIENCE, |line| {
            let (_, port) = line.split_once("Listening for incoming connections on port ")?;
            port.trim().rsplit(':').next()?.parse().ok()
        })?;
        Ok(Self { running, port })
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process.
    #[must_use]
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// `PORT:PATH`, as a requester names a file of this listener.
    #[must_use]
    pub fn source(&self, path: &str) -> String {
        format!("{}:{path}", self.port)
    }

    /// Waits for the end of the listener.
    ///
    /// # Errors
    /// If it does not end in time.
    pub fn finish(self, patience: Duration) -> Result<Finished> {
        self.running.finish(patience)
    }

    /// Fails unless the listener still runs and never panicked.
    ///
    /// # Errors
    /// What it said, if it ended or panicked.
    pub fn check_alive(&mut self) -> Result<()> {
        let said = self.running.said();
        if !self.running.is_running()? || said.contains("panicked") {
            return Err(Error::Unexpected(format!(
                "the listener ended or panicked:\n{said}"
            )));
        }
        Ok(())
    }
}
