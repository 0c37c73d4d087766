//! `peer serve`, and the listener behind the dialogue.

mod announcer;
mod follow;
mod refresh;
mod seldom;

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use common::crypto::Suite;
use common::limits::{MAX_ANNOUNCED_ADDRESSES, MAX_ANNOUNCED_SHARE_BYTES, MAX_ANNOUNCED_SHARES};
use common::name::Escaped;

use crate::auth_client::directory::Announcement;
use crate::clock;
use crate::events::Device;
use crate::failure::{Exit, Failure};
use crate::identity_store::IdentityStore;
use crate::listener::{Listener, ListenerLog, bind, reachable};
use crate::options::Common;
use crate::renewal::{self, News};
use crate::revalidation::Revalidation;
use crate::share::Shares;
use crate::ui;

/// Takes what is told about the device's own certificate.
pub type Tell = fn(&News);

/// What is offered, and where.
pub struct Offer<'a> {
    /// The folders.
    pub shares: Shares,
    /// Address or name to listen on; all addresses without one.
    pub host: Option<&'a str>,
    /// Port; 0 takes any free one.
    pub port: u16,
    /// Others are not told that this device is online.
    pub unlisted: bool,
}

/// A listener that is bound and may run.
pub struct Ready {
    listener: Arc<Listener>,
    sockets: Vec<TcpListener>,
    /// Where it listens, as the user is told: `localhost:1990`.
    pub place: String,
}

/// Loads the identity, binds the port, and begins to follow the revocation list.
///
/// # Errors
/// When nobody is logged in, no fresh revocation list is to be had, or the port is taken.
pub fn prepare(
    store: &IdentityStore,
    offer: Offer<'_>,
    log: Box<ListenerLog>,
    tell: Tell,
) -> Result<Ready, Failure> {
    let root = store.root()?;
    // Nothing is asked of anybody for somebody who has not logged in, or on a port that is taken.
    store.credentials(&root)?;
    let servers = store.servers(ui::alarm)?;
    let (sockets, bound) = bind(offer.host, offer.port)?;
    let trust = Revalidation::start(store, &root, servers.as_ref())?.trust();
    let credentials = renewal::ready(store, &root, servers.as_ref(), trust.crl(), clock::now())?;
    let announcement = announcement(&offer.shares, &sockets, offer.unlisted);
    let listener = Arc::new(Listener::new(trust, credentials, offer.shares, log));
    let device = servers.map(|servers| Device {
        store: store.clone(),
        root: root.clone(),
        servers,
    });
    follow::follow(
        listener.clone(),
        store.clone(),
        root,
        device,
        announcement,
        tell,
    );
    Ok(Ready {
        listener,
        sockets,
        place: place(offer.host, bound),
    })
}

impl Ready {
    /// Accepts connections in threads of their own.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub fn start(self) -> Result<(), Failure> {
        for socket in self.sockets {
            let listener = self.listener.clone();
            thread::Builder::new()
                .name("listener".into())
                .spawn(move || listener.run(&socket))
                .map_err(|error| Failure::new(Exit::Other, error.to_string()))?;
        }
        Ok(())
    }
}

/// Where people find this listener. A wildcard is shown as what it is.
fn place(host: Option<&str>, port: u16) -> String {
    match host {
        Some("127.0.0.1" | "::1" | "localhost") => format!("localhost:{port}"),
        Some(host) if host.contains(':') => format!("[{host}]:{port}"),
        Some(host) => format!("{host}:{port}"),
        None => format!("[::]:{port} (all addresses)"),
    }
}

/// Offers `shares` until a signal comes.
///
/// # Errors
/// As [`prepare`], and when nothing is shared.
pub fn run(store: &IdentityStore, common: &Common, offer: Offer<'_>) -> Result<(), Failure> {
    if offer.shares.iter().next().is_none() {
        return Err(Failure::new(Exit::Usage, "nothing is shared")
            .hint("name a folder: peer serve --share docs=/srv/docs"));
    }
    let quiet = common.quiet;
    for share in offer.shares.iter().filter(|_| !quiet) {
        let folder = share.folder().display().to_string();
        ui::note(&format!(
            "Sharing {} as {} (members may read)",
            Escaped(&folder),
            share.name()
        ));
    }
    let log: Box<ListenerLog> = if quiet {
        Box::new(|_, _| {})
    } else {
        Box::new(ui::listener_event)
    };
    let tell = if quiet { ui::warning } else { ui::news };
    let ready = prepare(store, offer, log, tell)?;
    if !quiet {
        ui::note(&listening(&ready.place));
    }
    ready.start()?;
    loop {
        thread::park();
    }
}

/// The line that says where the listener is.
pub fn listening(place: &str) -> String {
    format!("Listening for incoming connections on port {place}")
}

/// What others are told: no more than the server takes.
fn announcement(shares: &Shares, sockets: &[TcpListener], unlisted: bool) -> Announcement {
    let addresses = reachable(sockets).into_iter();
    let shares = shares
        .iter()
        .map(|share| share.name().to_owned())
        .filter(|name| name.len() <= MAX_ANNOUNCED_SHARE_BYTES);
    Announcement {
        addresses: addresses
            .map(|address| address.to_string())
            .take(MAX_ANNOUNCED_ADDRESSES)
            .collect(),
        shares: shares.take(MAX_ANNOUNCED_SHARES).collect(),
        suites: Suite::ALL
            .iter()
            .map(|suite| suite.name().to_owned())
            .collect(),
        unlisted,
    }
}
