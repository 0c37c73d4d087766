//! Memory of both peers while 4 GiB move.

use std::fs::{self, File};
use std::thread;
use std::time::Duration;

use captures::process::Running;
use captures::stage::Stage;
use captures::ui;

use captures::measure::{Measured, Outcome};

const BYTES: u64 = 4 << 30;
const GOAL: u64 = 32 << 20;
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) fn measure() -> Outcome<Measured> {
    ui::step("4 GiB, resident memory of both peers:");
    let stage = Stage::set_in_memory()?;
    File::create(stage.shared().join("huge"))?.set_len(BYTES)?;
    let mut command = stage
        .alice
        .get_command(&stage.source("huge"), &stage.inbox("huge"));
    let mut getting = Running::start(&mut command)?;
    let mut requester = 0;
    while getting.is_running()? {
        requester = getting.peak_memory().unwrap_or_default().max(requester);
        thread::sleep(Duration::from_millis(20));
    }
    getting.finish(PATIENCE)?.success()?;
    let listener = stage
        .listener
        .running()
        .peak_memory()
        .ok_or("the listener is gone")?;
    fs::remove_file(stage.inbox("huge"))?;
    ui::fact("requester", &ui::size(requester));
    ui::fact("listener", &ui::size(listener));
    let largest = requester.max(listener);
    Ok(Measured {
        what: "4 GiB, resident memory of the larger peer",
        goal: format!("<= {}", ui::size(GOAL)),
        found: ui::size(largest),
        reached: largest <= GOAL,
    })
}
