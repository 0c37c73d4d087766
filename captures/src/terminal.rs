//! A program in a terminal: what a person would see, and what they would type.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::blocking::{Command, open};
use rustix::termios::{LocalModes, tcgetattr};

use crate::error::{Doing, Error, Result};
use crate::process::{PATIENCE, ends_within};

/// A program that runs in a terminal of its own. Dropping it kills it.
#[derive(Debug)]
pub struct Terminal {
    keyboard: File,
    child: Child,
    screen: Arc<Screen>,
    read_to: usize,
}

#[derive(Debug, Default)]
struct Screen {
    state: Mutex<ScreenState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct ScreenState {
    text: String,
    ended: bool,
}

impl Screen {
    fn lock(&self) -> MutexGuard<'_, ScreenState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_from(&self, mut terminal: File) {
        let mut buffer = [0; 4096];
        // A terminal whose program has ended answers with EIO; either way it is over.
        while let Ok(n @ 1..) = terminal.read(&mut buffer) {
            self.lock()
                .text
                .push_str(&String::from_utf8_lossy(&buffer[..n]));
            self.changed.notify_all();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }
}

impl Terminal {
    /// Starts a program in a new terminal of 100 columns, in a folder, with no settings of the user.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(program: &Path, arguments: &[&str], folder: &Path) -> Result<Self> {
        let doing = || format!("starting {} in a terminal", program.display());
        let (pty, pts) = open().map_err(std::io::Error::other).doing(doing())?;
        pty.resize(pty_process::Size::new(30, 100))
            .map_err(std::io::Error::other)
            .doing(doing())?;
        let child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            // Not the folder: a peer refuses to share a whole home.
            .env("HOME", "/nonexistent")
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .env("LC_ALL", "C.UTF-8")
            .current_dir(folder)
            .spawn(pts)
            .map_err(std::io::Error::other)
            .doing(doing())?;
        let keyboard = File::from(std::os::fd::OwnedFd::from(pty));
        let screen = Arc::new(Screen::default());
        let reading = keyboard.try_clone().doing(doing())?;
        thread::spawn({
            let screen = Arc::clone(&screen);
            move || screen.read_from(reading)
        });
        Ok(Self {
            keyboard,
            child,
            screen,
            read_to: 0,
        })
    }

    /// Everything that was written to the screen so far.
    #[must_use]
    pub fn transcript(&self) -> String {
        self.screen.lock().text.replace("\r\n", "\n")
    }

    /// The lines as they stand on the screen: what was drawn over is gone.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let transcript = self.transcript();
        transcript
            .lines()
            .map(|line| left_standing(line).trim_end().to_owned())
            .collect()
    }

    /// Waits until a text appears after what was waited for before.
    ///
    /// # Errors
    /// If the program ends, or the time is over, before it does.
    pub fn expect(&mut self, text: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.screen.lock();
        loop {
            if let Some(at) = state.text[self.read_to..].find(text) {
                self.read_to += at + text.len();
                return Ok(());
            }
            let (expected, said) = (text.to_owned(), state.text.clone());
            if state.ended {
                let program = "the program in the terminal".to_owned();
                return Err(Error::Ended {
                    program,
                    expected,
                    said,
                });
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return Err(Error::Deadline {
                    expected,
                    secs: PATIENCE.as_secs(),
                    said,
                });
            };
            let woken = self.screen.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Types a line and presses enter.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn type_line(&mut self, line: &str) -> Result<()> {
        self.keyboard
            .write_all(format!("{line}\r").as_bytes())
            .doing("typing")
    }

    /// Waits for a question, then types the answer.
    ///
    /// # Errors
    /// As [`Self::expect`].
    pub fn answer(&mut self, question: &str, answer: &str) -> Result<()> {
        self.expect(question)?;
        self.type_line(answer)
    }

    /// Waits for a question that hides what is typed, then types the answer.
    ///
    /// # Errors
    /// As [`Self::expect`], and if what is typed would be seen.
    pub fn answer_hidden(&mut self, question: &str, answer: &str) -> Result<()> {
        self.expect(question)?;
        self.wait_until_hidden()?;
        self.type_line(answer)
    }

    /// Waits until the terminal hides what is typed: programs ask first and hide then.
    ///
    /// # Errors
    /// If it goes on to show it.
    pub fn wait_until_hidden(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.echoes()? {
            if Instant::now() > deadline {
                let said = self.transcript();
                return Err(Error::Unexpected(format!(
                    "what is typed now is shown:\n{said}"
                )));
            }
            thread::yield_now();
        }
        Ok(())
    }

    /// Presses Ctrl-C.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn press_ctrl_c(&mut self) -> Result<()> {
        self.keyboard.write_all(&[3]).doing("pressing Ctrl-C")
    }

    /// Whether the terminal shows what is typed.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn echoes(&self) -> Result<bool> {
        let modes = tcgetattr(self.keyboard.as_fd()).doing("asking the terminal")?;
        Ok(modes.local_modes.contains(LocalModes::ECHO))
    }

    /// Waits for the end of the program and returns its exit code; none if a signal ended it.
    ///
    /// # Errors
    /// If the time is over before that.
    pub fn finish(&mut self, patience: Duration) -> Result<Option<i32>> {
        if !ends_within(&self.child, patience)? {
            let expected = "the end of the program in the terminal".to_owned();
            let said = self.transcript();
            return Err(Error::Deadline {
                expected,
                secs: patience.as_secs(),
                said,
            });
        }
        Ok(self.child.wait().doing("waiting")?.code())
    }
}

/// What is left of a line after its last carriage return or erasure.
fn left_standing(line: &str) -> &str {
    let line = line.trim_end_matches('\r');
    let line = line.rsplit("\u{1b}[2K").next().unwrap_or_default();
    line.rsplit('\r').next().unwrap_or_default()
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Terminal {
        Terminal::start(Path::new("/bin/sh"), &["-c", script], Path::new("/tmp")).unwrap()
    }

    #[test]
    fn a_question_is_answered_and_the_exit_code_comes_back() {
        let mut terminal = shell("printf 'name? '; read name; echo hello $name; exit 7");
        terminal.answer("name? ", "ann").unwrap();
        terminal.expect("hello ann").unwrap();
        assert_eq!(terminal.finish(PATIENCE).unwrap(), Some(7));
        assert_eq!(terminal.lines(), ["name? ann", "hello ann"]);
    }

    #[test]
    fn hidden_input_is_told_from_shown_input() {
        let mut terminal = shell(
            "read go; printf 'secret? '; stty -echo; read s; stty echo; echo; echo got $s; cat",
        );
        assert!(terminal.echoes().unwrap());
        terminal.answer("", "go").unwrap();
        terminal.answer_hidden("secret? ", "xyzzy").unwrap();
        terminal.expect("got xyzzy").unwrap();
        assert!(terminal.echoes().unwrap());
        assert_eq!(terminal.lines(), ["go", "secret?", "got xyzzy"]);
    }

    #[test]
    fn what_was_drawn_over_is_not_on_the_screen() {
        assert_eq!(left_standing("10 %\r20 %\u{1b}[2Kdone\r"), "done");
        assert_eq!(left_standing("plain"), "plain");
    }

    #[test]
    fn ctrl_c_interrupts() {
        let mut terminal = shell("echo ready; exec sleep 100");
        terminal.expect("ready").unwrap();
        terminal.press_ctrl_c().unwrap();
        assert_eq!(terminal.finish(PATIENCE).unwrap(), None);
    }
}
