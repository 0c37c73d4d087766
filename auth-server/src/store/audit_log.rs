use time::OffsetDateTime;

use super::Answer;
use crate::audit::{AuditPage, Checkpoint, Event, Start};

/// The audit log.
pub trait AuditStore {
    /// Appends an entry for what changes nothing else in the store.
    fn append<'a>(&'a self, event: &'a Event<'a>, now: OffsetDateTime) -> Answer<'a, ()>;

    /// At most `limit` entries after that number, with their checkpoints.
    fn audit_page(&self, after: u64, limit: u32) -> Answer<'_, AuditPage>;

    /// The same without the checkpoints, for who looks often: nothing else of the process makes way for it.
    fn audit_news(&self, after: u64, limit: u32) -> Answer<'_, AuditPage>;

    /// The place behind the last entry; the beginning when there is none.
    fn audit_end(&self) -> Answer<'_, Start>;

    /// Records a checkpoint; one of the same entry stays as it is.
    fn add_checkpoint<'a>(&'a self, checkpoint: &'a Checkpoint) -> Answer<'a, ()>;

    /// The last checkpoint.
    fn last_checkpoint(&self) -> Answer<'_, Option<Checkpoint>>;

    /// The number of the last entry that was told to the server's log.
    fn audit_told(&self) -> Answer<'_, u64>;

    /// Records that number.
    fn set_audit_told(&self, seq: u64) -> Answer<'_, ()>;
}
