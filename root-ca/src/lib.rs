//! The organisation's certificate authority: prepare, sign, revoke.
//!
//! Pure but for [`key_store`]: requests, decisions and the time go in, DER comes out. Issuing is
//! two steps. [`Authority::prepare`] checks everything and lints a copy that carries a throw-away
//! signature; [`Authority::issue`] consumes the result, with the [`Ledger`] told before and after.
//!
//! **Invariant:** the root key signs only bytes that were linted, inside `Authority::seal`, and
//! checkpoints of a log, inside `Authority::attest`, which begin as nothing linted begins.

mod authority;
mod checkpoint;
mod crl;
mod encode;
mod issue;
mod key;
pub mod key_store;
mod ledger;
mod lint;
mod profile;
mod request;
mod serial;

pub use authority::{Authority, AuthorityError};
pub use checkpoint::{Checkpoint, ForgedCheckpoint};
pub use crl::{CrlError, RevocationReason, RevokedCertificate, SignedCrl, UnknownReason};
pub use issue::{IssueError, IssuedCertificate, PrepareError, Prepared};
pub use key::{KeyAlgorithm, KeyError, KeyType, PublicKey, SigningKey, SoftwareKey};
pub use ledger::{Ledger, LedgerEntry};
pub use lint::LintError;
pub use profile::{Host, HostError, Profile, ProfileConfig, ProfileError, Subject};
pub use request::{MAX_REQUEST_BYTES, ProvenKey, RequestError};
pub use serial::{Serial, SerialError};
