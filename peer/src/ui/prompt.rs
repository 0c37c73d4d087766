//! Questions on the terminal; what is typed in secret is not echoed, and wiped after use.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::failure::{Exit, Failure};

/// Bytes of a typed line: more than the longest password.
const MAX_LINE_BYTES: usize = 4096;

/// The terminal's settings while echo is off, for whoever must put them back.
static ECHO_OFF: Mutex<Option<Termios>> = Mutex::new(None);

fn echo_off() -> MutexGuard<'static, Option<Termios>> {
    ECHO_OFF.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put_back(saved: &mut Option<Termios>) {
    if let Some(settings) = saved.take() {
        // Nothing more can be done for a terminal that is gone.
        let _ = tcsetattr(io::stdin().as_fd(), OptionalActions::Now, &settings);
    }
}

/// Puts the terminal's echo back if a hidden prompt is open, as the last thing before the end: from
/// now on no prompt can switch it off again.
pub fn restore_echo_for_good() {
    let mut saved = echo_off();
    put_back(&mut saved);
    // Never unlocked, so that a prompt that is just about to open waits for the end.
    std::mem::forget(saved);
}

/// Asks for a line.
///
/// # Errors
/// When the input has ended or is not text.
pub fn line(question: &str) -> Result<String, Failure> {
    show(question);
    read_line().map(|line| line.to_string())
}

/// Asks for a line that is not echoed.
///
/// # Errors
/// When there is no terminal to hide it on, or the input has ended.
pub fn hidden(question: &str) -> Result<Zeroizing<String>, Failure> {
    let no_terminal = || {
        Failure::new(Exit::Usage, "there is no terminal to type a password on")
            .hint("use --password-file FILE, or --password-file - for standard input")
    };
    if !io::stdin().is_terminal() {
        return Err(no_terminal());
    }
    silence().map_err(|_| no_terminal())?;
    show(question);
    let typed = read_line();
    put_back(&mut echo_off());
    typed
}

/// Asks for a new secret until it fits and is typed twice the same. What does not fit is said at once.
///
/// # Errors
/// As [`hidden`].
pub fn twice(
    first: &str,
    again: &str,
    fits: impl Fn(&str) -> Result<(), Failure>,
) -> Result<Zeroizing<String>, Failure> {
    loop {
        let typed = hidden(first)?;
        if let Err(failure) = fits(&typed) {
            super::error(&failure);
        } else if *typed == *hidden(again)? {
            return Ok(typed);
        } else {
            super::note("The two do not match.");
        }
    }
}

/// Switches echo off; the line end still shows.
fn silence() -> rustix::io::Result<()> {
    // Held until echo is off: a signal comes before that or after it, never between.
    let mut saved = echo_off();
    let settings = tcgetattr(io::stdin())?;
    let mut silent = settings.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    silent.local_modes.insert(LocalModes::ECHONL);
    *saved = Some(settings);
    tcsetattr(io::stdin(), OptionalActions::Now, &silent)
}

/// The question that waits for an answer, so that it can be asked again after other output.
static WAITING: Mutex<Option<Question>> = Mutex::new(None);

struct Question {
    text: String,
    /// Whether the cursor stands behind it, so that other output needs a new line first.
    is_last: bool,
}

fn show(question: &str) {
    *waiting() = Some(Question {
        text: question.to_owned(),
        is_last: true,
    });
    print(question);
}

fn waiting() -> MutexGuard<'static, Option<Question>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn print(text: &str) {
    let mut out = io::stderr();
    // A terminal that takes no question gives no answer either; that error is told then.
    let _ = write!(out, "{text}").and_then(|()| out.flush());
}

/// Prints lines from another thread on lines of their own. When they are the last of what they tell
/// about, the question that waits is asked again after them.
pub fn interject(lines: &str, are_last: bool) {
    let mut text = String::new();
    // Not held while printing: a terminal that takes nothing would stop the dialogue too.
    if let Some(question) = waiting().as_mut() {
        if question.is_last {
            text.push('\n');
        }
        question.is_last = are_last;
        text.push_str(lines);
        text.push('\n');
        if are_last {
            text.push_str(&question.text);
        }
    } else {
        text.push_str(lines);
        text.push('\n');
    }
    print(&text);
}

/// Reads a line; the question before it is answered then.
pub(super) fn read_line() -> Result<Zeroizing<String>, Failure> {
    let line = first_line(io::stdin());
    *waiting() = None;
    line
}

/// Reads a line byte by byte, so that nothing of it stays in a buffer and nothing behind it is taken.
///
/// # Errors
/// When there is none, or it is too long or no text.
pub(super) fn first_line(from: impl AsFd) -> Result<Zeroizing<String>, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_LINE_BYTES));
    loop {
        let mut byte = Zeroizing::new([0]);
        match rustix::io::read(&from, &mut *byte) {
            Ok(0) if bytes.is_empty() => return Err(Failure::new(Exit::Other, "the input ended")),
            Ok(0) => break,
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) if bytes.len() == MAX_LINE_BYTES => {
                return Err(Failure::new(Exit::Usage, "the line is too long"));
            }
            Ok(_) => bytes.push(byte[0]),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Failure::new(Exit::Other, error.to_string())),
        }
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure::new(Exit::Usage, "the input is not text in UTF-8"))?;
    Ok(Zeroizing::new(text.trim_end_matches('\r').to_owned()))
}
