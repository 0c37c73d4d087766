use time::OffsetDateTime;

use super::Answer;
use crate::audit::{Event, Record};

/// The root key's signature over the log up to an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The entry.
    pub seq: u64,
    /// When it was signed.
    pub at: OffsetDateTime,
    /// The signature.
    pub signature: Vec<u8>,
}

/// The audit log.
pub trait AuditStore {
    /// Appends an entry for what changes nothing else in the store.
    fn append<'a>(&'a self, event: &'a Event<'a>, now: OffsetDateTime) -> Answer<'a, ()>;

    /// At most `limit` entries after that number, in order.
    fn entries(&self, after: u64, limit: u32) -> Answer<'_, Vec<Record>>;

    /// The last entry.
    fn last_entry(&self) -> Answer<'_, Option<Record>>;

    /// Records a checkpoint.
    fn add_checkpoint<'a>(&'a self, checkpoint: &'a Checkpoint) -> Answer<'a, ()>;

    /// All checkpoints, in order.
    fn checkpoints(&self) -> Answer<'_, Vec<Checkpoint>>;
}
