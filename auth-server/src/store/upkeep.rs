use std::path::Path;

use time::OffsetDateTime;

use super::{Answer, UserState};
use crate::audit::Actor;

/// How much there is of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Census {
    /// People in each state.
    pub users: [(UserState, u64); 3],
    /// Certificates that are believed.
    pub valid: u64,
    /// Whose time is over.
    pub expired: u64,
    /// That were revoked.
    pub revoked: u64,
    /// That were recorded and never handed out.
    pub unsigned: u64,
    /// The number that rises with every revocation.
    pub revocations: u64,
    /// The last number given to a CRL.
    pub crl_number: u64,
}

/// What keeps the store itself in order.
pub trait UpkeepStore {
    /// Differs from what it was before if anything was written since, by whatever process.
    fn version(&self) -> Answer<'_, u64>;

    /// Counts everything.
    fn census(&self, now: OffsetDateTime) -> Answer<'_, Census>;

    /// Whether something could be changed now: takes what every change takes, for as long as one would
    /// wait for it, and gives it back.
    ///
    /// An error says who keeps it, where that can be found out.
    fn accepts_changes(&self) -> Answer<'_, ()>;

    /// Writes the whole store, as it is at one moment, into the empty file `path`, while others
    /// go on using it. What is written opens like this store.
    fn snapshot_to<'a>(&'a self, path: &'a Path) -> Answer<'a, ()>;

    /// Makes a restored store safe to use: the next CRL gets a number above `crl_number`, which
    /// must be above the last one, a new CRL is due, and the last one is forgotten, since peers may
    /// have a newer one.
    fn resume_after_restore<'a>(
        &'a self,
        crl_number: u64,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, ()>;
}
