//! Who keeps others from changing the store, as far as the system tells.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The locks that files have on this machine (proc(5)).
const LOCKS: &str = "/proc/locks";
/// The byte of the `-shm` file that a writer locks (SQLite, walformat, 2.3.2: `WAL_WRITE_LOCK`).
const WRITE_LOCK_BYTE: &str = "120";

/// The process that holds the write lock of the store in that file, in words.
pub(super) fn write_lock_holder(store: &str) -> Option<String> {
    let index = std::fs::metadata(Path::new(&format!("{store}-shm"))).ok()?;
    let locks = std::fs::read_to_string(LOCKS).ok()?;
    let process = locks.lines().find_map(|line| holder(line, index.ino()))?;
    let name = std::fs::read_to_string(format!("/proc/{process}/comm"));
    Some(match name {
        Ok(name) => format!("process {process} ({})", name.trim_end()),
        Err(_) => format!("process {process}"),
    })
}

/// The process of a line such as `7: POSIX  ADVISORY  WRITE 4711 08:01:131090 120 120`; one that
/// waits has an arrow in it.
fn holder(line: &str, file: u64) -> Option<u32> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [
        _,
        _,
        _,
        "WRITE",
        process,
        place,
        WRITE_LOCK_BYTE,
        WRITE_LOCK_BYTE,
    ] = fields[..]
    else {
        return None;
    };
    let (_, number) = place.rsplit_once(':')?;
    (number.parse() == Ok(file)).then(|| process.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_the_write_lock_is_read_and_nobody_else() {
        let held = "7: POSIX  ADVISORY  WRITE 4711 08:01:131090 120 120";
        assert_eq!(holder(held, 131_090), Some(4711));
        assert_eq!(holder(held, 131_091), None);
        for other in [
            "7: POSIX  ADVISORY  READ  4711 08:01:131090 120 120",
            "7: -> POSIX  ADVISORY  WRITE 4711 08:01:131090 120 120",
            "7: POSIX  ADVISORY  WRITE 4711 08:01:131090 123 123",
            "7: OFDLCK ADVISORY  WRITE -1 08:01:131090 120 120",
            "7: FLOCK  ADVISORY  WRITE 4711 08:01:131090 0 EOF",
            "",
        ] {
            assert_eq!(holder(other, 131_090), None, "{other}");
        }
    }
}
