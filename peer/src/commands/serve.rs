//! `peer serve`, and the listener behind the dialogue.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common::identity::OrgRoot;
use common::name::Escaped;

use crate::auth_client::AuthClient;
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::identity_store::{self, IdentityStore};
use crate::listener::{Listener, ListenerLog, bind};
use crate::options::Common;
use crate::renewal::{self, News, Renewer};
use crate::revalidation::Revalidation;
use crate::share::Shares;
use crate::ui;

/// Seconds between two looks for a newer revocation list or certificate.
const REFRESH: Duration = Duration::from_secs(60);

/// Between two such looks when peers say that the certificate was revoked: whoever says so without
/// reason makes the auth server answer that often that nothing is newer.
const DOUBTED_REFRESH: Duration = Duration::from_secs(5);

/// Takes what is told about the device's own certificate.
pub type Tell = fn(&News);

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
    shares: Shares,
    host: Option<&str>,
    port: u16,
    log: Box<ListenerLog>,
    tell: Tell,
) -> Result<Ready, Failure> {
    let root = store.root()?;
    // Nothing is asked of anybody for somebody who has not logged in, or on a port that is taken.
    store.credentials(&root)?;
    let server = store.account()?.server;
    let (sockets, bound) = bind(host, port)?;
    let trust = Revalidation::start(store, &root, server.as_deref())?.trust();
    let credentials = renewal::ready(store, &root, server.as_deref(), trust.crl(), clock::now())?;
    let listener = Arc::new(Listener::new(trust, credentials, shares, log));
    follow(listener.clone(), store.clone(), root, server, tell);
    Ok(Ready {
        listener,
        sockets,
        place: place(host, bound),
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
pub fn run(
    store: &IdentityStore,
    common: &Common,
    shares: Shares,
    host: Option<&str>,
    port: u16,
) -> Result<(), Failure> {
    if shares.iter().next().is_none() {
        return Err(Failure::new(Exit::Usage, "nothing is shared")
            .hint("name a folder: peer serve --share docs=/srv/docs"));
    }
    let quiet = common.quiet;
    for share in shares.iter().filter(|_| !quiet) {
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
    let ready = prepare(store, shares, host, port, log, tell)?;
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

/// Looks for a newer revocation list at the server and for a newer certificate on disk (after
/// another `peer login`), and renews the certificate when that is due, now and then.
fn follow(
    listener: Arc<Listener>,
    store: IdentityStore,
    root: OrgRoot,
    server: Option<String>,
    tell: Tell,
) {
    thread::spawn(move || {
        let client = server
            .as_deref()
            .map(|server| AuthClient::new(server, &root));
        let mut renewer = server.map(|server| Renewer::new(store.clone(), root.clone(), server));
        loop {
            refresh(&listener, &store, &root, client.as_ref());
            if let Some(renewer) = &mut renewer {
                keep_certified(&listener, renewer, tell);
            }
            listener.doubt().wait(DOUBTED_REFRESH, REFRESH);
        }
    });
}

/// New handshakes present the new certificate; connections that stand are not touched.
fn keep_certified(listener: &Listener, renewer: &mut Renewer, tell: Tell) {
    let identity = listener.identity();
    let news = renewer.look(&identity.credentials, identity.trust.crl(), clock::now());
    if let Some(News::Renewed(credentials)) = &news {
        listener.set_credentials(credentials.clone());
    }
    if let Some(news) = &news {
        tell(news);
    }
}

/// A failure here is no news: a stale list or an expired certificate is told at every handshake.
fn refresh(
    listener: &Listener,
    store: &IdentityStore,
    root: &OrgRoot,
    client: Option<&AuthClient>,
) {
    let identity = listener.identity();
    let newer =
        client.map(|client| client.newer_crl(root, Some(identity.trust.crl()), clock::now()));
    if let Some(Ok(Some(list))) = newer
        && store.save_crl(&list).is_ok()
        && let Ok(trust) = identity_store::trust(root, list)
    {
        listener.set_trust(trust);
    }
    if let Ok(credentials) = store.valid_credentials(root, clock::now())
        && credentials.certificate() != identity.credentials.certificate()
    {
        listener.set_credentials(credentials);
    }
}
