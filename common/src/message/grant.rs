use minicbor::{Decode, Encode};

use super::cbor::{self, DecodeError, Message};
use crate::identity::Role;

/// `RSCV`: the listener accepted the requester's certificate, and tells what it grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Version of the message set, 1.
    pub version: u32,
    /// The role that the listener read out of the requester's certificate.
    pub role: Role,
    /// Number of the revocation list by which the listener decided.
    pub crl_number: u64,
}

impl Grant {
    /// The version of the message set that this crate speaks.
    pub const VERSION: u32 = 1;
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Wire {
    #[n(0)]
    version: u32,
    #[n(1)]
    role: String,
    #[n(2)]
    crl_number: u64,
}

impl Message for Grant {
    fn encode(&self) -> Vec<u8> {
        cbor::encode(&Wire {
            version: self.version,
            role: self.role.to_string(),
            crl_number: self.crl_number,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let wire: Wire = cbor::decode(bytes)?;
        Ok(Self {
            version: wire.version,
            role: wire.role.parse().map_err(|_| DecodeError::Field)?,
            crl_number: wire.crl_number,
        })
    }
}
