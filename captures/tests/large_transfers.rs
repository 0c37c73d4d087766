//! Large files arrive identical, and neither side grows with them.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::thread;
use std::time::Duration;

use captures::error::Result;
use captures::process::{Running, peak_memory};
use captures::stage::Stage;

const GIB: u64 = 1 << 30;
const PATIENCE: Duration = Duration::from_secs(600);

/// The promise of the performance page, for any size of file.
const RESIDENT_LIMIT: u64 = 32 << 20;

#[test]
fn a_file_of_one_gib_arrives_identical_in_constant_memory() -> Result<()> {
    let stage = Stage::set_in_memory()?;
    stage.offer_generated("large.bin", GIB)?;
    let requester = fetch_watched(&stage, "large.bin")?;
    stage.check_identical("large.bin")?;
    let listener = peak_memory(stage.listener.running().id()).unwrap_or(u64::MAX);
    assert!(
        requester <= RESIDENT_LIMIT,
        "the requester had {requester} bytes resident"
    );
    assert!(
        listener <= RESIDENT_LIMIT,
        "the listener had {listener} bytes resident"
    );
    Ok(())
}

#[test]
fn a_sparse_file_of_five_gib_arrives_identical() -> Result<()> {
    let stage = Stage::set()?;
    let file = File::create(stage.shared().join("sparse.bin")).unwrap();
    file.set_len(5 * GIB).unwrap();
    // Beyond 2^32 bytes and at both ends, so that a counter of 32 bits would show.
    for offset in [0, 4 * GIB - 3, 4 * GIB + 5, 5 * GIB - 6] {
        file.write_all_at(b"island", offset).unwrap();
    }
    fetch_watched(&stage, "sparse.bin")?;
    stage.check_identical("sparse.bin")
}

/// Gets a file and returns the most memory that the requester had resident.
fn fetch_watched(stage: &Stage, name: &str) -> Result<u64> {
    let mut command = stage
        .alice
        .get_command(&stage.source(name), &stage.inbox(name));
    let mut running = Running::start(&mut command)?;
    let mut peak = 0;
    while running.is_running()? {
        peak = running.peak_memory().unwrap_or_default().max(peak);
        thread::sleep(Duration::from_millis(20));
    }
    running.finish(PATIENCE)?.success()?;
    Ok(peak)
}
