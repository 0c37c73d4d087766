//! The server's processor time for a renewal, beside what cannot be saved: one signature of the
//! root and one handshake.

use std::collections::VecDeque;

use captures::foreign::credentials;
use captures::https::{Answer, Client, certificate_request_of};
use captures::measure::{Measured, Outcome};
use captures::organisation::{Organisation, PASSWORD};
use captures::process::{cpu_time, own_cpu_time};
use captures::ui;
use rcgen::KeyPair;
use root_ca::{KeyType, SigningKey as _, SoftwareKey};

use super::crowd;

/// Devices, and how often each renews: as often as the server allows within an hour. All together
/// are enough that the system's counting in hundredths of a second does not matter.
const DEVICES: u32 = 16;
const RENEWALS: u32 = 25;
const COUNT: u32 = DEVICES * RENEWALS;
const GOAL: f64 = 1.7;

pub(crate) fn measure() -> Outcome<Measured> {
    ui::step("Renewals, each on a connection of its own:");
    let organisation = Organisation::start("Example")?;
    // One person for each device: the server bounds the certificates of both.
    let people = crowd::people(&organisation, usize::try_from(DEVICES)?)?;
    let client = Client::of(&organisation)?;
    let server = organisation.server().ok_or("the auth server is gone")?.id();
    let handshake = cost_of_each(server, || client.connect().map(drop).map_err(Into::into))?;
    let renewal = cost_of_renewals(server, &client, &people)?;
    let signature = cost_of_a_signature()?;
    for (name, cost) in [
        ("renewal", renewal),
        ("handshake", handshake),
        ("signature", signature),
    ] {
        ui::fact(name, &format!("{:.2} ms", cost * 1000.0));
    }
    let ratio = renewal / (signature + handshake);
    Ok(Measured {
        what: "server CPU of a renewal, of signature + handshake",
        goal: format!("<= {GOAL} x"),
        found: format!("{ratio:.2} x"),
        reached: ratio <= GOAL,
    })
}

/// The server's processor time, in seconds, for each of [`COUNT`] pieces of work.
fn cost_of_each(server: u32, mut work: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    let used = || cpu_time(server).ok_or("the auth server is gone");
    let before = used()?;
    for _ in 0..COUNT {
        work()?;
    }
    Ok((used()? - before).as_secs_f64() / f64::from(COUNT))
}

fn cost_of_renewals(server: u32, client: &Client, people: &[String]) -> Outcome<f64> {
    let mut devices = people
        .iter()
        .map(|alias| Device::log_in(client, alias))
        .collect::<Outcome<VecDeque<_>>>()?;
    cost_of_each(server, || {
        let device = devices.pop_front().ok_or("no device")?;
        devices.push_back(device.renew(client)?);
        Ok(())
    })
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

fn cost_of_a_signature() -> Outcome<f64> {
    let key = SoftwareKey::generate(KeyType::Rsa3072)?;
    let before = own_cpu_time();
    for number in 0..COUNT {
        key.sign(&number.to_be_bytes())?;
    }
    Ok((own_cpu_time() - before).as_secs_f64() / f64::from(COUNT))
}
