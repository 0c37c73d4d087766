//! Who is online: what devices tell of themselves, checked, bounded, and gone with them.
//!
//! Alias, role and name come from certificate and ledger; what a device tells is where it is and what
//! it offers. That is a claim: whoever dials proves whom he reached.

mod announcement;
mod directory;
mod pace;
mod who;

pub use announcement::{Announcement, AnnouncementError, Offer};
pub use directory::{Change, Directory, Gone, NoEntry, Online};
pub use who::Who;
