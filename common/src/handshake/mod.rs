//! TLS 1.3 carried in frames: each side learns who the other is, and both derive the keys of the
//! record layer from the TLS exporter.
//!
//! Each state is a struct; a step takes the state and a frame and returns the next state and the
//! bytes to send. A failed step returns a [`Failure`]: the reason, and the refusal to send.
//!
//! ```text
//! requester                                   listener
//! AwaitListener   -- SECE ClientHello -->     AwaitRequester
//!                 <-- SECE server flight --
//! AwaitVerdict    -- SECE client flight -->
//!                 <-- RSCV (sealed) ------    Established
//! Established
//! ```

mod binding;
mod credentials;
mod error;
mod listener;
mod requester;
mod tls;
mod trust;
mod verifier;

#[cfg(test)]
mod tests;

pub use credentials::{Credentials, CredentialsError};
pub use error::{Distrust, Failure, HandshakeError, Refusal};
pub use listener::{AwaitRequester, ListenerConfig, ListenerStep};
pub use requester::{AwaitListener, AwaitVerdict, RequesterConfig, RequesterStep};
pub use tls::provider;
pub use trust::{Trust, TrustError};

use crate::crypto::{Opener, Sealer};
use crate::identity::PeerCertificate;

/// A member of the organisation on the other end of this connection: chain, dates, usage,
/// revocation, name and possession of the key were checked. Only the handshake makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedPeer {
    certificate: PeerCertificate,
}

impl VerifiedPeer {
    /// What its certificate says.
    pub fn certificate(&self) -> &PeerCertificate {
        &self.certificate
    }
}

/// A finished handshake: who is there, and the keys of both directions.
#[derive(Debug)]
pub struct Established {
    /// The other side.
    pub peer: VerifiedPeer,
    /// Seals what we send.
    pub sealer: Sealer,
    /// Opens what we receive.
    pub opener: Opener,
}
