use std::future::Future;

use common::identity::{Alias, Role};
use time::OffsetDateTime;

use crate::serial::Serial;

/// What the ledger keeps of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// Its serial number.
    pub serial: Serial,
    /// Whose it is; `None` for the auth server's own HTTPS certificate.
    pub alias: Option<Alias>,
    /// The role that the certificate states; none for the auth server's own.
    pub role: Option<Role>,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub key_sha256: [u8; 32],
    /// Start of validity.
    pub not_before: OffsetDateTime,
    /// End of validity.
    pub not_after: OffsetDateTime,
}

/// The record of all certificates, outside this crate. A certificate is handed out only between
/// two durable records: "about to sign" before the root key is touched, "signed" after.
pub trait Ledger {
    /// Why the ledger refuses, or cannot be written.
    type Error;

    /// Records that `entry` is about to be signed, durably as soon as [`signed`](Self::signed) is;
    /// refuses when its holder may not have a certificate any more.
    fn about_to_sign(
        &self,
        entry: &LedgerEntry,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Records durably that the certificate was signed; refuses when it was revoked meanwhile.
    fn signed(&self, serial: &Serial) -> impl Future<Output = Result<(), Self::Error>> + Send;
}
