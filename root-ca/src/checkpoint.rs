//! Checkpoints of an audit log: the root key's word that an entry, and through its hash all before
//! it, stood in the log at a time.
//!
//! The signed message is a short text of fixed lines. It begins with ASCII letters, and everything
//! else that the root key signs, a certificate's or a CRL's content, is DER that begins with the
//! byte 0x30: no checkpoint can pass for one of them, whatever its fields hold.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use common::identity::{Fingerprint, OrgRoot};
use der::Decode;
use time::OffsetDateTime;
use x509_cert::Certificate;

use crate::authority::Authority;
use crate::encode::{EC_PUBLIC_KEY, RSA_ENCRYPTION};
use crate::key::KeyError;

/// The first line of what is signed, so that it is a signature of nothing else.
const CONTEXT: &str = "orgshare/1 audit checkpoint";

/// The place in a log that is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Number of the last entry that is vouched for.
    pub seq: u64,
    /// Its hash, which covers all entries before it.
    pub hash: [u8; 32],
    /// When this was signed; whole seconds count.
    pub at: OffsetDateTime,
}

/// The signature of a checkpoint is not the root key's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the checkpoint was not signed by this root")]
pub struct ForgedCheckpoint;

impl Checkpoint {
    /// The bytes that are signed: five lines, each ended by a line feed.
    pub fn message(&self, root: &Fingerprint) -> Vec<u8> {
        let hash: String = self.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let (seq, time) = (self.seq, self.at.unix_timestamp());
        format!("{CONTEXT}\nroot {root}\nentry {seq}\nhash {hash}\ntime {time}\n").into_bytes()
    }

    /// Checks the root's signature.
    ///
    /// # Errors
    /// When it is not by the key of `root` over this checkpoint.
    pub fn verify(&self, signature: &[u8], root: &OrgRoot) -> Result<(), ForgedCheckpoint> {
        let parsed = Certificate::from_der(root.certificate()).map_err(|_| ForgedCheckpoint)?;
        let key = parsed.tbs_certificate().subject_public_key_info();
        let algorithm: &'static dyn VerificationAlgorithm = match key.algorithm.oid {
            RSA_ENCRYPTION => &RSA_PKCS1_2048_8192_SHA256,
            EC_PUBLIC_KEY => &ECDSA_P256_SHA256_ASN1,
            _ => return Err(ForgedCheckpoint),
        };
        UnparsedPublicKey::new(algorithm, key.subject_public_key.raw_bytes())
            .verify(&self.message(&root.fingerprint()), signature)
            .map_err(|_| ForgedCheckpoint)
    }
}

impl Authority {
    /// Signs a checkpoint with the root key. The caller gives numbers and a hash, never bytes: this
    /// method cannot be made to sign anything else.
    ///
    /// # Errors
    /// When the key fails.
    pub fn sign_checkpoint(&self, checkpoint: &Checkpoint) -> Result<Vec<u8>, KeyError> {
        self.attest(checkpoint)
    }
}
