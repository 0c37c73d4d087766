//! Signals: restore the terminal, say what is to be said, exit with the code of the table.

use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::ui::{self, prompt};

/// On Ctrl-C the kernel first sends the signal and then throws away what the terminal has not
/// shown yet (termios(3), NOFLSH); what is printed within that moment would be lost.
const TERMINAL_FLUSH: Duration = Duration::from_millis(20);

/// What to print when a signal ends the program.
static FAREWELL: Mutex<Option<String>> = Mutex::new(None);

/// From now on a signal prints this before it ends the program; `None` prints nothing.
pub fn set_farewell(text: Option<String>) {
    *FAREWELL.lock().unwrap_or_else(PoisonError::into_inner) = text;
}

/// What is done before the end, as far as there is time.
type Deed = Box<dyn FnOnce() + Send>;

static DEED: Mutex<Option<Deed>> = Mutex::new(None);

/// The end waits for that at most so long.
const DEED_PATIENCE: Duration = Duration::from_secs(1);

/// From now on this is done before a signal ends the program, behind the farewell. Nothing waits for it
/// longer than a second.
pub fn before_end(deed: Deed) {
    *DEED.lock().unwrap_or_else(PoisonError::into_inner) = Some(deed);
}

/// Does what is to be done before the end.
pub fn do_before_end() {
    let deed = DEED.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(deed) = deed else {
        return;
    };
    let (done, wait) = sync_channel(1);
    let doing = thread::Builder::new().spawn(move || {
        deed();
        // Nobody waits any more when it took too long.
        let _ = done.send(());
    });
    if doing.is_ok() {
        let _ = wait.recv_timeout(DEED_PATIENCE);
    }
}

/// Ends the program in order on SIGINT (exit 130), SIGTERM (143) and SIGHUP (129).
///
/// # Errors
/// When the system refuses the handlers.
pub fn install() -> io::Result<()> {
    // With a handler, a write over the file size limit fails with EFBIG instead of ending us.
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))?;
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            prompt::restore_echo_for_good();
            thread::sleep(TERMINAL_FLUSH);
            let farewell = FAREWELL.lock().unwrap_or_else(PoisonError::into_inner);
            ui::farewell(farewell.as_deref());
            do_before_end();
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}
