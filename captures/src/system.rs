//! What the system tells about programs.

use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::time::Timespec;

use crate::error::{Doing, Error, Result};

/// Waits for the end of a process; false if the time is over before that.
///
/// # Errors
/// If the system cannot wait.
pub fn ends_within(child: &Child, patience: Duration) -> Result<bool> {
    let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).doing("waiting")?;
    let timeout = Timespec::try_from(patience)
        .map_err(|_| Error::Unexpected("a patience beyond all measure".to_owned()))?;
    let ready = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&timeout)).doing("waiting")?;
    Ok(ready > 0)
}

/// A program of the system, with the Debian package to install if it is missing.
///
/// # Errors
/// The name of the package, if no folder of `PATH` (nor `/usr/sbin`) has the program.
pub fn tool(name: &str, package: &str) -> Result<Command> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    match folders
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
    {
        Some(path) => Ok(Command::new(path)),
        None => Err(Error::MissingTool {
            tool: name.to_owned(),
            package: package.to_owned(),
        }),
    }
}

/// The most memory a process has had resident, in bytes.
#[must_use]
pub fn peak_memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The name of a program and its arguments, for messages.
pub(crate) fn describe(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let short = program.rsplit('/').next().unwrap_or_default().to_owned();
    let arguments = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(short)
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A port that was free a moment ago, for a dialogue that asks for a number and prints it.
/// Everything else listens on port 0.
///
/// # Errors
/// If no port is free.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").doing("looking for a free port")?;
    Ok(listener
        .local_addr()
        .doing("looking for a free port")?
        .port())
}
