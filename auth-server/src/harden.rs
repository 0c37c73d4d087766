//! What a process that holds keys and passwords does first.

use rustix::process::{Resource, Rlimit, setrlimit};

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
