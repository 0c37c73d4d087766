//! One GiB end to end, against curl and nginx with mutual TLS 1.3, pair by pair.

use std::fs;
use std::time::{Duration, Instant};

use captures::stage::Stage;
use captures::ui;

use super::curl::Nginx;
use captures::measure::{Measured, Outcome, median};

const BYTES: u64 = 1 << 30;
const PAIRS: usize = 5;
const GOAL: f64 = 0.9;
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) fn measure() -> Outcome<Measured> {
    ui::step("1 GiB in memory, five pairs of peer get and curl with mutual TLS 1.3:");
    let stage = Stage::set_in_memory()?;
    stage.offer_generated("large", BYTES)?;
    let nginx = Nginx::start(stage.shared())?;
    let mut ratios = Vec::new();
    for pair in 0..=PAIRS {
        let rival = nginx.fetch("large", &stage.inbox("rival"))?;
        fs::remove_file(stage.inbox("rival"))?;
        let ours = fetch(&stage)?;
        // The first pair warms everything up.
        if pair > 0 {
            ratios.push(rival.as_secs_f64() / ours.as_secs_f64());
            let (ours, rival) = (ui::rate(BYTES, ours), ui::rate(BYTES, rival));
            ui::fact(
                &format!("pair {pair}"),
                &format!("orgshare {ours}, curl {rival}"),
            );
        }
    }
    let ratio = median(ratios);
    Ok(Measured {
        what: "1 GiB, speed against curl with mutual TLS 1.3",
        goal: format!(">= {GOAL} x"),
        found: format!("{ratio:.2} x"),
        reached: ratio >= GOAL,
    })
}

fn fetch(stage: &Stage) -> Outcome<Duration> {
    let begun = Instant::now();
    let target = stage.inbox("large");
    stage
        .alice
        .get_within(&stage.source("large"), &target, PATIENCE)?
        .success()?;
    let took = begun.elapsed();
    fs::remove_file(target)?;
    Ok(took)
}
