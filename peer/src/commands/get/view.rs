//! What a person sees of a `get`.

use std::io::{self, IsTerminal};

use common::handshake::VerifiedPeer;
use common::identity::Alias;
use common::name::Escaped;

use super::Step;
use crate::transfer::FetchEvent;
use crate::ui::{self, Progress};

/// Prints what happens on standard error.
pub(super) struct View {
    quiet: bool,
    several: bool,
    /// The file itself goes to the terminal, where a bar would mix with it.
    shares_terminal: bool,
    from: Option<Alias>,
    progress: Option<Progress>,
}

impl View {
    pub(super) fn new(quiet: bool, several: bool, to_stdout: bool) -> Self {
        Self {
            quiet,
            several,
            shares_terminal: to_stdout && io::stdout().is_terminal(),
            from: None,
            progress: None,
        }
    }

    pub(super) fn show(&mut self, step: &Step<'_>) {
        match step {
            Step::HandshakeSent => {}
            Step::Verified(peer) => self.verified(peer),
            Step::Fetch(FetchEvent::Requested { .. }) => {}
            Step::Fetch(FetchEvent::Started { path, info }) => {
                self.note(&format!("{}: {}", Escaped(path), ui::size(info.size)));
                let shown = Escaped(path).to_string();
                let wanted = !self.quiet && !self.shares_terminal;
                self.progress = Some(Progress::start(&shown, info.size, wanted));
            }
            Step::Fetch(FetchEvent::Progress(bytes)) => {
                if let Some(progress) = &self.progress {
                    progress.add(*bytes);
                }
            }
            Step::Fetch(FetchEvent::Done(received)) => {
                self.clear();
                let from = self.from.as_ref().map_or("unknown", Alias::as_str);
                self.note(&ui::received(received, from));
            }
            Step::Fetch(FetchEvent::Failed(failure)) => {
                self.clear();
                // The failure of a single file is printed as the command's own.
                if self.several {
                    self.note(&format!("failed: {}", failure.message));
                }
            }
        }
    }

    fn verified(&mut self, peer: &VerifiedPeer) {
        let certificate = peer.certificate();
        let alias = certificate.name().alias();
        self.note(&format!(
            "{alias} ({}) answers, verified",
            certificate.role()
        ));
        self.from = Some(alias.clone());
    }

    fn clear(&mut self) {
        if let Some(progress) = self.progress.take() {
            progress.clear();
        }
    }

    fn note(&self, line: &str) {
        if !self.quiet {
            ui::note(line);
        }
    }
}
