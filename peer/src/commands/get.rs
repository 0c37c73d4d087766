//! `peer get PEER:PATH... [DEST]`

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::crypto::Suite;
use common::handshake::{Credentials, HandshakeError, Refusal, RequesterConfig, VerifiedPeer};
use common::identity::{Alias, OrgRoot};
use common::name::{Escaped, RemotePath};
use common::session::RequesterSession;
use common::wire::NotReadyCode;

use crate::address::{PeerAddress, RemoteFile};
use crate::cli::OverwritePolicy;
use crate::clock;
use crate::connection::{
    ConnectError, ConnectEvent, FrameStream, ReceiveError, dial, request_handshake,
};
use crate::failure::{Exit, Failure, from_handshake};
use crate::identity_store::IdentityStore;
use crate::options::{Common, Get, Place};
use crate::renewal;
use crate::revalidation::Revalidation;
use crate::transfer::{
    Destination, FetchEvent, FetchReport, Overwrite, Target, Wanted, exists, fetch,
};
use crate::ui::{self, Progress, prompt};

/// Tries at a listener that is busy, with doubling pauses.
const BUSY_TRIES: u32 = 6;

/// The first of those pauses.
const BUSY_PAUSE: Duration = Duration::from_millis(100);

/// What the caller wants to know while files are fetched.
pub enum Step<'a> {
    /// The handshake began.
    HandshakeSent,
    /// The other side is verified.
    Verified(&'a VerifiedPeer),
    /// Something about the files.
    Fetch(FetchEvent<'a>),
}

/// Fetches what `get` names and prints it as it goes.
///
/// # Errors
/// When a file was not received whole and verified; several failures become one.
pub fn run(store: &IdentityStore, common: &Common, get: &Get) -> Result<(), Failure> {
    let wanted = wanted(common, get)?;
    let count = wanted.len();
    let mut view = View::new(common.quiet, count > 1, get.place == Place::Stdout);
    let report = fetch_from(
        store,
        common,
        &get.peer,
        get.expect.as_ref(),
        wanted,
        &mut |step| view.show(&step),
    )?;
    conclude(report, count)
}

/// Turns what became of each file into one result.
fn conclude(report: FetchReport, count: usize) -> Result<(), Failure> {
    let FetchReport {
        received,
        mut failed,
        broken,
    } = report;
    failed.extend(broken);
    match (failed.pop(), count) {
        (None, _) => Ok(()),
        (Some(only), 1) => Err(only),
        (Some(last), _) => Err(Failure::new(
            Exit::Partial,
            format!("{} of {count} files were received; {last}", received.len()),
        )),
    }
}

fn wanted(common: &Common, get: &Get) -> Result<Vec<Wanted>, Failure> {
    get.paths
        .iter()
        .map(|file| {
            let target = match &get.place {
                Place::Stdout => Target::Stdout,
                Place::File(path) => target(common, path, get.overwrite)?,
                Place::Folder(folder) => {
                    target(common, &folder.join(local_name(file)?), get.overwrite)?
                }
            };
            let path = file.path.clone();
            Ok(Wanted { path, target })
        })
        .collect()
}

/// The receiver chooses the name, from what its own user typed.
fn local_name(file: &RemoteFile) -> Result<&str, Failure> {
    let name = file.file_name();
    match name.parse::<RemotePath>() {
        Ok(_) => Ok(name),
        Err(error) => Err(Failure::new(
            Exit::Usage,
            format!("{} cannot be a file name here: {error}", Escaped(name)),
        )
        .hint("name a destination")),
    }
}

/// Decides about a taken name before anything is asked for.
fn target(common: &Common, path: &Path, policy: OverwritePolicy) -> Result<Target, Failure> {
    let destination = Destination::new(path)?;
    if path.is_dir() {
        return Err(Failure::new(
            Exit::LocalFile,
            format!("{} is a folder", path.display()),
        ));
    }
    let overwrite = match policy {
        OverwritePolicy::Always => Overwrite::Replace,
        OverwritePolicy::Rename => Overwrite::Rename,
        OverwritePolicy::Never | OverwritePolicy::Ask if !destination.exists() => Overwrite::Never,
        OverwritePolicy::Ask if common.may_ask => confirm(&destination.path())?,
        OverwritePolicy::Never | OverwritePolicy::Ask => return Err(exists(path)),
    };
    Ok(Target::File(destination, overwrite))
}

fn confirm(path: &Path) -> Result<Overwrite, Failure> {
    let shown = path.display().to_string();
    let answer = prompt::line(&format!("{} exists; replace it? t/f? ", Escaped(&shown)))?;
    if is_yes(&answer) {
        Ok(Overwrite::Replace)
    } else {
        Err(exists(path))
    }
}

/// Whether an answer means yes: the dialogue's `t`, or `y`.
pub fn is_yes(answer: &str) -> bool {
    matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "t" | "true" | "y" | "yes"
    )
}

/// Connects to `peer`, verifies it, and fetches files over one session.
///
/// # Errors
/// When no session came to be; what happens to the files is in the report.
pub fn fetch_from(
    store: &IdentityStore,
    common: &Common,
    peer: &PeerAddress,
    expected: Option<&Alias>,
    wanted: Vec<Wanted>,
    on: &mut dyn FnMut(Step<'_>),
) -> Result<FetchReport, Failure> {
    let root = store.root()?;
    let server = store.account()?.server;
    let mut revalidation = Revalidation::start(store, &root, server.as_deref())?;
    let mut config = RequesterConfig {
        credentials: own(store, &root, server.as_deref(), &revalidation)?,
        trust: revalidation.trust(),
        expected: expected.cloned(),
        suites: Suite::ALL.to_vec(),
    };
    let name = peer.to_string();
    let connected = match connect(peer, &config, common.timeout, on) {
        // The other side may know of a change of role that this device has not heard of.
        Err(error) if is_revoked(&error) && revalidation.learn() => {
            config.credentials = own(store, &root, server.as_deref(), &revalidation)?;
            config.trust = revalidation.trust();
            connect(peer, &config, common.timeout, on)
        }
        connected => connected,
    };
    let (mut stream, mut session) = connected.map_err(|error| explain(&name, error))?;
    let report = fetch(
        &mut stream,
        &mut session,
        &name,
        wanted,
        common.umask,
        &mut |peer| revalidation.clear(peer),
        &mut |event| on(Step::Fetch(event)),
    );
    if report.broken.is_none()
        && let Ok(goodbye) = session.goodbye()
    {
        // The files are in their places; a listener that is gone already loses nothing.
        let _ = stream.send(&goodbye);
        stream.close();
    }
    Ok(report)
}

/// What this device presents, renewed first if that is due.
fn own(
    store: &IdentityStore,
    root: &OrgRoot,
    server: Option<&str>,
    revalidation: &Revalidation,
) -> Result<Arc<Credentials>, Failure> {
    let trust = revalidation.trust();
    renewal::ready(store, root, server, trust.crl(), clock::now())
}

fn connect(
    peer: &PeerAddress,
    config: &RequesterConfig,
    timeout: Duration,
    on: &mut dyn FnMut(Step<'_>),
) -> Result<(FrameStream, RequesterSession), ConnectError> {
    let mut pause = BUSY_PAUSE;
    for _ in 1..BUSY_TRIES {
        match connect_once(peer, config, timeout, on) {
            Err(error) if is_busy(&error) => {
                thread::sleep(pause);
                pause *= 2;
            }
            connected => return connected,
        }
    }
    connect_once(peer, config, timeout, on)
}

fn is_revoked(error: &ConnectError) -> bool {
    matches!(
        error,
        ConnectError::Handshake(HandshakeError::Refused(Refusal::Revoked))
    )
}

/// A busy listener says so; under a flood its system may reset the connection before that arrives.
fn is_busy(error: &ConnectError) -> bool {
    match error {
        ConnectError::Handshake(HandshakeError::Refused(Refusal::NotReady(code))) => {
            *code == NotReadyCode::Busy
        }
        ConnectError::Receive(ReceiveError::Io(error)) => {
            error.kind() == io::ErrorKind::ConnectionReset
        }
        _ => false,
    }
}

fn connect_once(
    peer: &PeerAddress,
    config: &RequesterConfig,
    timeout: Duration,
    on: &mut dyn FnMut(Step<'_>),
) -> Result<(FrameStream, RequesterSession), ConnectError> {
    let addresses = peer.resolve().map_err(ConnectError::Dial)?;
    let mut stream = dial(&addresses, timeout)?;
    let (established, _grant) = request_handshake(&mut stream, config.clone(), |event| {
        on(match event {
            ConnectEvent::HandshakeSent => Step::HandshakeSent,
            ConnectEvent::ListenerVerified(peer) => Step::Verified(peer),
        });
    })?;
    stream
        .set_established(timeout, timeout)
        .map_err(|error| ConnectError::Receive(ReceiveError::Io(error)))?;
    Ok((stream, RequesterSession::new(established)))
}

fn explain(peer: &str, error: ConnectError) -> Failure {
    match error {
        ConnectError::Handshake(error) => from_handshake(peer, &error),
        ConnectError::Dial(error) => Failure::connection(peer, &error)
            .hint("check the address, and that peer serve runs there"),
        ConnectError::Receive(ReceiveError::NotAFrame { start, .. }) => Failure::new(
            Exit::Unreachable,
            format!("{peer} is no orgshare listener{}", looks_like(&start)),
        )
        .hint("check the port"),
        ConnectError::Receive(ReceiveError::Io(error)) => {
            Failure::connection(peer, &error).hint("check that an orgshare listener runs there")
        }
        ConnectError::Receive(other) => Failure::new(Exit::Unreachable, format!("{peer}: {other}"))
            .hint("check that an orgshare listener runs there"),
    }
}

/// What another protocol's first bytes give away.
fn looks_like(start: &[u8]) -> &'static str {
    match start {
        [b'H', b'T', b'T', b'P', ..] => "; it speaks HTTP",
        [b'S', b'S', b'H', b'-', ..] => "; it speaks SSH",
        [0x15 | 0x16, 3, ..] => "; it speaks TLS",
        _ => "",
    }
}

/// Prints what happens on standard error.
struct View {
    quiet: bool,
    several: bool,
    /// The file itself goes to the terminal, where a bar would mix with it.
    shares_terminal: bool,
    from: Option<Alias>,
    progress: Option<Progress>,
}

impl View {
    fn new(quiet: bool, several: bool, to_stdout: bool) -> Self {
        Self {
            quiet,
            several,
            shares_terminal: to_stdout && io::stdout().is_terminal(),
            from: None,
            progress: None,
        }
    }

    fn show(&mut self, step: &Step<'_>) {
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

/// Where the dialogue writes a file: `received_<name>` in the current folder.
///
/// # Errors
/// When the name cannot be a file name here.
pub fn received_name(file: &RemoteFile) -> Result<PathBuf, Failure> {
    local_name(file).map(|name| PathBuf::from(format!("received_{name}")))
}

/// The only wanted file of the dialogue.
///
/// # Errors
/// When its name is taken and is not to be replaced.
pub fn wanted_in_dialogue(common: &Common, file: &RemoteFile) -> Result<Wanted, Failure> {
    let target = target(common, &received_name(file)?, OverwritePolicy::Ask)?;
    Ok(Wanted {
        path: file.path.clone(),
        target,
    })
}
