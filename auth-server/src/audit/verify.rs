use common::identity::OrgRoot;
use time::OffsetDateTime;

use super::{Checkpoint, End, Line, Record, Start};

/// What is wrong with a log, at the first place where something is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Tampering {
    /// Numbers are left out.
    #[error("entries are missing: {found} follows {}", found_after(*.after))]
    Missing {
        /// The last good entry.
        after: u64,
        /// The number found behind it.
        found: u64,
    },
    /// A number comes again, or too late.
    #[error("entry {found} stands behind entry {after}: entries were moved, doubled or put in")]
    Misplaced {
        /// The last good entry.
        after: u64,
        /// The number found behind it.
        found: u64,
    },
    /// The hash is not that of the contents behind the entry before.
    #[error("entry {seq} was altered, or the one before it: its hash is not that of what it says")]
    Altered {
        /// The entry.
        seq: u64,
    },
    /// The checkpoint's signature is not the root's.
    #[error("the checkpoint of entry {seq} was altered: the root key did not sign it")]
    Forged {
        /// The entry of the checkpoint.
        seq: u64,
    },
    /// The root signed another entry under that number.
    #[error(
        "entry {seq}, or one before it and after entry {good}, was altered and the hashes made \
         anew: the root key signed another one on {at}"
    )]
    Rewritten {
        /// The entry of the checkpoint.
        seq: u64,
        /// The last entry that a checkpoint vouches for.
        good: u64,
        /// When the other one was signed.
        at: OffsetDateTime,
    },
    /// Entries that once were are no more.
    #[error("entries {} to {known} are missing at the end", .last + 1)]
    Cut {
        /// The last entry that is there.
        last: u64,
        /// The last entry that there was.
        known: u64,
    },
    /// More entries than were written.
    #[error("entry {last} was put in: the log had {known} entries when the last one was written")]
    Surplus {
        /// The last entry that is there.
        last: u64,
        /// The last entry that there was.
        known: u64,
    },
    /// An export lacks its first line.
    #[error("the first line does not say where the export begins")]
    NoStart,
    /// An export lacks its last line.
    #[error("the export has no last line behind entry {last}: it was cut")]
    NoEnd {
        /// The last entry that is there.
        last: u64,
    },
}

fn found_after(after: u64) -> String {
    match after {
        0 => "the beginning".to_owned(),
        after => format!("entry {after}"),
    }
}

/// What was found to be whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The entry before the first one.
    pub after: u64,
    /// The last entry.
    pub last: u64,
    /// The last entry that the root key vouches for, and when it was signed.
    pub vouched: Option<(u64, OffsetDateTime)>,
}

/// Reads a log line by line and stops at the first one that is not as it was written.
#[derive(Debug)]
pub struct Verifier<'a> {
    root: &'a OrgRoot,
    begun: Option<Start>,
    last: Start,
    vouched: Option<(u64, OffsetDateTime)>,
    ended: bool,
}

impl<'a> Verifier<'a> {
    /// For the log of that organisation.
    pub fn new(root: &'a OrgRoot) -> Self {
        Self {
            root,
            begun: None,
            last: Start::GENESIS,
            vouched: None,
            ended: false,
        }
    }

    /// Takes the next line. Several exports may follow each other, if each begins where the one
    /// before it ended.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn take(&mut self, line: &Line) -> Result<(), Tampering> {
        match (line, self.begun) {
            (Line::Start(start), None) => self.begin(*start),
            (_, None) => Err(Tampering::NoStart),
            (Line::Start(start), Some(_)) => self.go_on(*start),
            (Line::Entry(entry), _) => self.entry(entry),
            (Line::Checkpoint(checkpoint), _) => self.checkpoint(checkpoint),
            (Line::End(end), _) => self.end(*end),
        }
    }

    /// What the log is worth, now that there are no more lines.
    ///
    /// # Errors
    /// When the last line was not one that ends an export.
    pub fn finish(self) -> Result<Verdict, Tampering> {
        let begun = self.begun.ok_or(Tampering::NoStart)?;
        if !self.ended {
            return Err(Tampering::NoEnd {
                last: self.last.after,
            });
        }
        Ok(Verdict {
            after: begun.after,
            last: self.last.after,
            vouched: self.vouched,
        })
    }

    /// The place behind the last good entry.
    pub fn reached(&self) -> Start {
        self.last
    }

    fn begin(&mut self, start: Start) -> Result<(), Tampering> {
        if start.after == 0 && start != Start::GENESIS {
            return Err(Tampering::NoStart);
        }
        self.begun = Some(start);
        self.last = start;
        Ok(())
    }

    fn go_on(&mut self, start: Start) -> Result<(), Tampering> {
        self.follows(start.after.saturating_add(1))?;
        if start != self.last {
            return Err(Tampering::Altered { seq: start.after });
        }
        self.ended = false;
        Ok(())
    }

    fn follows(&self, found: u64) -> Result<(), Tampering> {
        let after = self.last.after;
        match found.checked_sub(after) {
            Some(1) => Ok(()),
            Some(2..) => Err(Tampering::Missing { after, found }),
            Some(0) | None => Err(Tampering::Misplaced { after, found }),
        }
    }

    fn entry(&mut self, entry: &Record) -> Result<(), Tampering> {
        self.follows(entry.seq)?;
        if entry.hash != entry.hash_after(&self.last.hash) || !is_whole(entry.at) {
            return Err(Tampering::Altered { seq: entry.seq });
        }
        self.last = entry.into();
        self.ended = false;
        Ok(())
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<(), Tampering> {
        let (seq, last) = (checkpoint.seq, self.last.after);
        if checkpoint.verify(self.root).is_err() || !is_whole(checkpoint.at) {
            return Err(Tampering::Forged { seq });
        }
        if seq > last {
            return Err(Tampering::Cut { last, known: seq });
        }
        if seq < last {
            return Err(Tampering::Misplaced {
                after: last,
                found: seq,
            });
        }
        if checkpoint.hash != self.last.hash {
            let good = self.vouched.map_or(0, |(good, _)| good);
            let at = checkpoint.at;
            return Err(Tampering::Rewritten { seq, good, at });
        }
        self.vouched = Some((seq, checkpoint.at));
        Ok(())
    }

    fn end(&mut self, end: End) -> Result<(), Tampering> {
        let (last, known) = (self.last.after, end.last);
        if known > last {
            return Err(Tampering::Cut { last, known });
        }
        if known < last {
            return Err(Tampering::Surplus { last, known });
        }
        self.ended = true;
        Ok(())
    }
}

/// Whether it is written in whole seconds of UTC, as all times here are: hashes and signatures cover
/// the seconds since 1970 alone.
fn is_whole(time: OffsetDateTime) -> bool {
    time.nanosecond() == 0 && time.offset().is_utc()
}

/// The place behind an entry.
impl From<&Record> for Start {
    fn from(entry: &Record) -> Self {
        Self {
            after: entry.seq,
            hash: entry.hash,
        }
    }
}
