//! SIGINT and SIGTERM: at a prompt the program ends at once, with the terminal as it was; while it
//! serves it finishes the requests it has, and a second signal ends it at once.
//!
//! SIGHUP ends what somebody does on a terminal that is gone. A server without a dialogue goes on
//! and says so in the log: nothing is read again, since settings that are half old and half new
//! would be worse than those that were checked at the start.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::failure::{EXIT_HANGUP, EXIT_INTERRUPTED, EXIT_TERMINATED, Failure};
use crate::{log, terminal, ui};

/// Longer than the kernel takes to flush a terminal after Ctrl-C.
const TERMINAL_FLUSH: Duration = Duration::from_millis(20);

/// What the signals have asked for so far.
#[derive(Debug, Clone)]
pub struct Signals {
    serving: Arc<AtomicBool>,
    outlives_terminal: Arc<AtomicBool>,
    received: watch::Receiver<Option<u8>>,
    _sender: Arc<Mutex<watch::Sender<Option<u8>>>>,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the system does not let the program handle signals.
    pub fn listen() -> Result<Self, Failure> {
        let failed = |error| Failure::other(format!("signals cannot be handled: {error}"));
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
        let (sender, received) = watch::channel(None);
        let sender = Arc::new(Mutex::new(sender));
        let serving = Arc::new(AtomicBool::new(false));
        let outlives_terminal = Arc::new(AtomicBool::new(false));
        let signals = Self {
            serving: serving.clone(),
            outlives_terminal: outlives_terminal.clone(),
            received,
            _sender: sender.clone(),
        };
        tokio::spawn(async move {
            loop {
                let code = tokio::select! {
                    _ = interrupt.recv() => EXIT_INTERRUPTED,
                    _ = terminate.recv() => EXIT_TERMINATED,
                    _ = hangup.recv() => EXIT_HANGUP,
                };
                if code == EXIT_HANGUP && outlives_terminal.load(Ordering::SeqCst) {
                    tracing::info!("SIGHUP changes nothing; settings are read at the start");
                    continue;
                }
                let first = sender
                    .lock()
                    .is_ok_and(|sender| sender.send_replace(Some(code)).is_none());
                if !(first && serving.load(Ordering::SeqCst)) {
                    end(code);
                }
            }
        });
        Ok(signals)
    }

    /// From now on the first signal asks the server to finish; the end of a terminal does so
    /// only if there is a dialogue on it.
    pub fn begin_serving(&self, in_dialogue: bool) {
        self.outlives_terminal.store(!in_dialogue, Ordering::SeqCst);
        self.serving.store(true, Ordering::SeqCst);
    }

    /// Waits for a signal; returns the exit code that it means.
    pub async fn wait(&self) -> u8 {
        let mut received = self.received.clone();
        match received.wait_for(Option::is_some).await {
            Ok(code) => code.unwrap_or(EXIT_INTERRUPTED),
            Err(_) => EXIT_INTERRUPTED,
        }
    }
}

fn end(code: u8) -> ! {
    terminal::restore_for_good();
    // On Ctrl-C the kernel first sends the signal and then throws away what the terminal has not
    // shown yet (termios(3), NOFLSH); what is printed within that moment would be lost.
    std::thread::sleep(TERMINAL_FLUSH);
    log::flush();
    if code == EXIT_INTERRUPTED {
        ui::goodbye();
    }
    std::process::exit(code.into())
}
