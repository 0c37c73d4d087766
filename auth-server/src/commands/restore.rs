//! `restore FILE`: the authority of a backup, in a folder that has none. `-` is standard input.
//!
//! All is checked in a folder of its own before anything gets its name, and the root certificate,
//! which makes a folder an authority, gets its name last.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, stdin};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use common::identity::OrgRoot;
use root_ca::key_store;
use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::process::geteuid;
use time::OffsetDateTime;

use super::pipe::{called, is_pipe};
use super::secrets;
use super::unseal::open_authority;
use crate::archive::{self, ArchiveError, Manifest};
use crate::audit::{self, Actor};
use crate::config::Given;
use crate::failure::Failure;
use crate::home::{DIR_VARIABLE, Home};
use crate::staging::Staging;
use crate::store::Store;
use crate::{terminal, ui};

/// How far clocks may differ.
const CLOCK_SKEW: time::Duration = time::Duration::minutes(5);

/// Makes the authority again.
///
/// # Errors
/// When the folder has one, or the backup is not whole; then the folder is as it was.
pub async fn run(home: &Home, file: PathBuf, passphrase: Option<&Path>) -> Result<(), Failure> {
    if is_pipe(&file) && passphrase.is_some_and(is_pipe) {
        return Err(
            Failure::usage("backup and passphrase cannot both come from standard input")
                .cure("give one of them as a file"),
        );
    }
    refuse_occupied(home)?;
    let made = !home.dir().exists();
    key_store::ensure_private_dir(home.dir())?;
    let restored = restore(home, file, passphrase).await;
    if restored.is_err() && made {
        let _ = std::fs::remove_dir(home.dir());
    }
    let (root, manifest) = restored?;
    report(home, &root, &manifest);
    Ok(())
}

/// The files of an authority in the order in which they get their names.
fn files(home: &Home) -> [PathBuf; 4] {
    [
        home.config_file(),
        home.store_file(),
        home.root_key(),
        home.root_certificate(),
    ]
}

fn refuse_occupied(home: &Home) -> Result<(), Failure> {
    match files(home)
        .iter()
        .find(|path| path.symlink_metadata().is_ok())
    {
        None => Ok(()),
        Some(path) => Err(
            Failure::local_file(format!("{} exists already", path.display()))
                .cure("restore into an empty folder, with --dir DIR, or move the old files away"),
        ),
    }
}

async fn restore(
    home: &Home,
    file: PathBuf,
    passphrase: Option<&Path>,
) -> Result<(OrgRoot, Manifest), Failure> {
    let staging = Staging::new(home)?;
    let parts = Home::new(staging.dir().to_owned());
    let folder = staging.dir().to_owned();
    let manifest = tokio::task::spawn_blocking(move || unpack(&file, &folder))
        .await
        .map_err(|_| Failure::other("the backup could not be read"))??;
    let now = OffsetDateTime::now_utc();
    let root = parts.root()?;
    if root.fingerprint().to_string() != manifest.root {
        return Err(Failure::local_file(
            "the backup's root certificate is not the one that its manifest names",
        ));
    }
    check_key(&parts, passphrase).await?;
    refuse_early(now, manifest.created_at)?;
    let store = parts.foreign_store(&root).await?;
    let resumed = resume(store.as_ref(), now).await;
    store.close().await?;
    resumed?;
    place(&parts, home)?;
    Ok((root, manifest))
}

fn unpack(file: &Path, folder: &Path) -> Result<Manifest, Failure> {
    let name = called(file);
    let read = match is_pipe(file) {
        true => archive::read(standard_input()?, folder),
        false => archive::read(BufReader::new(open(file)?), folder),
    };
    read.map_err(|error| {
        let failure = Failure::local_file(format!("{name}: {error}"));
        match error {
            ArchiveError::Room { .. } => {
                failure.cure("make room on that disk, or restore on another one with --dir DIR")
            }
            _ => failure.cure("use another backup"),
        }
    })
}

/// Refuses a terminal: nobody types a backup.
fn standard_input() -> Result<impl Read, Failure> {
    if terminal::is_input() {
        return Err(Failure::usage("a terminal is no backup")
            .cure("give a file, or a pipe: | ... restore -"));
    }
    Ok(stdin().lock())
}

fn open(file: &Path) -> Result<File, Failure> {
    let io = |error| Failure::io(file, &error);
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let archive = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(file)
        .map_err(|error| {
            io(error).cure("give a file that auth-server backup wrote, or - for standard input")
        })?;
    match archive.metadata().map_err(io)?.is_file() {
        true => Ok(archive),
        false => Err(Failure::local_file(format!(
            "{} is not a file",
            file.display()
        ))),
    }
}

/// Its form without the passphrase; with it, that it is the key of the certificate.
async fn check_key(parts: &Home, passphrase: Option<&Path>) -> Result<(), Failure> {
    if secrets::passphrase_file(passphrase).is_some() {
        open_authority(parts, passphrase, false).await?;
    } else {
        key_store::read_sealed(&parts.root_key())?;
        ui::message(
            "The root key was not opened: give --passphrase-file to check it against the root \
             certificate.",
        );
    }
    Ok(())
}

fn refuse_early(now: OffsetDateTime, known: OffsetDateTime) -> Result<(), Failure> {
    if now + CLOCK_SKEW >= known {
        return Ok(());
    }
    Err(
        Failure::other("this machine's clock is behind the backup: it would reuse CRL numbers")
            .cure("set the clock"),
    )
}

/// CRLs that were signed after the backup have numbers that this store has not given yet, and a
/// peer refuses a lower number than one that it saw. The milliseconds since 1970 are above all of
/// them: a server signs two CRLs a second at most, and its numbers began at zero, or at the
/// milliseconds of an earlier restore.
async fn resume(store: &dyn Store, now: OffsetDateTime) -> Result<(), Failure> {
    if let Some(last) = audit::last(store).await? {
        refuse_early(now, last.at)?;
    }
    let milliseconds = now.unix_timestamp_nanos() / 1_000_000;
    let number = u64::try_from(milliseconds)
        .map_err(|_| Failure::other("this machine's clock is before 1970").cure("set the clock"))?;
    Ok(store
        .resume_after_restore(number, &Actor::console(), now)
        .await?)
}

fn place(parts: &Home, home: &Home) -> Result<(), Failure> {
    let mut placed = Vec::new();
    let outcome = files(parts)
        .into_iter()
        .zip(files(home))
        .try_for_each(|(from, to)| {
            renameat_with(CWD, &from, CWD, &to, RenameFlags::NOREPLACE)
                .map_err(|error| Failure::io(&to, &error.into()))?;
            placed.push(to);
            // The others are on disk before the last one says that all is there.
            File::open(home.dir())
                .and_then(|dir| dir.sync_all())
                .map_err(|error| Failure::io(home.dir(), &error))
        });
    if outcome.is_err() {
        for path in placed.iter().rev() {
            let _ = std::fs::remove_file(path);
        }
    }
    outcome
}

fn report(home: &Home, root: &OrgRoot, manifest: &Manifest) {
    ui::message(&format!(
        "Restored {} ({}) as it was on {}.",
        ui::safe(root.display_name()),
        root.fingerprint(),
        super::user::moment(manifest.created_at)
    ));
    ui::message(
        "What was done after that is lost: revoke again who and what was revoked since, and run \
         auth-server doctor.",
    );
    tell_ownership(home);
    tell_default(home);
    if let Err(failure) = home.config(&Given::new()) {
        let text = format!("Correct this before you start it: {failure}");
        ui::message(&ui::safe(&text));
    }
}

fn tell_ownership(home: &Home) {
    if geteuid().is_root() {
        let text = format!(
            "The files belong to root: before another user runs the server, chown -R USER: {}",
            home.dir().display()
        );
        ui::message(&ui::safe(&text));
    }
}

/// Whoever restores elsewhere and goes on without naming it would work on the old authority.
fn tell_default(home: &Home) {
    let Some(unnamed) = Home::unnamed_dir().filter(|dir| !home.is_at(dir)) else {
        return;
    };
    let other = match Home::new(unnamed.clone()).is_initialised() {
        true => ", which is another authority",
        false => "",
    };
    let (unnamed, dir) = (unnamed.display(), home.dir().display());
    let text = format!(
        "Commands without --dir work on {unnamed}{other}: give each --dir {dir}, or set \
         {DIR_VARIABLE}={dir}."
    );
    ui::message(&ui::safe(&text));
}
