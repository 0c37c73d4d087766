//! Whatever is done to the bytes on the way: never a wrong file, never a hang, always a clear error.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::fs;

use captures::counts::{Choices, count};
use captures::error::Result;
use captures::process::Finished;
use captures::proxy::{Damage, Direction, Fault, Proxy};
use captures::stage::Stage;

const FILE_BYTES: u64 = 3 * 262_144 + 77;

/// A stage whose file has passed an honest relay once: so long, and so many frames, are the streams.
struct Wire {
    stage: Stage,
    bytes: [u64; 2],
    frames: [u64; 2],
}

const DIRECTIONS: [Direction; 2] = [Direction::ToListener, Direction::ToRequester];

impl Wire {
    fn set() -> Result<Self> {
        let stage = Stage::set()?;
        stage.offer_generated("file", FILE_BYTES)?;
        let honest = Proxy::honest(stage.listener.port())?;
        stage
            .alice
            .get(&honest.source("files/file"), &stage.inbox("file"))?
            .success()?;
        stage.check_identical("file")?;
        fs::remove_file(stage.inbox("file")).unwrap();
        let bytes = DIRECTIONS.map(|direction| honest.bytes(direction));
        let frames =
            DIRECTIONS.map(|direction| u64::try_from(honest.frames(direction).len()).unwrap());
        assert!(
            bytes[1] > FILE_BYTES && frames[1] > 4,
            "{bytes:?} {frames:?}"
        );
        Ok(Self {
            stage,
            bytes,
            frames,
        })
    }

    /// Alice gets the file through a relay with a fault.
    fn get_through(&self, fault: Fault) -> Result<Finished> {
        let proxy = Proxy::start(self.stage.listener.port(), fault)?;
        self.stage
            .alice
            .get(&proxy.source("files/file"), &self.stage.inbox("file"))
    }

    /// The damaged transfer fails with a message and leaves nothing under the final name; or it
    /// is complete and identical, because the damage came after all that mattered.
    fn check(&self, fault: Fault) -> Result<()> {
        let got = self.get_through(fault)?;
        if got.code == Some(0) {
            self.stage.check_identical("file")?;
            let harmless = fault.direction == Direction::ToListener;
            assert!(harmless, "{fault:?} went unnoticed");
            fs::remove_file(self.stage.inbox("file")).unwrap();
            return Ok(());
        }
        let code = got.code;
        assert!(
            matches!(code, Some(5 | 7 | 8 | 12)),
            "{fault:?}: {code:?}: {}",
            got.stderr
        );
        assert!(
            !got.stderr.contains("panicked"),
            "{fault:?}: {}",
            got.stderr
        );
        assert!(
            !got.stderr.trim().is_empty(),
            "{fault:?} ended without a word"
        );
        self.stage.check_absent("file")
    }

    fn random_direction(choices: &mut Choices) -> usize {
        usize::try_from(choices.below(2)).unwrap()
    }
}

#[test]
fn a_connection_cut_anywhere_never_leaves_a_file() -> Result<()> {
    let mut wire = Wire::set()?;
    let mut choices = Choices::of("cuts");
    for after in [0, 1, 7, 8, 9, wire.bytes[1] - 1] {
        wire.check(Fault::to_requester(Damage::Cut { after }))?;
    }
    for _ in 0..count("cuts") {
        let side = Wire::random_direction(&mut choices);
        let damage = Damage::Cut {
            after: choices.below(wire.bytes[side]),
        };
        wire.check(Fault {
            direction: DIRECTIONS[side],
            damage,
        })?;
    }
    wire.stage.check_still_serving()
}

#[test]
fn a_bit_flipped_anywhere_never_leaves_a_file() -> Result<()> {
    let mut wire = Wire::set()?;
    let mut choices = Choices::of("flips");
    for _ in 0..count("flips") {
        let side = Wire::random_direction(&mut choices);
        let offset = choices.below(wire.bytes[side]);
        let bit = u8::try_from(choices.below(8)).unwrap();
        wire.check(Fault {
            direction: DIRECTIONS[side],
            damage: Damage::Flip { offset, bit },
        })?;
    }
    wire.stage.check_still_serving()
}

#[test]
fn a_bit_flipped_in_a_chunk_is_an_integrity_failure() -> Result<()> {
    let mut wire = Wire::set()?;
    for tenth in 3..10 {
        let offset = wire.bytes[1] * tenth / 10;
        let got = wire.get_through(Fault::to_requester(Damage::Flip { offset, bit: 0 }))?;
        got.refused(8, &[])?;
        wire.stage.check_absent("file")?;
    }
    wire.stage.check_still_serving()
}

#[test]
fn frames_dropped_doubled_or_swapped_never_leave_a_file() -> Result<()> {
    let mut wire = Wire::set()?;
    let mut choices = Choices::of("frame-faults");
    let last = wire.frames[1] - 1;
    for _ in 0..count("frame-faults") {
        let frame = choices.below(last);
        for damage in [
            Damage::Drop { frame },
            Damage::Double { frame },
            Damage::Swap { frame },
        ] {
            wire.check(Fault::to_requester(damage))?;
        }
    }
    for damage in [
        Damage::Drop { frame: 1 },
        Damage::Double { frame: 0 },
        Damage::Swap { frame: 1 },
    ] {
        wire.check(Fault::to_listener(damage))?;
    }
    wire.stage.check_still_serving()
}

#[test]
fn a_connection_that_ends_before_the_sealed_end_is_a_truncation() -> Result<()> {
    let wire = Wire::set()?;
    let got = wire.get_through(Fault::to_requester(Damage::Drop {
        frame: wire.frames[1] - 1,
    }))?;
    if got.code == Some(0) {
        // The last frame was a farewell; the one before it then is the end of the file.
        wire.stage.check_identical("file")?;
        fs::remove_file(wire.stage.inbox("file")).unwrap();
        let frame = wire.frames[1] - 2;
        wire.get_through(Fault::to_requester(Damage::Cut {
            after: wire.bytes[1] * 99 / 100,
        }))?
        .refused(8, &[])?;
        wire.check(Fault::to_requester(Damage::Drop { frame }))?;
    }
    wire.stage.check_absent("file")
}

#[test]
fn bytes_that_come_one_by_one_are_read_as_one_stream() -> Result<()> {
    // An ancestor took 5,000 of 65,536 bytes for the whole file when a header came byte by byte.
    let stage = Stage::set()?;
    stage.offer_generated("slow", 65_536)?;
    for fault in [
        Fault::to_requester(Damage::Trickle),
        Fault::to_listener(Damage::Trickle),
    ] {
        let proxy = Proxy::start(stage.listener.port(), fault)?;
        let target = stage.inbox("slow");
        stage
            .alice
            .get(&proxy.source("files/slow"), &target)?
            .success()?;
        stage.check_identical("slow")?;
        fs::remove_file(target).unwrap();
    }
    Ok(())
}
