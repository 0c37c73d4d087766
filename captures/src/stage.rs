//! The usual stage of a test: alice asks, bob listens.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::device::{Device, Listener};
use crate::error::{Doing, Error, Result};
use crate::organisation::Organisation;
use crate::process::Finished;
use crate::scratch;

/// An organisation with two people. Bob shares a folder as `files`; alice has an inbox.
#[derive(Debug)]
pub struct Stage {
    /// Bob's listening peer.
    pub listener: Listener,
    /// Alice's device, logged in.
    pub alice: Device,
    /// Bob's device, logged in.
    pub bob: Device,
    /// Their organisation.
    pub organisation: Organisation,
    shared: TempDir,
    inbox: TempDir,
}

impl Stage {
    /// Everything of it, running.
    ///
    /// # Errors
    /// If any part of it fails.
    pub fn set() -> Result<Self> {
        Self::set_for("alice", "bob")
    }

    /// The same with people of these aliases, for tests that search captures: three letters occur in
    /// a mebibyte of sealed bytes by chance.
    ///
    /// # Errors
    /// If any part of it fails.
    pub fn set_for(alice: &str, bob: &str) -> Result<Self> {
        Self::set_in(scratch::folder()?, scratch::folder()?, [alice, bob])
    }

    /// The same with files in memory, for large ones.
    ///
    /// # Errors
    /// If any part of it fails.
    pub fn set_in_memory() -> Result<Self> {
        let [shared, inbox] = [scratch::memory_folder()?, scratch::memory_folder()?];
        Self::set_in(shared, inbox, ["alice", "bob"])
    }

    fn set_in(shared: TempDir, inbox: TempDir, [alice, bob]: [&str; 2]) -> Result<Self> {
        let organisation = Organisation::start("Example")?;
        let alice = organisation.person(alice)?;
        let bob = organisation.person(bob)?;
        let listener = bob.serve("files", shared.path())?;
        Ok(Self {
            listener,
            alice,
            bob,
            organisation,
            shared,
            inbox,
        })
    }

    /// The folder that bob shares.
    #[must_use]
    pub fn shared(&self) -> &Path {
        self.shared.path()
    }

    /// Offers a file with these contents.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn offer(&self, name: &str, contents: &[u8]) -> Result<PathBuf> {
        let path = self.shared.path().join(name);
        fs::write(&path, contents).doing(format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// Offers a generated file of so many bytes.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn offer_generated(&self, name: &str, bytes: u64) -> Result<PathBuf> {
        let path = self.shared.path().join(name);
        scratch::generate(&path, bytes, bytes ^ 0x5eed)?;
        Ok(path)
    }

    /// A name in alice's inbox.
    #[must_use]
    pub fn inbox(&self, name: &str) -> PathBuf {
        self.inbox.path().join(name)
    }

    /// Alice gets a file from bob into her inbox under the same name.
    ///
    /// # Errors
    /// If `peer get` does not end.
    pub fn get(&self, name: &str) -> Result<Finished> {
        self.alice.get(&self.source(name), &self.inbox(name))
    }

    /// How alice names a file of bob's.
    #[must_use]
    pub fn source(&self, name: &str) -> String {
        self.listener.source(&format!("files/{name}"))
    }

    /// Alice gets a file, and it is what bob offers.
    ///
    /// # Errors
    /// If it is not.
    pub fn get_identical(&self, name: &str) -> Result<()> {
        self.get(name)?.success()?;
        self.check_identical(name)
    }

    /// A file in the inbox is what bob offers.
    ///
    /// # Errors
    /// If it is not.
    pub fn check_identical(&self, name: &str) -> Result<()> {
        let sent = scratch::sha256(&self.shared.path().join(name))?;
        let received = scratch::sha256(&self.inbox(name))?;
        if sent == received {
            return Ok(());
        }
        Err(Error::Unexpected(format!(
            "{name} arrived as {received} instead of {sent}"
        )))
    }

    /// Nothing in the inbox has this name.
    ///
    /// # Errors
    /// If something has.
    pub fn check_absent(&self, name: &str) -> Result<()> {
        match self.inbox(name).symlink_metadata() {
            Err(_) => Ok(()),
            Ok(found) => Err(Error::Unexpected(format!("{name} appeared: {found:?}"))),
        }
    }

    /// Bob's peer still runs, never panicked, and still serves alice.
    ///
    /// # Errors
    /// If it does not.
    pub fn check_still_serving(&mut self) -> Result<()> {
        self.listener.check_alive()?;
        self.offer("afterwards", b"still here")?;
        self.get_identical("afterwards")?;
        fs::remove_file(self.inbox("afterwards")).doing("removing a received file")
    }
}
