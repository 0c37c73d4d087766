//! How soon a revocation is in force on each of a thousand devices that follow the server.

use std::net::Ipv4Addr;
use std::thread;
use std::time::{Duration, Instant};

use captures::authority::Signer;
use captures::foreign::root_certificate;
use captures::https::Client;
use captures::measure::{Measured, Outcome, quantile};
use captures::organisation::Organisation;
use captures::process::allow_open_files;
use captures::subscriber::{Subscriber, fetch};
use captures::ui;
use common::identity::OrgRoot;

/// Devices that follow, each of which is told, fetches the list, checks it and has it in force.
const SUBSCRIBERS: usize = 1000;
const DEVICES_OF_ONE: usize = 16;
/// People who are revoked, one after the other.
const ROUNDS: usize = 5;
/// Devices behind one address, as in an office.
const OFFICE: usize = 50;
/// Streams, and as many connections for lists, with some to spare.
const FILES: u64 = 4096;
/// What a thread that waits needs.
const STACK_BYTES: usize = 256 << 10;
const GOAL: Duration = Duration::from_secs(2);

pub(crate) fn measure() -> Outcome<Measured> {
    ui::step("1,000 devices follow the server; people are revoked:");
    allow_open_files(FILES)?;
    let organisation = Organisation::start("Example")?;
    let people = SUBSCRIBERS.div_ceil(DEVICES_OF_ONE);
    let devices = Signer::of(&organisation)?.enrol(people + ROUNDS, DEVICES_OF_ONE)?;
    let root = OrgRoot::from_der(root_certificate(&organisation.folder())?)?;
    let client = Client::of(&organisation)?;
    let list = fetch(&client, &root, None)?.ok_or("no list")?;
    let mut subscribers = Vec::new();
    for (number, own) in devices.iter().take(SUBSCRIBERS).enumerate() {
        let client = client.from(office(number / OFFICE));
        subscribers.push(Subscriber::begin(&client, own, &root, list.clone())?);
    }
    let mut all = Vec::new();
    let mut last: f64 = 0.0;
    for round in 0..ROUNDS {
        let person = format!("person-{}", people + round);
        let times = revoke(&organisation, &person, &mut subscribers)?;
        tell(&format!("round {}", round + 1), &times);
        last = last.max(quantile(times.clone(), 1.0));
        all.extend(times);
    }
    tell("all", &all);
    Ok(Measured {
        what: "revocation to the last of 1,000 devices",
        goal: format!("< {} s", GOAL.as_secs()),
        found: format!("{last:.2} s, median {:.2} s", quantile(all, 0.5)),
        reached: last < GOAL.as_secs_f64(),
    })
}

/// Revokes somebody: the seconds from the end of that order until the list was in force, for each.
fn revoke(
    organisation: &Organisation,
    person: &str,
    subscribers: &mut [Subscriber],
) -> Outcome<Vec<f64>> {
    thread::scope(|scope| {
        let mut waiting = Vec::new();
        for subscriber in subscribers {
            let thread = thread::Builder::new().stack_size(STACK_BYTES);
            waiting.push(thread.spawn_scoped(scope, || subscriber.install_next())?);
        }
        let order = ["user", "revoke", person, "--reason", "keyCompromise"];
        organisation.run(&order)?.success()?;
        let done = Instant::now();
        let mut times = Vec::new();
        for thread in waiting {
            let since = thread.join().map_err(|_| "a subscriber failed")??;
            times.push(since.saturating_duration_since(done).as_secs_f64());
        }
        Ok(times)
    })
}

fn tell(name: &str, times: &[f64]) {
    let at = |part| format!("{:.2}", quantile(times.to_vec(), part));
    let told = format!(
        "min {}, median {}, p90 {}, p99 {}, max {} s",
        at(0.0),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
    ui::fact(name, &told);
}

/// An address of 127.0.0.0/8 for each office.
fn office(number: usize) -> Ipv4Addr {
    let [.., high, low] = number.to_be_bytes();
    Ipv4Addr::new(127, 21, high, low.max(1))
}
