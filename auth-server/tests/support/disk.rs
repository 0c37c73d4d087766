//! A small disk, to be filled.

use std::path::PathBuf;
use std::process::Command;

use super::said;

/// A disk of so many MiB, gone when dropped.
pub(crate) struct SmallDisk(pub(crate) PathBuf);

impl SmallDisk {
    /// Mounts it on a folder that it makes.
    pub(crate) fn mount(at: PathBuf, mebibytes: u32) -> Self {
        std::fs::create_dir(&at).unwrap();
        let size = format!("size={mebibytes}m,mode=700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "none"])
            .arg(&at)
            .output()
            .unwrap();
        assert!(
            mounted.status.success(),
            "mounting needs root: {}",
            said(&mounted)
        );
        Self(at)
    }

    /// Bytes that are taken on it.
    pub(crate) fn used(&self) -> u64 {
        let disk = rustix::fs::statvfs(&self.0).unwrap();
        (disk.f_blocks - disk.f_bfree) * disk.f_frsize
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}
