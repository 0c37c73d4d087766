//! CPU time of a handshake, both ends together, with the RSA-3072 certificates of a real
//! organisation, in this process.

use captures::measure::{Measured, Outcome};
use captures::organisation::Organisation;
use captures::ui;

use super::pair::Pair;

const BATCHES: usize = 30;
const GOAL_MS: f64 = 2.3;

pub(crate) fn measure() -> Outcome<Measured> {
    ui::step("Handshakes with RSA-3072, both ends in one process:");
    let pair = Pair::of_real_people(&Organisation::start("Example")?)?;
    pair.shake_hands()?;
    let cost = pair.median_cost(BATCHES)?;
    ui::fact("median", &format!("{cost:.2} ms of CPU"));
    Ok(Measured {
        what: "handshake, CPU of both ends together, RSA-3072",
        goal: format!("<= {GOAL_MS} ms"),
        found: format!("{cost:.2} ms"),
        reached: cost <= GOAL_MS,
    })
}
