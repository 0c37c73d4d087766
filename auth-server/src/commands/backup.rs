//! `backup FILE`: everything but the passphrase in one new file, while the server runs. `-` is
//! standard output.

use std::fs::{File, OpenOptions};
use std::io::BufWriter;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::identity::OrgRoot;
use root_ca::key_store;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use time::OffsetDateTime;

use super::pipe::{called, is_pipe};
use crate::archive::{self, ArchiveError, Manifest};
use crate::audit::{Action, Actor, Event, OK};
use crate::failure::Failure;
use crate::home::Home;
use crate::staging::{Staging, random_name};
use crate::store::Store;
use crate::{terminal, ui};

/// The outcome of a backup of which nothing more is known yet: what is copied out leaves a trace
/// however it ends.
const BEGUN: &str = "begun";
/// The outcome of a backup that is none.
const FAILED: &str = "failed";

/// Writes the backup.
///
/// # Errors
/// When there is a file of that name, or something cannot be read or written.
pub async fn run(home: &Home, file: PathBuf) -> Result<(), Failure> {
    refuse_target(&file)?;
    let root = home.root()?;
    let store = home.store(&root).await?;
    tell(&store, &file, BEGUN).await?;
    let written = write(home, &root, &store, &file).await;
    let outcome = if written.is_ok() { OK } else { FAILED };
    let told = tell(&store, &file, outcome).await;
    written?;
    told?;
    store.close().await?;
    ui::message(&format!(
        "Wrote the backup to {}. It holds the sealed root key and the users' password hashes: keep it as you \
         keep the server, and the passphrase elsewhere.",
        ui::safe(&called(&file))
    ));
    Ok(())
}

/// Tells the audit log how far it is.
async fn tell(store: &Arc<dyn Store>, file: &Path, outcome: &str) -> Result<(), Failure> {
    let by = Actor::console();
    let event = Event {
        by: &by,
        action: Action::Backup,
        object: called(file),
        outcome,
    };
    Ok(store.append(&event, OffsetDateTime::now_utc()).await?)
}

async fn write(
    home: &Home,
    root: &OrgRoot,
    store: &Arc<dyn Store>,
    file: &Path,
) -> Result<(), Failure> {
    let now = OffsetDateTime::now_utc();
    let staging = Staging::new(home)?;
    let parts = Home::new(staging.dir().to_owned());
    let key = key_store::read_sealed(&home.root_key())?;
    key_store::write_private(&parts.root_key(), &key)?;
    for (from, to) in [
        (home.config_file(), parts.config_file()),
        (home.root_certificate(), parts.root_certificate()),
    ] {
        let content = std::fs::read(&from).map_err(|error| Failure::io(&from, &error))?;
        key_store::write_private(&to, &content)?;
    }
    key_store::write_private(&parts.store_file(), b"")?;
    store.snapshot_to(&parts.store_file()).await?;
    let fingerprint = root.fingerprint().to_string();
    let organisation = root.display_name().to_owned();
    let target = file.to_owned();
    let work = move || {
        let manifest = Manifest::of(staging.dir(), &organisation, fingerprint, now)
            .map_err(|error| refused(&target, &error))?;
        match is_pipe(&target) {
            true => archive::write(BufWriter::new(ui::stream()), staging.dir(), &manifest)
                .map_err(|error| refused(&target, &error)),
            false => write_beside(&target, staging.dir(), &manifest),
        }
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Failure::other("the backup could not be written"))?
}

fn refused(file: &Path, error: &ArchiveError) -> Failure {
    Failure::local_file(format!("{}: {error}", called(file)))
}

fn refuse_target(file: &Path) -> Result<(), Failure> {
    if is_pipe(file) {
        return match terminal::is_output() {
            true => Err(Failure::usage("a terminal keeps no backup")
                .cure("give a file, or a pipe: backup - | ...")),
            false => Ok(()),
        };
    }
    match file.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => demand_folder(file),
        Err(error) => Err(Failure::io(file, &error)),
        Ok(_) => Err(exists(file)),
    }
}

fn demand_folder(file: &Path) -> Result<(), Failure> {
    let folder = parent(file);
    match folder.metadata() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Failure::local_file(
            format!("there is no folder {}", folder.display()),
        )
        .cure("make it, or mount what it is on, and try again; nothing was done")),
        Err(error) => Err(Failure::io(folder, &error)),
    }
}

fn exists(file: &Path) -> Failure {
    Failure::local_file(format!("{} exists already", file.display()))
        .cure("choose a new name; a backup never replaces a file")
}

/// The file has its name when it is whole and on disk.
fn write_beside(file: &Path, parts: &Path, manifest: &Manifest) -> Result<(), Failure> {
    let (Some(name), parent) = (file.file_name(), parent(file)) else {
        return Err(Failure::usage(format!(
            "{} is no file name",
            file.display()
        )));
    };
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}", random_name()?));
    let beside = parent.join(beside);
    let io = |error| Failure::io(file, &error);
    let out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .map_err(io)?;
    let written = archive::write(BufWriter::new(&out), parts, manifest)
        .map_err(|error| refused(file, &error))
        .and_then(|()| out.sync_all().map_err(io))
        .and_then(|()| publish(&beside, file));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written?;
    File::open(parent)
        .and_then(|dir| dir.sync_all())
        .map_err(io)
}

fn parent(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Gives the file its name, if nobody else has it by now. Where a file system cannot rename
/// without replacing, a second name does the same.
fn publish(beside: &Path, file: &Path) -> Result<(), Failure> {
    let renamed = renameat_with(CWD, beside, CWD, file, RenameFlags::NOREPLACE);
    let outcome = match renamed {
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            std::fs::hard_link(beside, file).and_then(|()| std::fs::remove_file(beside))
        }
        outcome => outcome.map_err(Into::into),
    };
    outcome.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(file),
        _ => Failure::io(file, &error),
    })
}
