//! Whether a running server has room for all who want to hear events.

use std::path::Path;

use super::Finding;
use crate::harden::OPEN_FILES;
use crate::home::Home;
use crate::locks::{Range, holder};
use crate::server::Room;

const CHECK: &str = "events";
/// Fewer streams than that are few: a device has one while it listens, and one for each file it gets.
const FEW_STREAMS: usize = 1000;

/// By the limit that the system has set for it; nothing where it does not tell, or none runs.
pub(super) fn look(home: &Home) -> Option<Finding> {
    // A server holds a lock on its root certificate.
    let server = holder(&home.root_certificate(), Range::WHOLE)?;
    let limits =
        std::fs::read_to_string(Path::new("/proc").join(server.to_string()).join("limits"));
    Some(room(open_files(&limits.ok()?)?))
}

fn room(files: usize) -> Finding {
    let streams = Room::with_files(files).streams;
    let says = format!("there is room for {streams} devices that listen at once");
    if streams >= FEW_STREAMS {
        return Finding::ok(CHECK, says);
    }
    Finding::warn(
        CHECK,
        format!(
            "{says}, since the server may have {files} files open: others hear of a revocation a \
             minute later"
        ),
        format!(
            "let it have {OPEN_FILES} (LimitNOFILE={OPEN_FILES} in its unit, or ulimit -Hn \
             {OPEN_FILES} before it is started), and start it anew"
        ),
    )
}

/// The limit in force, as proc(5) tells it: `Max open files            8192                 20000 files`.
fn open_files(limits: &str) -> Option<usize> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    let value = line.split_whitespace().next()?;
    if value == "unlimited" {
        return Some(usize::MAX);
    }
    value.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn the_limit_in_force_is_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 4096                 files\n";
        assert_eq!(open_files(limits), Some(1024));
        assert_eq!(
            open_files(&limits.replace("1024", "unlimited")),
            Some(usize::MAX)
        );
        assert_eq!(open_files(""), None);
        assert_eq!(open_files("Max open files  many"), None);
    }

    #[test]
    fn few_files_are_something_to_look_at() {
        assert_eq!(room(8192).verdict, Verdict::Ok);
        let few = room(1024);
        assert_eq!(few.verdict, Verdict::Warn);
        assert!(few.says.contains("room for 448"), "{}", few.says);
        assert!(few.cure.unwrap().contains("LimitNOFILE=8192"));
    }
}
