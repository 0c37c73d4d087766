//! Logins a second, beside the bare rate of Argon2id.

use std::thread;
use std::time::{Duration, Instant};

use auth_server::password;
use captures::https::Client;
use captures::measure::{Measured, Outcome, median, quantile};
use captures::organisation::{Organisation, PASSWORD};
use captures::ui;
use secrecy::SecretString;

use super::crowd;

const PEOPLE: usize = 64;
const ROUNDS: usize = 3;
const LENGTH: Duration = Duration::from_secs(8);
const GOAL: f64 = 0.9;

pub(crate) fn measure() -> Outcome<Measured> {
    ui::step("64 people log in again and again; the bare hash in between:");
    let organisation = Organisation::start("Example")?;
    // One account each: the server bounds the certificates of one person.
    let aliases = crowd::people(&organisation, PEOPLE)?;
    let client = Client::of(&organisation)?;
    let (mut ratios, mut seconds) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let bare = bare_rate()?;
        let begun = Instant::now();
        let mut served = crowd::log_in_for(&client, &aliases, PEOPLE, LENGTH)?.check()?;
        let rate = served.seconds.len() as f64 / begun.elapsed().as_secs_f64();
        ui::fact(
            &format!("round {round}"),
            &format!("{rate:.1} logins/s, {bare:.1} bare hashes/s"),
        );
        ratios.push(rate / bare);
        seconds.append(&mut served.seconds);
    }
    let (middle, late) = (median(seconds.clone()), quantile(seconds, 0.99));
    ui::fact("times", &format!("median {middle:.2} s, p99 {late:.2} s"));
    let ratio = median(ratios);
    Ok(Measured {
        what: "logins a second, of the bare rate of Argon2id",
        goal: format!(">= {GOAL} x"),
        found: format!("{ratio:.2} x, p99 {late:.2} s"),
        reached: ratio >= GOAL,
    })
}

/// Hashes a second on as many threads as the server hashes on.
fn bare_rate() -> Outcome<f64> {
    let parallel = thread::available_parallelism()?.get();
    let secret = SecretString::from(PASSWORD);
    let begun = Instant::now();
    let hashes: usize = thread::scope(|scope| {
        let workers: Vec<_> = (0..parallel)
            .map(|_| {
                let secret = &secret;
                scope.spawn(move || {
                    let mut hashes = 0;
                    while begun.elapsed() < LENGTH && password::hash(secret).is_ok() {
                        hashes += 1;
                    }
                    hashes
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or(0))
            .sum()
    });
    Ok(hashes as f64 / begun.elapsed().as_secs_f64())
}
