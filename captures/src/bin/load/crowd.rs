//! People who log in at once, each from an address of his own.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use captures::https::{Client, certificate_request};
use captures::measure::Outcome;
use captures::organisation::{Organisation, PASSWORD};

/// What became of the logins of a crowd.
#[derive(Debug, Default)]
pub(crate) struct Served {
    /// Seconds of each login that got a certificate.
    pub(crate) seconds: Vec<f64>,
    /// Logins that were sent away because the queue was full.
    pub(crate) busy: usize,
    /// What else came.
    pub(crate) other: Vec<String>,
}

impl Served {
    fn add(&mut self, mut more: Self) {
        self.seconds.append(&mut more.seconds);
        self.busy += more.busy;
        self.other.append(&mut more.other);
    }

    /// An error if anybody got another answer than a certificate, or to come again.
    pub(crate) fn check(self) -> Outcome<Self> {
        match self.other.first() {
            None => Ok(self),
            Some(first) => Err(format!("{} logins failed: {first}", self.other.len()).into()),
        }
    }
}

/// Accounts of so many people.
pub(crate) fn people(organisation: &Organisation, count: usize) -> Outcome<Vec<String>> {
    let aliases: Vec<String> = (0..count)
        .map(|person| format!("person-{person}"))
        .collect();
    for alias in &aliases {
        organisation.add_user(alias)?;
    }
    Ok(aliases)
}

/// So many people log in again and again for that long; those that have begun then still finish.
pub(crate) fn log_in_for(
    client: &Client,
    aliases: &[String],
    people: usize,
    length: Duration,
) -> Outcome<Served> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let crowd: Vec<_> = (0..people)
            .map(|person| {
                let (client, stop) = (client.from(address(person)), &stop);
                let alias = &aliases[person % aliases.len()];
                scope.spawn(move || {
                    let mut served = Served::default();
                    while !stop.load(Ordering::Relaxed) {
                        log_in(&client, alias, &mut served);
                    }
                    served
                })
            })
            .collect();
        thread::sleep(length);
        stop.store(true, Ordering::Relaxed);
        gather(crowd)
    })
}

/// So many people log in once, all at the same moment.
pub(crate) fn log_in_once(client: &Client, aliases: &[String], people: usize) -> Outcome<Served> {
    thread::scope(|scope| {
        let crowd: Vec<_> = (0..people)
            .map(|person| {
                let client = client.from(address(person));
                let alias = &aliases[person % aliases.len()];
                scope.spawn(move || {
                    let mut served = Served::default();
                    log_in(&client, alias, &mut served);
                    served
                })
            })
            .collect();
        gather(crowd)
    })
}

fn gather(crowd: Vec<thread::ScopedJoinHandle<'_, Served>>) -> Outcome<Served> {
    let mut all = Served::default();
    for person in crowd {
        all.add(person.join().map_err(|_| "a client failed")?);
    }
    Ok(all)
}

fn log_in(client: &Client, alias: &str, served: &mut Served) {
    let begun = Instant::now();
    // No key is certified twice, so everybody has a new one.
    let answer = certificate_request().and_then(|csr| client.login(alias, PASSWORD, &csr));
    match answer {
        Ok(answer) if answer.status == 200 => served.seconds.push(begun.elapsed().as_secs_f64()),
        Ok(answer) if answer.status == 503 => served.busy += 1,
        Ok(answer) => served
            .other
            .push(format!("{} {}", answer.status, answer.body)),
        Err(error) => served.other.push(error.to_string()),
    }
}

/// An address of 127.0.0.0/8 for each person: the server bounds the connections of one source.
fn address(person: usize) -> Ipv4Addr {
    let [.., high, low] = person.to_be_bytes();
    Ipv4Addr::new(127, 20, high, low.max(1))
}
