//! Who keeps others from changing the store, as far as the system tells.

use std::path::Path;

use crate::locks::{Range, holder};

/// The byte of the `-shm` file that a writer locks (SQLite, walformat, 2.3.2: `WAL_WRITE_LOCK`).
const WRITE_LOCK: Range = Range("120", "120");

/// The process that holds the write lock of the store in that file, in words.
pub(super) fn write_lock_holder(store: &str) -> Option<String> {
    let process = holder(Path::new(&format!("{store}-shm")), WRITE_LOCK)?;
    let name = std::fs::read_to_string(format!("/proc/{process}/comm"));
    Some(match name {
        Ok(name) => format!("process {process} ({})", name.trim_end()),
        Err(_) => format!("process {process}"),
    })
}
