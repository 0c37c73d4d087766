//! `peer get PEER:PATH... [DEST]`

mod currency;
mod dial;
mod find;
mod place;
mod view;
mod watch;

use common::crypto::Suite;
use common::handshake::{RequesterConfig, VerifiedPeer};
use common::identity::Alias;
use common::name::Escaped;

pub use self::place::{is_yes, received_name, wanted_in_dialogue};

use self::dial::{dial, unanswered};
use self::find::find;
use self::place::wanted;
use self::view::View;
use self::watch::{Watch, Watched};
use crate::address::PeerAddress;
use crate::events::Device;
use crate::failure::{Exit, Failure};
use crate::identity_store::IdentityStore;
use crate::options::{Common, Get, Place};
use crate::revalidation::Revalidation;
use crate::signals;
use crate::transfer::{FetchEvent, FetchReport, Target, Wanted, fetch};
use crate::ui;

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
    signals::set_farewell(Some(farewell(&wanted)));
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

/// What an interrupted person is told.
fn farewell(wanted: &[Wanted]) -> String {
    match wanted {
        [only] => match &only.target {
            Target::File(destination, _) => format!(
                "interrupted; what arrived stays as {}; run the same command again",
                Escaped(&destination.part_path().display().to_string())
            ),
            Target::Stdout => "interrupted; what was written is not to be trusted".into(),
        },
        _ => "interrupted; what arrived of a file stays as NAME.orgshare.part; run the same command again"
            .into(),
    }
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
    let servers = store.servers(ui::alarm)?;
    let mut revalidation = Revalidation::start(store, &root, servers.as_ref())?;
    let mut config = RequesterConfig {
        credentials: revalidation.own(servers.as_ref())?,
        trust: revalidation.trust(),
        expected: expected.cloned(),
        suites: Suite::ALL.to_vec(),
    };
    let device = servers.map(|servers| Device {
        store: store.clone(),
        root: root.clone(),
        servers,
    });
    let name = peer.to_string();
    // Server and peer may know of a change of role that this device has not heard of.
    let found = match find(peer, device.as_ref()) {
        Err(failure) if failure.exit == Exit::NotTrusted && revalidation.learn() => {
            renew(&mut config, &revalidation, device.as_ref())?;
            find(peer, device.as_ref())
        }
        found => found,
    }?;
    let connected = match dial(&found, &config, common.timeout, on) {
        Err(error) if error.is_revoked() && revalidation.learn() => {
            renew(&mut config, &revalidation, device.as_ref())?;
            dial(&found, &config, common.timeout, on)
        }
        connected => connected,
    };
    let (mut stream, mut session) = connected.map_err(|error| unanswered(&name, &found, error))?;
    let own = config.credentials.certificate();
    let provider = session.peer().certificate();
    let watched = Watched::new(own, provider, stream.cutter().ok());
    let mut watch = Watch::start(store, &root, device, revalidation, watched);
    let report = fetch(
        &mut stream,
        &mut session,
        &name,
        wanted,
        common.umask,
        &mut watch,
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

/// What a newer list demands of this device, before it tries again.
fn renew(
    config: &mut RequesterConfig,
    revalidation: &Revalidation,
    device: Option<&Device>,
) -> Result<(), Failure> {
    config.credentials = revalidation.own(device.map(|device| &device.servers))?;
    config.trust = revalidation.trust();
    Ok(())
}
