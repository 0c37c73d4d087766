//! A revocation is in force on two hundred devices within two seconds.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::thread;
use std::time::{Duration, Instant};

use captures::authority::Signer;
use captures::device::Listener;
use captures::error::Result;
use captures::foreign::{root_certificate, stolen_from};
use captures::https::Client;
use captures::organisation::Organisation;
use captures::process::PATIENCE;
use captures::rogue::{self, Verdict};
use captures::scratch;
use captures::subscriber::{Subscriber, fetch};
use captures::ui;
use common::identity::OrgRoot;
use rustls::AlertDescription;

/// Devices that follow the server, of which so many are programs of their own.
const DEVICES: usize = 200;
const PROGRAMS: usize = 8;

/// Devices of one person.
const OF_ONE: usize = 16;

/// From the end of the order until the list is in force everywhere.
const PROMISED: Duration = Duration::from_secs(2);

/// Those that are no programs, all behind one address, as in an office.
fn subscribers(organisation: &Organisation) -> Result<Vec<Subscriber>> {
    let count = DEVICES - PROGRAMS;
    let devices = Signer::of(organisation)?.enrol(count.div_ceil(OF_ONE), OF_ONE)?;
    let root = OrgRoot::from_der(root_certificate(&organisation.folder())?).unwrap();
    let client = Client::of(organisation)?;
    let list = fetch(&client, &root, None)?.unwrap();
    devices
        .iter()
        .take(count)
        .map(|own| Subscriber::begin(&client, own, &root, list.clone()))
        .collect()
}

/// Dials until it is refused as revoked: when that was.
fn refused_at(port: u16, who: &captures::device::Device) -> Result<Instant> {
    let end = Instant::now() + PATIENCE;
    loop {
        let verdict = rogue::request(port, Some(stolen_from(who)?))?;
        if verdict == Verdict::Refused(AlertDescription::CertificateRevoked) {
            return Ok(Instant::now());
        }
        assert!(Instant::now() < end, "{verdict:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_revocation_is_in_force_on_two_hundred_devices_within_two_seconds() -> Result<()> {
    let organisation = Organisation::start("Example")?;
    let mallory = organisation.person("mallory")?;
    let shared = scratch::folder()?;
    let peers: Vec<_> = (0..PROGRAMS)
        .map(|number| organisation.person(&format!("listener-{number}")))
        .collect::<Result<_>>()?;
    let listeners: Vec<Listener> = peers
        .iter()
        .map(|peer| peer.serve("files", shared.path()))
        .collect::<Result<_>>()?;
    for listener in &listeners {
        let verdict = rogue::request(listener.port(), Some(stolen_from(&mallory)?))?;
        assert_eq!(verdict, Verdict::Accepted);
    }
    let mut subscribers = subscribers(&organisation)?;
    let (done, moments) = thread::scope(|scope| {
        let following: Vec<_> = subscribers
            .iter_mut()
            .map(|subscriber| scope.spawn(|| subscriber.install_next()))
            .collect();
        let order = ["user", "revoke", "mallory"];
        organisation.run(&order)?.success()?;
        let done = Instant::now();
        let dialling = listeners
            .iter()
            .map(|listener| scope.spawn(|| refused_at(listener.port(), &mallory)));
        let threads: Vec<_> = dialling.chain(following).collect();
        let moments: Result<Vec<Instant>> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        Ok::<_, captures::error::Error>((done, moments?))
    })?;
    assert_eq!(moments.len(), DEVICES);
    let last = moments
        .iter()
        .max()
        .unwrap()
        .saturating_duration_since(done);
    ui::note(&format!("in force everywhere {last:?} after the order"));
    assert!(last < PROMISED, "it took {last:?}");
    Ok(())
}
