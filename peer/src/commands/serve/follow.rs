//! What a listener hears while it runs, and what it does about it.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use common::identity::OrgRoot;

use super::Tell;
use crate::auth_client::AuthClient;
use crate::auth_client::directory::Announcement;
use crate::clock;
use crate::events::{self, Device, Event, Notice, Subscription, catch_up};
use crate::failure::Exit;
use crate::identity_store::{self, IdentityStore};
use crate::listener::Listener;
use crate::renewal::schedule::Need;
use crate::renewal::{self, News, Renewer};
use crate::signals;

/// Seconds between two looks for a newer revocation list or certificate.
const REFRESH: Duration = Duration::from_secs(60);

/// Between two such looks when peers say that the certificate was revoked: whoever says so without
/// reason makes the auth server answer that often that nothing is newer.
const DOUBTED_REFRESH: Duration = Duration::from_secs(5);

/// A server that is too busy to list this device is asked again after these.
const ANNOUNCING_PAUSES: [Duration; 3] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(60),
];

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
    let subscription = device
        .as_ref()
        .and_then(|device| hear(listener.clone(), device.clone(), announcement, tell));
    thread::spawn(move || {
        // Both end with the process.
        let _subscription = subscription;
        let client = device
            .as_ref()
            .map(|device| AuthClient::new(&device.servers, &root));
        let mut renewer =
            device.map(|device| Renewer::new(store.clone(), root.clone(), device.servers));
        let mut looked_back = Instant::now();
        loop {
            refresh(&listener, &store, &root, client.as_ref());
            if let Some(renewer) = &mut renewer {
                keep_certified(&listener, renewer, tell);
            }
            // Whoever gives hints makes nobody look back more often.
            if let Some(client) = client.as_ref().filter(|_| looked_back.elapsed() >= REFRESH) {
                let identity = listener.identity();
                client.look_back(&root, identity.trust.crl(), clock::now());
                looked_back = Instant::now();
            }
            listener.doubt().wait(DOUBTED_REFRESH, REFRESH);
        }
    });
}

/// Acts upon what the server tells. Without a thread for it the listener looks now and then.
fn hear(
    listener: Arc<Listener>,
    device: Device,
    announcement: Announcement,
    tell: Tell,
) -> Option<Subscription> {
    let client = AuthClient::new(&device.servers, &device.root);
    let announcement = Arc::new(announcement);
    let follower = device.clone();
    let heard = move |notice| {
        let Notice::Event(event) = notice else {
            // Who was revoked before he followed is told nothing: that is a reason to look.
            listener.doubt().raise();
            return;
        };
        if let Some(number) = event.crl_number() {
            let held = || listener.identity().trust.crl().number();
            catch_up(number, held, || {
                refresh(&listener, &device.store, &device.root, Some(&client));
                look_at_own(&listener);
            });
        }
        // The server forgets who is online with the stream that begins anew here.
        if matches!(event, Event::Hello { .. }) {
            announce(device.clone(), announcement.clone(), tell);
        }
    };
    events::follow(follower, Duration::ZERO, heard).ok()
}

/// In a thread of its own: nothing holds up what is heard meanwhile. A server that is gone is
/// announced to when it says hello again.
fn announce(device: Device, announcement: Arc<Announcement>, tell: Tell) {
    thread::spawn(move || {
        for pause in ANNOUNCING_PAUSES {
            let announced = device
                .client()
                .and_then(|client| client.announce(&announcement));
            match announced {
                Ok(()) => {
                    return signals::before_end(Box::new(move || {
                        // It is off the list soon, also without.
                        let _ = device.client().and_then(|client| client.withdraw());
                    }));
                }
                Err(failure) if failure.exit == Exit::Temporary => thread::sleep(pause),
                Err(failure) if failure.exit != Exit::Unreachable => {
                    let told = format!("others do not see this device in peer peers: {failure}");
                    return tell(&News::Warning(told));
                }
                _ => return,
            }
        }
    });
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

/// A failure here is no news: a stale list or an expired certificate is told at every handshake. A
/// list that cannot be kept counts all the same.
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
        && let Ok(trust) = identity_store::trust(root, list)
    {
        listener.set_trust(trust.clone());
        let _ = store.save_crl(trust.crl());
    }
    if let Ok(credentials) = store.valid_credentials(root, clock::now())
        && credentials.certificate() != identity.credentials.certificate()
    {
        listener.set_credentials(credentials);
    }
}
