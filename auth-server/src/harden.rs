//! What a process that holds keys and passwords, and serves many, does first.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files open at once that are wanted of the system; the systemd unit gives as many.
pub const OPEN_FILES: u64 = 8192;

/// Forbids core dumps and debugging by other processes of the same user. Where the system refuses,
/// the program is no worse off than before.
pub fn harden() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = setrlimit(Resource::Core, none);
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

/// How many files may be open at once, after the limit was raised as far as the system allows: many
/// systems begin with 1024, which are fewer than connections and store need together.
pub fn open_files() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(u64::MAX).min(OPEN_FILES);
    if limit.current.is_some_and(|current| current < allowed) {
        let raised = Rlimit {
            current: Some(allowed),
            maximum: limit.maximum,
        };
        let _ = setrlimit(Resource::Nofile, raised);
    }
    let current = getrlimit(Resource::Nofile).current;
    current.map_or(usize::MAX, |current| {
        usize::try_from(current).unwrap_or(usize::MAX)
    })
}
