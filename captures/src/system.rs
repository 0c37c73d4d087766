//! What the system tells about programs.

use std::collections::HashMap;
use std::net::TcpListener;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, getrlimit, pidfd_open, setrlimit};
use rustix::time::{ClockId, Timespec, clock_gettime};

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
    memory(pid, "VmHWM:")
}

/// The memory that a process has resident now, in bytes.
#[must_use]
pub fn resident_memory(pid: u32) -> Option<u64> {
    memory(pid, "VmRSS:")
}

fn memory(pid: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// The processor time that each thread of a process has used so far, exactly.
#[derive(Debug)]
pub struct CpuTimes(HashMap<String, Duration>);

impl CpuTimes {
    /// That of the process until now; nothing if it has ended.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        // A thread may end meanwhile.
        let times = tasks.flatten().filter_map(|task| {
            let stat = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            let nanos = stat.split_whitespace().next()?.parse().ok()?;
            let name = task.file_name().into_string().ok()?;
            Some((name, Duration::from_nanos(nanos)))
        });
        Some(Self(times.collect()))
    }

    /// What the threads that are there now have used since then.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Duration {
        self.0
            .iter()
            .map(|(task, now)| now.saturating_sub(earlier.0.get(task).copied().unwrap_or_default()))
            .sum()
    }
}

/// The processor time that this process has used in all its threads, exactly.
#[must_use]
pub fn own_cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = Duration::from_secs(u64::try_from(now.tv_sec).unwrap_or_default());
    seconds + Duration::from_nanos(u64::try_from(now.tv_nsec).unwrap_or_default())
}

/// Lets this process, and those that it starts, have so many files open, where the system allows it.
///
/// # Errors
/// If it does not.
pub fn allow_open_files(files: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= files) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(files),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).doing(format!("opening {files} files at once"))
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

/// A port for a program that must be told a number, or for nobody to listen on. Everything else
/// listens on port 0.
///
/// The system gives ports from 32768 up to whoever asks for any (RFC 6056, section 2.1, has 49152;
/// Linux begins lower), so that a number from there could be taken by a connection before it is
/// used. These are below, and each is given out once.
///
/// # Errors
/// If no port is free.
pub fn free_port() -> Result<u16> {
    const FIRST: u16 = 20_000;
    const COUNT: u32 = 12_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Test programs that run at once start at different places.
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let number = start.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = FIRST + u16::try_from(number).unwrap_or_default();
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return Ok(port);
        }
    }
    Err(Error::Unexpected("no port is free".to_owned()))
}
