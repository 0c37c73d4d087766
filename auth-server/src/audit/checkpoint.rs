use base64ct::{Base64, Encoding};
use common::identity::OrgRoot;
use root_ca::ForgedCheckpoint;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;

use super::Hash;

/// The root key's signature over the log up to an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Number of the entry.
    pub seq: u64,
    /// Its hash when this was signed.
    #[schema(value_type = String)]
    pub hash: Hash,
    /// When this was signed.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub at: OffsetDateTime,
    /// The signature; base64 in JSON.
    #[serde(serialize_with = "to_base64", deserialize_with = "from_base64")]
    #[schema(value_type = String)]
    pub signature: Vec<u8>,
}

impl Checkpoint {
    /// What the root key signs.
    pub fn statement(&self) -> root_ca::Checkpoint {
        root_ca::Checkpoint {
            seq: self.seq,
            hash: self.hash.0,
            at: self.at,
        }
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// When it is not the root's over just this.
    pub fn verify(&self, root: &OrgRoot) -> Result<(), ForgedCheckpoint> {
        self.statement().verify(&self.signature, root)
    }
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&Base64::encode_string(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Base64::decode_vec(&text).map_err(|_| serde::de::Error::custom("a signature is base64"))
}
