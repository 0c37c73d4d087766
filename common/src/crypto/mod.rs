//! The record layer: keys, suites, and sealing and opening frames in place.

mod keys;
mod record;
mod suite;

pub use keys::Secret;
pub use record::{OpenError, Opener, SealError, Sealer};
pub use suite::Suite;
