//! A person at a bare peer in a terminal.

use std::path::Path;

use tempfile::TempDir;

use crate::device::Device;
use crate::error::Result;
use crate::organisation::{Organisation, PASSWORD};
use crate::scratch::folder;
use crate::system::free_port;
use crate::terminal::Terminal;

/// What a bare peer asks again and again.
pub const QUESTION: &str = "Do you like to request a file? t/f?";

/// A bare peer in a terminal, in a folder of its own, that will be asked for its port.
#[derive(Debug)]
pub struct Person {
    /// The terminal.
    pub terminal: Terminal,
    /// The port it will listen on.
    pub port: u16,
    folder: TempDir,
    _device: Device,
}

impl Person {
    /// Starts a bare peer on a device that trusts the organisation.
    ///
    /// # Errors
    /// If the dialogue goes another way.
    pub fn start(organisation: &Organisation) -> Result<Self> {
        let (device, folder) = (organisation.device()?, folder()?);
        let terminal = bare_peer(&device, folder.path())?;
        Ok(Self {
            terminal,
            port: free_port()?,
            folder,
            _device: device,
        })
    }

    /// Answers the questions of the login.
    ///
    /// # Errors
    /// If the dialogue goes another way.
    pub fn log_in(&mut self, alias: &str, password: &str) -> Result<()> {
        self.terminal
            .answer("Please enter your corp alias: ", alias)?;
        self.terminal
            .answer_hidden("Please enter your password:", password)
    }

    /// Answers the question of the port.
    ///
    /// # Errors
    /// If the dialogue goes another way.
    pub fn listen(&mut self) -> Result<()> {
        self.terminal
            .answer("Enter port to listen on: ", &self.port.to_string())?;
        self.terminal.expect(QUESTION)
    }

    /// Asks for a file.
    ///
    /// # Errors
    /// If the dialogue goes another way.
    pub fn request(&mut self, port: u16, name: &str) -> Result<()> {
        self.terminal.type_line("t")?;
        self.terminal
            .answer("Enter peer's port: ", &port.to_string())?;
        self.terminal.answer("Enter the file name: ", name)
    }

    /// The folder it was started in, which it shares and receives into.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Goes through the dialogue up to a question: 0 is the alias, 5 the name of the file.
    ///
    /// # Errors
    /// If the dialogue goes another way.
    pub fn walk_to(&mut self, phase: usize) -> Result<()> {
        let port = self.port.to_string();
        let (own, alias, password) = (
            port.as_str(),
            "Please enter your corp alias: ",
            "Please enter your password:",
        );
        if phase == 0 {
            return self.terminal.expect(alias);
        }
        self.terminal.answer(alias, "user1")?;
        if phase == 1 {
            self.terminal.expect(password)?;
            return self.terminal.wait_until_hidden();
        }
        self.terminal.answer_hidden(password, PASSWORD)?;
        let questions = [
            ("Enter port to listen on: ", own),
            (QUESTION, "t"),
            ("Enter peer's port: ", own),
            ("Enter the file name: ", ""),
        ];
        for (number, (question, answer)) in questions.into_iter().enumerate() {
            self.terminal.expect(question)?;
            if phase == number + 2 {
                return Ok(());
            }
            self.terminal.type_line(answer)?;
        }
        Ok(())
    }
}

fn bare_peer(device: &Device, folder: &Path) -> Result<Terminal> {
    let own = device.folder();
    let own = own.to_string_lossy();
    Terminal::start(
        device.program(),
        &["--dir", &own, "--bind", "localhost"],
        folder,
    )
}
