//! A program under watch: its lines can be waited for, and it never outlives its guard.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{Doing, Error, Result};
pub use crate::finished::Finished;
use crate::system::describe;
pub use crate::system::{
    CpuTimes, allow_open_files, ends_within, free_port, own_cpu_time, peak_memory, resident_memory,
    tool,
};

/// How long a program may take for what ought to be quick.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Lines a program has said on stderr so far.
#[derive(Debug, Default)]
struct Said {
    state: Mutex<SaidState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct SaidState {
    lines: Vec<String>,
    ended: bool,
}

impl Said {
    fn lock(&self) -> MutexGuard<'_, SaidState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self) -> String {
        self.lock().lines.join("\n")
    }

    fn read_from(&self, source: impl Read) {
        let mut reader = BufReader::new(source);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(n) if n > 0) {
            let text = String::from_utf8_lossy(&line)
                .trim_end_matches(['\n', '\r'])
                .to_owned();
            self.lock().lines.push(text);
            self.changed.notify_all();
            line.clear();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }
}

/// A running program. Dropping it kills it and waits for its end.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    said: Arc<Said>,
    stderr: Option<JoinHandle<()>>,
    stdout: Option<JoinHandle<Vec<u8>>>,
}

impl Running {
    /// Starts a program with no input and with its output under watch.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        command.stdin(Stdio::null());
        Self::start_with_input(command)
    }

    /// Starts a program whose stdin the caller has arranged.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start_with_input(command: &mut Command) -> Result<Self> {
        let name = describe(command);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().doing(format!("starting {name}"))?;
        let said = Arc::new(Said::default());
        let stderr = child.stderr.take().map(|pipe| {
            let said = Arc::clone(&said);
            thread::spawn(move || said.read_from(pipe))
        });
        let stdout = child.stdout.take().map(|mut pipe| {
            thread::spawn(move || {
                let mut bytes = Vec::new();
                // A pipe that breaks has ended; what came before is what was said.
                pipe.read_to_end(&mut bytes).ok();
                bytes
            })
        });
        Ok(Self {
            name,
            child,
            said,
            stderr,
            stdout,
        })
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything said on stderr so far.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.text()
    }

    /// Waits for a line on stderr, among those said already too, and returns what was found in it.
    ///
    /// # Errors
    /// If the program ends, or the time is over, before such a line comes.
    pub fn wait_for<T>(
        &self,
        expected: &str,
        patience: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + patience;
        let mut state = self.said.lock();
        let mut seen = 0;
        loop {
            if let Some(found) = state.lines[seen..].iter().find_map(|line| find(line)) {
                return Ok(found);
            }
            seen = state.lines.len();
            let (expected, said) = (expected.to_owned(), state.lines.join("\n"));
            if state.ended {
                return Err(Error::Ended {
                    program: self.name.clone(),
                    expected,
                    said,
                });
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return Err(Error::Deadline {
                    expected,
                    secs: patience.as_secs(),
                    said,
                });
            };
            let woken = self.said.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for a line that contains a text.
    ///
    /// # Errors
    /// As [`Self::wait_for`].
    pub fn wait_for_text(&self, text: &str) -> Result<String> {
        self.wait_for(text, PATIENCE, |line| {
            line.contains(text).then(|| line.to_owned())
        })
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal)
            .doing(format!("signalling {}", self.name))
    }

    /// Whether the program still runs.
    ///
    /// # Errors
    /// If the system cannot tell.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self
            .child
            .try_wait()
            .doing(format!("looking at {}", self.name))?
            .is_none())
    }

    /// The most memory the program has had resident so far, in bytes; none once it has ended.
    #[must_use]
    pub fn peak_memory(&self) -> Option<u64> {
        peak_memory(self.id())
    }

    /// Waits for the end of the program.
    ///
    /// # Errors
    /// If the time is over before that; the program is killed then.
    pub fn finish(mut self, patience: Duration) -> Result<Finished> {
        if self.is_running()? {
            self.wait_for_exit(patience)?;
        }
        let status = self
            .child
            .wait()
            .doing(format!("waiting for {}", self.name))?;
        let stdout = self
            .stdout
            .take()
            .and_then(|reader| reader.join().ok())
            .unwrap_or_default();
        if let Some(stderr) = self.stderr.take() {
            stderr.join().ok();
        }
        Ok(Finished {
            name: self.name.clone(),
            code: status.code(),
            stdout,
            stderr: self.said.text(),
        })
    }

    fn wait_for_exit(&self, patience: Duration) -> Result<()> {
        if ends_within(&self.child, patience)? {
            return Ok(());
        }
        let expected = format!("the end of {}", self.name);
        Err(Error::Deadline {
            expected,
            secs: patience.as_secs(),
            said: self.said(),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Runs a program to its end within [`PATIENCE`].
///
/// # Errors
/// If it cannot be started or does not end in time.
pub fn run(command: &mut Command) -> Result<Finished> {
    Running::start(command)?.finish(PATIENCE)
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod tests;
