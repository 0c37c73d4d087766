//! Two peers in one test: an organisation made on the spot, the time in a field, no sockets.

mod org;
mod pair;

pub use org::{Issued, Leaf, NOW, TestOrg, at, dns};
pub use pair::{Outcome, Pair, Tamper, each_frame};
