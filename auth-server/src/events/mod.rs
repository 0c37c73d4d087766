//! What members' devices are told while they listen: that another revocation list is served, that
//! something about a person changed, who comes and goes.
//!
//! The middle knows no clock and no socket: `ring` gives events their numbers and keeps the last
//! ones, `seats` knows who listens and how far each has read, `state` joins both with the directory
//! of who is online. [`Hub`] is that behind a lock, [`EventStream`] an answer's body, and [`Feed`]
//! looks for what others wrote into the store.

mod feed;
mod hub;
mod kind;
mod person;
mod ring;
mod seats;
mod state;
mod stream;

pub use feed::{Feed, pause};
pub use hub::{Hub, Reader};
pub use seats::{MAX_STREAMS_PER_DEVICE, MAX_STREAMS_PER_PERSON};
pub use state::Refused;
pub use stream::{EventStream, StreamEnd};
