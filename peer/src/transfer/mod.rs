//! Moving files: the provider's pipeline, the receiver's, and the file that is not yet whole.

mod destination;
mod fetch;
mod part_file;
mod send;
mod write_behind;

pub use destination::{Destination, Overwrite};
pub use fetch::{FetchEvent, FetchReport, Leave, Received, Target, Wanted, fetch};
pub use part_file::PartFile;
pub(crate) use part_file::exists;
pub use send::{SendError, Sent, send_file};
