//! The server's processor time for a renewal, beside what cannot be saved: one signature of the
//! root and one handshake.

use std::collections::VecDeque;

use captures::foreign::credentials;
use captures::https::{Answer, Client, certificate_request_of};
use captures::measure::{Measured, Outcome, median};
use captures::organisation::{Organisation, PASSWORD};
use captures::process::{CpuTimes, own_cpu_time};
use captures::ui;
use rcgen::KeyPair;
use root_ca::{KeyType, SigningKey as _, SoftwareKey};

use super::crowd;

/// Devices, and how often each renews: nearly as often as the server allows within an hour.
const DEVICES: u32 = 16;
const RENEWALS: u32 = 25;
/// Rounds, of which the middle one counts: a machine that is busy for a moment is so in one of them.
const ROUNDS: u32 = 10;
/// What is done of each kind in a round.
const BATCH: u32 = DEVICES * RENEWALS / ROUNDS;
const GOAL: f64 = 1.7;

pub(crate) fn measure() -> Outcome<Measured> {
    ui::step("Renewals, each on a connection of its own:");
    let organisation = Organisation::start("Example")?;
    // One person for each device: the server bounds the certificates of both.
    let people = crowd::people(&organisation, usize::try_from(DEVICES)?)?;
    let client = Client::of(&organisation)?;
    let server = organisation.server().ok_or("the auth server is gone")?.id();
    let mut devices = people
        .iter()
        .map(|alias| Device::log_in(&client, alias))
        .collect::<Outcome<VecDeque<_>>>()?;
    let key = SoftwareKey::generate(KeyType::Rsa3072)?;
    let rounds = (0..ROUNDS)
        .map(|_| round(server, &client, &mut devices, &key))
        .collect::<Outcome<Vec<Costs>>>()?;
    for (name, cost) in [
        ("renewal", (|costs| costs.renewal) as fn(&Costs) -> f64),
        ("handshake", |costs| costs.handshake),
        ("signature", |costs| costs.signature),
    ] {
        let cost = median(rounds.iter().map(cost).collect());
        ui::fact(name, &format!("{:.2} ms", cost * 1000.0));
    }
    let ratio = median(rounds.iter().map(Costs::ratio).collect());
    Ok(Measured {
        what: "server CPU of a renewal, of signature + handshake",
        goal: format!("<= {GOAL} x"),
        found: format!("{ratio:.2} x"),
        reached: ratio <= GOAL,
    })
}

/// Processor time in seconds, for each piece of work of one round.
struct Costs {
    renewal: f64,
    handshake: f64,
    signature: f64,
}

impl Costs {
    fn ratio(&self) -> f64 {
        self.renewal / (self.signature + self.handshake)
    }
}

fn round(
    server: u32,
    client: &Client,
    devices: &mut VecDeque<Device>,
    key: &SoftwareKey,
) -> Outcome<Costs> {
    Ok(Costs {
        handshake: cost_of_each(server, || client.connect().map(drop).map_err(Into::into))?,
        renewal: cost_of_each(server, || {
            let device = devices.pop_front().ok_or("no device")?;
            devices.push_back(device.renew(client)?);
            Ok(())
        })?,
        signature: cost_of_a_signature(key)?,
    })
}

/// The server's processor time, in seconds, for each of [`BATCH`] pieces of work.
fn cost_of_each(server: u32, mut work: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    let used = || CpuTimes::of(server).ok_or("the auth server is gone");
    let before = used()?;
    for _ in 0..BATCH {
        work()?;
    }
    Ok(used()?.since(&before).as_secs_f64() / f64::from(BATCH))
}

/// A key and the certificate for it.
struct Device {
    key: KeyPair,
    certificate: String,
}

impl Device {
    fn log_in(client: &Client, alias: &str) -> Outcome<Self> {
        let key = KeyPair::generate()?;
        let answer = client.login(alias, PASSWORD, &certificate_request_of(&key)?)?;
        Self::of(key, answer)
    }

    /// Shows the certificate and gets the next one, for a new key.
    fn renew(self, client: &Client) -> Outcome<Self> {
        let next = KeyPair::generate()?;
        let body = serde_json::json!({ "csr": certificate_request_of(&next)? }).to_string();
        let own = credentials(&self.certificate, &self.key)?;
        let answer = client.with(&own)?.post("/renew", &body)?;
        Self::of(next, answer)
    }

    fn of(key: KeyPair, answer: Answer) -> Outcome<Self> {
        match answer.status {
            200 => Ok(Self {
                key,
                certificate: answer.body,
            }),
            status => Err(format!("no certificate: {status} {}", answer.body).into()),
        }
    }
}

fn cost_of_a_signature(key: &SoftwareKey) -> Outcome<f64> {
    let before = own_cpu_time();
    for number in 0..BATCH {
        key.sign(&number.to_be_bytes())?;
    }
    Ok((own_cpu_time() - before).as_secs_f64() / f64::from(BATCH))
}
