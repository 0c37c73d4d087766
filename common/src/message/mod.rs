//! What the sealed frames say: deterministic CBOR (RFC 8949, 4.2.1) maps with numbered fields.
//! Unknown fields are ignored, so that later versions may add some; depth and size are bounded.

mod cbor;
mod file;
mod grant;

pub use cbor::{DecodeError, Message};
pub use file::{Acknowledge, ErrorMessage, FileEnd, FileInfo, Outcome, RequestFile};
pub use grant::Grant;
