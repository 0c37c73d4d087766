//! Who holds locks on files, as far as the system tells.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The locks that files have on this machine (proc(5)).
const LOCKS: &str = "/proc/locks";

/// The part of a file that a lock is on, as that table has it.
#[derive(Debug, Clone, Copy)]
pub struct Range(pub &'static str, pub &'static str);

impl Range {
    /// All of it, as `flock` takes it.
    pub const WHOLE: Self = Self("0", "EOF");
}

/// The process that alone may change this part of a file.
pub fn holder(file: &Path, range: Range) -> Option<u32> {
    let index = std::fs::metadata(file).ok()?.ino();
    let locks = std::fs::read_to_string(LOCKS).ok()?;
    locks.lines().find_map(|line| in_line(line, index, range))
}

/// The process of a line such as `7: POSIX  ADVISORY  WRITE 4711 08:01:131090 120 120`; one that
/// waits has an arrow in it.
fn in_line(line: &str, file: u64, range: Range) -> Option<u32> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, _, _, "WRITE", process, place, from, to] = fields[..] else {
        return None;
    };
    let (_, number) = place.rsplit_once(':')?;
    let is_it = number.parse() == Ok(file) && (from, to) == (range.0, range.1);
    is_it.then(|| process.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTE: Range = Range("120", "120");

    #[test]
    fn the_holder_of_a_lock_is_read_and_nobody_else() {
        let held = "7: POSIX  ADVISORY  WRITE 4711 08:01:131090 120 120";
        assert_eq!(in_line(held, 131_090, BYTE), Some(4711));
        assert_eq!(in_line(held, 131_091, BYTE), None);
        assert_eq!(in_line(held, 131_090, Range::WHOLE), None);
        let whole = "7: FLOCK  ADVISORY  WRITE 4711 08:01:131090 0 EOF";
        assert_eq!(in_line(whole, 131_090, Range::WHOLE), Some(4711));
        for other in [
            "7: POSIX  ADVISORY  READ  4711 08:01:131090 120 120",
            "7: -> POSIX  ADVISORY  WRITE 4711 08:01:131090 120 120",
            "7: POSIX  ADVISORY  WRITE 4711 08:01:131090 123 123",
            "7: OFDLCK ADVISORY  WRITE -1 08:01:131090 120 120",
            whole,
            "",
        ] {
            assert_eq!(in_line(other, 131_090, BYTE), None, "{other}");
        }
    }
}
