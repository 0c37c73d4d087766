//! What a long revocation list costs a device: at each handshake, and when a newer one comes.

use std::time::SystemTime;

use captures::authority::Signer;
use captures::measure::{Measured, Outcome, median};
use captures::organisation::Organisation;
use captures::process::{own_cpu_time, resident_memory};
use captures::ui;
use common::crl::RevocationList;
use common::handshake::Trust;
use common::identity::OrgRoot;
use rustls::pki_types::UnixTime;

use super::pair::Pair;

/// Certificates on the long list.
const ENTRIES: usize = 100_000;
/// Rounds, each with both lists: a machine that is busy is so for both.
const ROUNDS: usize = 30;
/// How often a list is taken in, and kept; the first half uses up what signing it has freed.
const INTAKES: usize = 16;
const GOAL: f64 = 1.2;

pub(crate) fn measure() -> Outcome<Measured> {
    ui::step("Handshakes under an empty revocation list and under one of 100,000 entries:");
    let organisation = Organisation::start("Example")?;
    let pair = Pair::of_real_people(&organisation)?;
    let signer = Signer::of(&organisation)?;
    let empty = signer.list_of_strangers(0, 1)?;
    let long = signer.list_of_strangers(ENTRIES, 2)?;
    let short = pair.under(accept(&empty, pair.root())?)?;
    intake(&long, pair.root())?;
    let long = pair.under(accept(&long, pair.root())?)?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push((short.cost()?, long.cost()?));
    }
    let (empty, full): (Vec<f64>, Vec<f64>) = rounds.iter().copied().unzip();
    let ratio = median(rounds.iter().map(|(empty, full)| full / empty).collect());
    let told = format!("{:.2} ms of CPU, {:.2} ms", median(empty), median(full));
    ui::fact("handshake", &told);
    Ok(Measured {
        what: "handshake under a list of 100,000, of one under none",
        goal: format!("<= {GOAL} x"),
        found: format!("{ratio:.2} x"),
        reached: ratio <= GOAL,
    })
}

/// Tells what each device does when such a list comes.
fn intake(der: &[u8], root: &OrgRoot) -> Outcome<()> {
    let memory = || resident_memory(std::process::id()).ok_or("no memory to look at");
    let (mut millis, mut held, mut before) = (Vec::new(), Vec::new(), 0);
    for number in 0..INTAKES {
        if number == INTAKES / 2 {
            before = memory()?;
        }
        let begun = own_cpu_time();
        held.push(Trust::new(root.clone(), accept(der, root)?)?);
        millis.push((own_cpu_time() - begun).as_secs_f64() * 1000.0);
    }
    let each = memory()?.saturating_sub(before) / u64::try_from(INTAKES / 2)?;
    ui::fact("list", &ui::size(u64::try_from(der.len())?));
    ui::fact("taken in", &format!("{:.0} ms of CPU", median(millis)));
    ui::fact("memory", &format!("{} while it is held", ui::size(each)));
    Ok(())
}

/// As a device takes it in.
fn accept(der: &[u8], root: &OrgRoot) -> Outcome<RevocationList> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let now = UnixTime::since_unix_epoch(now);
    Ok(RevocationList::accept(
        der.to_vec().into(),
        root,
        now,
        None,
    )?)
}
