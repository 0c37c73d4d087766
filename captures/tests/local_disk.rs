//! The requester's own disk: full, taken, read-only.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use captures::device::Listener;
use captures::error::{Doing as _, Error, Result};
use captures::process;
use captures::scratch::{files_below, folder};
use captures::stage::Stage;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

const LOCAL_FILE_PROBLEM: i32 = 10;

/// A file system of one mebibyte, gone when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Result<Self> {
        let target = folder()?;
        let options = c"size=1m";
        mount(
            "tmpfs",
            target.path(),
            "tmpfs",
            MountFlags::empty(),
            options,
        )
        .map_err(|error| {
            Error::Unexpected(format!(
                "mounting a tmpfs needs root (sudo ./test): {error}"
            ))
        })?;
        Ok(Self(target))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        unmount(self.path(), UnmountFlags::DETACH).ok();
    }
}

#[test]
fn a_full_disk_is_told_and_leaves_no_file() -> Result<()> {
    let mut stage = Stage::set()?;
    let disk = SmallDisk::mount()?;
    // The second is large enough to be written by a thread of its own.
    for (name, bytes) in [("small", 3 << 20), ("large", 64 << 20)] {
        stage.offer_generated(name, bytes)?;
        let target = disk.path().join(name);
        let got = stage.alice.get(&stage.source(name), &target)?;
        got.refused(LOCAL_FILE_PROBLEM, &["space", name])?;
        assert!(!target.exists());
        fs::remove_file(disk.path().join(format!("{name}.orgshare.part")))
            .doing("making room again")?;
    }
    stage.check_still_serving()
}

#[test]
fn a_destination_that_exists_is_never_overwritten_silently() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer("letter", b"new")?;
    fs::write(stage.inbox("letter"), "old").doing("writing the old letter")?;
    stage
        .get("letter")?
        .refused(LOCAL_FILE_PROBLEM, &["exists"])?;
    assert_eq!(fs::read(stage.inbox("letter")).unwrap(), b"old");
    Ok(())
}

#[test]
fn overwriting_happens_when_asked_for() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer("letter", b"new")?;
    fs::write(stage.inbox("letter"), "old").doing("writing the old letter")?;
    let mut command = stage
        .alice
        .get_command(&stage.source("letter"), &stage.inbox("letter"));
    process::run(command.args(["--overwrite", "always"]))?.success()?;
    stage.check_identical("letter")
}

#[test]
fn a_destination_folder_that_is_missing_is_told() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer("letter", b"x")?;
    let target = stage.inbox("no-such-folder").join("letter");
    let got = stage.alice.get(&stage.source("letter"), &target)?;
    got.refused(LOCAL_FILE_PROBLEM, &["no-such-folder"])?;
    stage.check_absent("no-such-folder")
}

#[test]
fn a_destination_that_is_a_folder_takes_the_file_under_its_own_name() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer("letter", b"x")?;
    let target = stage.inbox("");
    stage
        .alice
        .get(&stage.source("letter"), &target)?
        .success()?;
    stage.check_identical("letter")
}

#[test]
fn a_part_file_that_is_a_symlink_is_not_written_through() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer("letter", b"written by bob")?;
    let precious = stage.inbox("precious");
    fs::write(&precious, "precious").doing("writing")?;
    symlink(&precious, stage.inbox("letter.orgshare.part")).doing("linking")?;
    let got = stage.get("letter")?;
    assert_eq!(fs::read(&precious).unwrap(), b"precious", "{}", got.said());
    Ok(())
}

#[test]
fn nothing_but_the_file_remains_after_a_transfer() -> Result<()> {
    let stage = Stage::set()?;
    stage.offer_generated("file", 1_000_000)?;
    stage.get_identical("file")?;
    let inbox = stage.inbox("file").parent().unwrap().to_path_buf();
    assert_eq!(files_below(&inbox), [stage.inbox("file")]);
    Ok(())
}

#[test]
fn a_share_that_does_not_exist_is_refused_at_the_start() -> Result<()> {
    let stage = Stage::set()?;
    let mut command = stage.alice.serve_command("files=/no/such/folder");
    let refused = Listener::start(&mut command).map(|listener| listener.port());
    let message = refused
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    assert!(
        message.contains("ended before") && message.contains("/no/such/folder"),
        "{message}"
    );
    Ok(())
}
