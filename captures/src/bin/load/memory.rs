//! Memory of the auth server while 500 people log in at the same moment.

use std::thread;

use captures::https::Client;
use captures::measure::{Measured, Outcome};
use captures::organisation::Organisation;
use captures::ui;

use super::crowd;

const PEOPLE: usize = 500;
/// Who they log in as: fifty times each, which is less than the server gives one person in an hour.
const ACCOUNTS: usize = 10;
/// What one hash takes (RFC 9106, 4), and what the server may take besides.
const HASH_BYTES: u64 = 64 << 20;
const BESIDES_BYTES: u64 = 64 << 20;

pub(crate) fn measure() -> Outcome<Measured> {
    ui::step("500 people log in at the same moment:");
    let organisation = Organisation::start("Example")?;
    let aliases = crowd::people(&organisation, ACCOUNTS)?;
    let client = Client::of(&organisation)?;
    let served = crowd::log_in_once(&client, &aliases, PEOPLE)?.check()?;
    ui::fact(
        "answers",
        &format!(
            "{} certificates, {} told to come again",
            served.seconds.len(),
            served.busy
        ),
    );
    let parallel = u64::try_from(thread::available_parallelism()?.get())?;
    let goal = HASH_BYTES * parallel + BESIDES_BYTES;
    let found = organisation
        .server()
        .and_then(captures::process::Running::peak_memory)
        .ok_or("the auth server is gone")?;
    Ok(Measured {
        what: "resident memory under 500 logins at once",
        goal: format!("<= {}", ui::size(goal)),
        found: ui::size(found),
        reached: found <= goal,
    })
}
