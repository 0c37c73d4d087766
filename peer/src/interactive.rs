//! The dialogue: listener and requester in one process, on a terminal.

use std::env;
use std::path::Path;

use common::identity::Alias;
use common::name::Escaped;

use crate::address::{PeerAddress, RemoteFile};
use crate::cli::{KeyType, Listen};
use crate::commands::get::{Step, fetch_from, is_yes, received_name, wanted_in_dialogue};
use crate::commands::login::Member;
use crate::commands::passwd::NewPassword;
use crate::commands::serve::Offer;
use crate::commands::tries::Tries;
use crate::commands::{login, serve, trust};
use crate::failure::{Exit, Failure};
use crate::identity_store::IdentityStore;
use crate::key_request::KeyRequest;
use crate::options::{self, Common};
use crate::share::{Share, Shares};
use crate::signals;
use crate::transfer::{FetchEvent, FetchReport};
use crate::ui::{self, Progress, prompt};

/// What is printed when the dialogue ends.
const FAREWELL: &str = "Exiting Program!";

/// What is asked when the password was given for once.
const NEW_PASSWORD: NewPassword<'static> = NewPassword::Ask(
    "Please enter a new password: ",
    "Please enter the new password again: ",
);

/// Runs the dialogue until the input ends or a signal comes.
///
/// # Errors
/// When the device cannot be set up, the login fails, or the port is taken.
pub fn run(store: &IdentityStore, common: &Common, listen: &Listen) -> Result<(), Failure> {
    signals::set_farewell(Some(FAREWELL.into()));
    let shares = shares(store, listen)?;
    if store.root_if_any()?.is_none() {
        first_trust(store)?;
    }
    log_in(store)?;
    start_listener(store, listen, shares)?;
    loop {
        match ask(store, common) {
            Ok(()) => {}
            Err(failure) if failure == input_ended() => {
                ui::farewell(Some(FAREWELL));
                signals::do_before_end();
                return Ok(());
            }
            Err(failure) => ui::error(&failure),
        }
    }
}

fn input_ended() -> Failure {
    Failure::new(Exit::Other, "the input ended")
}

/// The first start on a device that trusts nobody yet.
fn first_trust(store: &IdentityStore) -> Result<(), Failure> {
    ui::note("This device trusts no organisation yet. Your administrator gives you both lines:");
    let url = prompt::line("Auth server: ")?;
    let fingerprint = prompt::line("Fingerprint: ")?;
    let told = trust::run(store, url.trim(), fingerprint.trim())?;
    ui::note(&told);
    Ok(())
}

fn log_in(store: &IdentityStore) -> Result<(), Failure> {
    let root = store.root()?;
    let servers = login::servers(store, &[])?;
    let mut request = None;
    let unauthorized = |_: &Failure| ui::note("Unauthorized");
    let login = Tries::Typed.until_right(unauthorized, || {
        let alias = ask_alias()?;
        let password = prompt::hidden("Please enter your password: ")?;
        let member = Member {
            root: &root,
            servers: &servers,
            alias: &alias,
        };
        let request = KeyRequest::kept(&mut request, KeyType::Rsa3072)?;
        let logged_in = login::log_in(store, &member, &password, NEW_PASSWORD, request)?;
        Ok(logged_in.then_some(()))
    });
    login.inspect_err(|failure| match failure.exit {
        Exit::LoginRefused => ui::note("Unauthorized"),
        Exit::Unreachable => ui::note("Auth Server Connection Error"),
        _ => {}
    })
}

fn ask_alias() -> Result<Alias, Failure> {
    loop {
        let typed = prompt::line("Please enter your corp alias: ")?;
        match options::alias(typed.trim()) {
            Ok(alias) => return Ok(alias),
            Err(failure) => ui::error(&failure),
        }
    }
}

/// What the dialogue shares: what was named, else the folder it was started in. A home folder, the
/// whole disk, or the folder with this device's key is never shared by accident.
fn shares(store: &IdentityStore, listen: &Listen) -> Result<Shares, Failure> {
    if !listen.shares.is_empty() {
        return options::shares(listen, store.home());
    }
    let here = env::current_dir()
        .map_err(|error| Failure::new(Exit::LocalFile, format!("the current folder: {error}")))?;
    if is_too_much(&here) || store.home().is_inside(&here) {
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "the dialogue shares the folder it is started in, and {} is too much to share",
                here.display()
            ),
        )
        .hint("start it in a folder made for sharing, or name one with --share NAME=FOLDER"));
    }
    let share = Share::open("files", &here)?;
    ui::note(&format!(
        "Sharing {} (members may read)",
        Escaped(&here.display().to_string())
    ));
    Shares::new(vec![share])
}

fn is_too_much(folder: &Path) -> bool {
    let home = directories::BaseDirs::new().map(|base| base.home_dir().to_owned());
    let holds_home = home
        .and_then(|home| home.canonicalize().ok())
        .is_some_and(|home| home.starts_with(folder));
    folder.parent().is_none() || holds_home
}

fn start_listener(store: &IdentityStore, listen: &Listen, shares: Shares) -> Result<(), Failure> {
    let mut shares = Some(shares);
    loop {
        let typed = prompt::line("Enter port to listen on: ")?;
        let Ok(port) = typed.trim().parse::<u16>() else {
            ui::error(&Failure::new(
                Exit::Usage,
                "a port is a number from 1 to 65535",
            ));
            continue;
        };
        let offered = match shares.take() {
            Some(shares) => shares,
            None => self::shares(store, listen)?,
        };
        let offer = Offer {
            shares: offered,
            host: listen.bind.as_deref(),
            port,
            unlisted: listen.unlisted,
        };
        let log = Box::new(ui::listener_event);
        match serve::prepare(store, offer, log, ui::news) {
            Ok(ready) => {
                ui::note(&serve::listening(&ready.place));
                return ready.start();
            }
            Err(failure) if failure.exit == Exit::Other => ui::error(&failure),
            Err(failure) => return Err(failure),
        }
    }
}

/// One round: whether to request a file, from whom, which.
fn ask(store: &IdentityStore, common: &Common) -> Result<(), Failure> {
    let answer = prompt::line("Do you like to request a file? t/f? ")?;
    if !is_yes(&answer) {
        return Ok(());
    }
    let Some(peer) = ask_peer()? else {
        return Ok(());
    };
    let path = prompt::line("Enter the file name: ")?;
    let file = RemoteFile::new(peer, path.trim().to_owned())?;
    let wanted = wanted_in_dialogue(common, &file)?;
    ui::note(&format!(
        "Requesting for file {} on {}",
        Escaped(&file.path),
        file.peer
    ));
    let mut view = View::default();
    let expected = file.peer.alias();
    let report = fetch_from(
        store,
        common,
        &file.peer,
        expected,
        vec![wanted],
        &mut |step| view.show(&step),
    )?;
    conclude(report, &file)
}

/// An empty line goes back.
fn ask_peer() -> Result<Option<PeerAddress>, Failure> {
    loop {
        let typed = prompt::line("Enter peer's port: ")?;
        if typed.trim().is_empty() {
            return Ok(None);
        }
        match typed.trim().parse() {
            Ok(peer) => return Ok(Some(peer)),
            Err(failure) => ui::error(&failure),
        }
    }
}

fn conclude(report: FetchReport, file: &RemoteFile) -> Result<(), Failure> {
    if let Some(failure) = report.broken.or_else(|| report.failed.into_iter().next()) {
        return Err(failure);
    }
    let shown = received_name(file)?.display().to_string();
    ui::note(&format!("File received written to: {}", Escaped(&shown)));
    Ok(())
}

/// Prints the steps of one request in the dialogue's words.
#[derive(Default)]
struct View {
    from: String,
    progress: Option<Progress>,
}

impl View {
    fn show(&mut self, step: &Step<'_>) {
        match step {
            Step::HandshakeSent => ui::note("Sent SECE"),
            Step::Verified(peer) => {
                ui::note("Received certificate");
                let certificate = peer.certificate();
                self.from = certificate.name().alias().to_string();
                ui::note(&format!("Verified {} ({})", self.from, certificate.role()));
            }
            Step::Fetch(FetchEvent::Requested { .. }) => ui::note("Sent RQFL"),
            Step::Fetch(FetchEvent::Started { path, info }) => {
                let shown = Escaped(path).to_string();
                self.progress = Some(Progress::start(&shown, info.size, true));
            }
            Step::Fetch(FetchEvent::Progress(bytes)) => {
                if let Some(progress) = &self.progress {
                    progress.add(*bytes);
                }
            }
            Step::Fetch(FetchEvent::Done(received)) => {
                self.clear();
                ui::note(&ui::received(received, &self.from));
            }
            Step::Fetch(FetchEvent::Failed(_)) => self.clear(),
        }
    }

    fn clear(&mut self) {
        if let Some(progress) = self.progress.take() {
            progress.clear();
        }
    }
}
