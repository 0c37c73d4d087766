//! The terminal: questions, and answers that are not shown while they are typed.
//!
//! **Invariant:** whatever ends the program, [`restore`] has run before: echo never stays off.

use std::io::{IsTerminal, Read, stdin};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::ui;

/// The terminal's settings from before echo was switched off, while it is off.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Bytes of one answer.
const MAX_ANSWER_BYTES: usize = 4096;

/// Whether a person sits there: input and messages both go to a terminal.
pub fn is_interactive() -> bool {
    stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Whether what is read comes from a terminal.
pub fn is_input() -> bool {
    stdin().is_terminal()
}

/// Whether results go to a terminal.
pub fn is_output() -> bool {
    std::io::stdout().is_terminal()
}

/// Switches echo on again, if it was switched off.
pub fn restore() {
    put_back(&mut before());
}

/// The same, as the last thing before the end: from now on no prompt can switch echo off again.
pub fn restore_for_good() {
    let mut before = before();
    put_back(&mut before);
    // Never unlocked, so that a prompt that is just about to open waits for the end.
    std::mem::forget(before);
}

fn before() -> MutexGuard<'static, Option<Termios>> {
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put_back(before: &mut Option<Termios>) {
    if let Some(before) = before.take() {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &before);
    }
}

struct Hidden;

impl Hidden {
    fn new() -> Result<Self, Failure> {
        let unusable = |error| Failure::other(format!("the terminal cannot hide input: {error}"));
        // Held until echo is off: a signal comes before that or after it, never between.
        let mut slot = before();
        let shown = tcgetattr(stdin()).map_err(unusable)?;
        let mut hidden = shown.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        // The line end still shows, so that the next prompt stands on its own line.
        hidden.local_modes.insert(LocalModes::ECHONL);
        *slot = Some(shown);
        tcsetattr(stdin(), OptionalActions::Now, &hidden).map_err(unusable)?;
        Ok(Self)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        restore();
    }
}

/// Reads a line from standard input, byte by byte: nothing of the next line is taken or kept.
fn read_line() -> Result<Zeroizing<String>, Failure> {
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_ANSWER_BYTES));
    let mut byte = Zeroizing::new([0]);
    loop {
        match stdin().lock().read(&mut byte[..]) {
            Ok(0) if line.is_empty() => return Err(Failure::other("the input has ended")),
            Ok(0) => break,
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) if line.len() >= MAX_ANSWER_BYTES => {
                return Err(Failure::other("the answer is too long"));
            }
            Ok(_) => line.push(byte[0]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Failure::other(format!("the input fails: {error}"))),
        }
    }
    match std::str::from_utf8(&line) {
        Ok(text) => Ok(Zeroizing::new(text.trim_end_matches('\r').to_owned())),
        Err(_) => Err(Failure::other("the answer is not UTF-8 text")),
    }
}

/// Asks, and reads a line that shows while it is typed.
///
/// # Errors
/// When the input ends.
pub async fn ask(prompt: &'static str) -> Result<String, Failure> {
    on_a_thread(move || {
        ui::prompt(prompt);
        Ok(read_line()?.trim().to_owned())
    })
    .await
}

/// Asks, and reads a line that does not show while it is typed.
///
/// # Errors
/// When the input ends or the terminal cannot hide it.
pub async fn ask_hidden(prompt: &'static str) -> Result<SecretString, Failure> {
    on_a_thread(move || {
        let _hidden = Hidden::new()?;
        ui::prompt(prompt);
        Ok(SecretString::from(read_line()?.as_str()))
    })
    .await
}

/// Waiting for a person must not hold up signals.
async fn on_a_thread<T: Send + 'static>(
    question: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(question)
        .await
        .map_err(|_| Failure::other("the question could not be asked"))?
}
