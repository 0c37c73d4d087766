//! What a listener hears while it runs, and what it does about it.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::identity::OrgRoot;

use super::Tell;
use super::announcer::Announcer;
use super::refresh::Refresh;
use crate::auth_client::directory::Announcement;
use crate::clock;
use crate::events::{self, CatchUp, Device, Event, Notice, Subscription};
use crate::identity_store::IdentityStore;
use crate::listener::Listener;
use crate::renewal::schedule::Need;
use crate::renewal::{self, News, Renewer};

/// Seconds between two looks for a newer revocation list or certificate.
const REFRESH: Duration = Duration::from_secs(60);

/// Between two such looks when peers say that the certificate was revoked: whoever says so without
/// reason makes the auth server answer that often that nothing is newer.
const DOUBTED_REFRESH: Duration = Duration::from_secs(5);

/// Follows the server: hears at once of a newer revocation list, and looks for one now and then; looks
/// for a newer certificate on disk (after another `peer login`), renews the certificate when that is
/// due, and goes back to a server that is back.
pub(super) fn follow(
    listener: Arc<Listener>,
    store: IdentityStore,
    root: OrgRoot,
    device: Option<Device>,
    announcement: Announcement,
    tell: Tell,
) {
    let servers = device.as_ref().map(|device| &device.servers);
    let refresh = Refresh::new(listener.clone(), store.clone(), root.clone(), servers, tell);
    let refresh = Arc::new(refresh);
    let subscription = device.clone().and_then(|device| {
        hear(
            listener.clone(),
            refresh.clone(),
            device,
            announcement,
            tell,
        )
    });
    thread::spawn(move || {
        // Both end with the process.
        let _subscription = subscription;
        let mut renewer = device.map(|device| Renewer::new(store, root, device.servers));
        let mut looked_back = Instant::now();
        loop {
            refresh.look();
            if let Some(renewer) = &mut renewer {
                keep_certified(&listener, renewer, tell);
            }
            // Whoever gives hints makes nobody look back more often.
            if looked_back.elapsed() >= REFRESH {
                refresh.look_back();
                looked_back = Instant::now();
            }
            // A list that was told of is looked for until it is held.
            if refresh.is_behind() {
                listener.doubt().raise();
            }
            listener.doubt().wait(DOUBTED_REFRESH, REFRESH);
        }
    });
}

/// Acts upon what the server tells. Without a thread for it the listener looks now and then.
fn hear(
    listener: Arc<Listener>,
    refresh: Arc<Refresh>,
    device: Device,
    announcement: Announcement,
    tell: Tell,
) -> Option<Subscription> {
    let announcer = Announcer::start(device.clone(), announcement, tell).ok();
    let mut catch_up = CatchUp::default();
    let sender = listener.clone();
    let is_urgent = move || sender.is_sending();
    let heard = move |notice| {
        let Notice::Event(event) = notice else {
            // Who was revoked before he followed is told nothing: that is a reason to look.
            listener.doubt().raise();
            return;
        };
        if let Some(number) = event.crl_number() {
            refresh.tell_of(number);
            let look = || {
                refresh.look();
                look_at_own(&listener);
            };
            if !catch_up.reach(number, || refresh.held(), look) {
                listener.doubt().raise();
            }
        }
        // The server forgets who is online with the stream that begins anew here.
        if let (Event::Hello { .. }, Some(announcer)) = (&event, &announcer) {
            announcer.announce();
        }
    };
    events::follow(device, Duration::ZERO, is_urgent, heard).ok()
}

/// A change of role is no reason to wait for the next look.
fn look_at_own(listener: &Listener) {
    let identity = listener.identity();
    let own = identity.credentials.certificate();
    if renewal::need(own, identity.trust.crl(), clock::now()) != Need::Nothing {
        listener.doubt().know();
    }
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
