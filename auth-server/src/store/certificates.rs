use common::identity::{Alias, DeviceName, Role};
use root_ca::{Ledger, LedgerEntry, RevocationReason, RevokedCertificate, Serial};
use time::{Duration, OffsetDateTime};

use super::{Answer, Store, StoreError};
use crate::audit::Actor;

/// The longest time after its end at which a certificate may still be renewed: a quarter.
pub const MAX_GRACE: Duration = Duration::days(92);

/// A certificate as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRecord {
    /// Its number.
    pub serial: Serial,
    /// The member; none for the server's own.
    pub alias: Option<Alias>,
    /// The role that it states.
    pub role: Option<Role>,
    /// SHA-256 of the public key's SubjectPublicKeyInfo.
    pub key_sha256: [u8; 32],
    /// Start of validity.
    pub not_before: OffsetDateTime,
    /// End of validity.
    pub not_after: OffsetDateTime,
    /// Whether it left the signer; one that did not was never handed out.
    pub signed: bool,
    /// The certificate that it took the place of.
    pub renews: Option<Serial>,
    /// The first certificate of its device: the line of those that took each other's place.
    pub device: Serial,
    /// Where it and its device come from.
    pub origin: Origin,
    /// When it was recorded.
    pub created_at: OffsetDateTime,
    /// When and why it was revoked.
    pub revoked: Option<(OffsetDateTime, RevocationReason)>,
    /// Whether that was only because its holder's role changed.
    pub role_changed: bool,
}

/// What counts when somebody shows a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The member; none for the server's own.
    pub alias: Option<Alias>,
    /// SHA-256 of the public key's SubjectPublicKeyInfo.
    pub key_sha256: [u8; 32],
    /// End of validity.
    pub not_after: OffsetDateTime,
    /// Whether it left the signer.
    pub signed: bool,
    /// The first certificate of its device.
    pub device: Serial,
    /// What the device said last that it is called.
    pub device_name: Option<DeviceName>,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Whether a revocation, if there is one, stands against its renewal.
    pub renewable: bool,
    /// What the member may do, whatever the certificate states; none unless active.
    pub role: Option<Role>,
    /// Whether a one-time password waits for the member.
    pub password_pending: bool,
}

/// Where a certificate comes from, as far as it is known: an older ledger did not keep it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The source that asked for it.
    pub source: Option<String>,
    /// The source of the login that its device began with.
    pub login_source: Option<String>,
    /// What the device said last that it is called.
    pub device_name: Option<DeviceName>,
}

/// The CRL that was signed last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastCrl {
    /// Its number.
    pub number: u64,
    /// DER.
    pub der: Vec<u8>,
}

/// Which certificates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateFilter {
    /// Of that member alone.
    pub alias: Option<Alias>,
    /// That state this role.
    pub role: Option<Role>,
    /// Of the device that has this one.
    pub device_of: Option<Serial>,
    /// That end at this moment or later.
    pub ends_after: Option<OffsetDateTime>,
    /// That end before this moment.
    pub ends_before: Option<OffsetDateTime>,
    /// That were revoked (true) or not (false).
    pub revoked: Option<bool>,
    /// At most so many, the newest first.
    pub limit: u32,
}

/// One certificate on its way: what the ledger records beside the certificate's own contents.
#[derive(Debug)]
pub struct Issuance<'a> {
    /// Who asked for it.
    pub by: &'a Actor,
    /// The certificate that it takes the place of, which must not have been revoked but for a
    /// change of role.
    pub renews: Option<Serial>,
    /// When.
    pub now: OffsetDateTime,
}

/// The ledger of certificates, and the numbers of CRLs.
pub trait CertificateStore {
    /// Records a certificate that is about to be signed, if its holder is active and has the role
    /// that it states, and if its key is nobody else's. This is on the disk together with what
    /// [`signed`](Self::signed) records, at the latest. A member has no more than
    /// [`MAX_ISSUED`](super::MAX_ISSUED) of them within [`WINDOW`](super::WINDOW) and
    /// [`MAX_CURRENT`](super::MAX_CURRENT) that are good, and all members together
    /// [`MAX_LISTABLE`](super::MAX_LISTABLE).
    ///
    /// A renewal needs more: a key that was never certified, a holder for whom no one-time password
    /// waits, a certificate to renew that may be, and a device that did not renew
    /// [`MAX_RENEWALS`](super::MAX_RENEWALS) times within [`WINDOW`](super::WINDOW). A device is the
    /// line of certificates that took each other's place.
    fn about_to_sign<'a>(
        &'a self,
        entry: &'a LedgerEntry,
        issuance: &'a Issuance<'a>,
    ) -> Answer<'a, ()>;

    /// Records that it was signed and where it comes from, if it was not revoked meanwhile.
    fn signed<'a>(&'a self, serial: &'a Serial, issuance: &'a Issuance<'a>) -> Answer<'a, ()>;

    /// The certificate with that number.
    fn certificate<'a>(&'a self, serial: &'a Serial) -> Answer<'a, Option<CertificateRecord>>;

    /// What counts when somebody shows the certificate with that number.
    fn standing<'a>(&'a self, serial: &'a Serial) -> Answer<'a, Option<Standing>>;

    /// The certificates that the filter lets through.
    fn certificates<'a>(
        &'a self,
        filter: &'a CertificateFilter,
    ) -> Answer<'a, Vec<CertificateRecord>>;

    /// Revokes the device that has this certificate: this one, and all of its line that have not
    /// ended or might still be renewed. What is revoked already stays as it is, unless that was
    /// only because its holder's role changed. What the auth server itself uses is not revoked
    /// ([`StoreError::OwnCertificate`]). Says how many were in force, and nothing when
    /// nothing was left to be revoked. The audit log gets an entry for this certificate and for
    /// each that was in force. Takes the order of somebody who may give it at
    /// that moment ([`Right`](crate::audit::Right)).
    fn revoke<'a>(
        &'a self,
        serial: &'a Serial,
        reason: RevocationReason,
        by: &'a Actor,
        now: OffsetDateTime,
    ) -> Answer<'a, Option<u64>>;

    /// Members' certificates that ended at `since` or later: what would be listed if everybody were
    /// revoked.
    fn listable(&self, since: OffsetDateTime) -> Answer<'_, u64>;

    /// The revoked certificates that ended at `since` or later.
    fn revoked(&self, since: OffsetDateTime) -> Answer<'_, Vec<RevokedCertificate>>;

    /// A number that rises with every revocation.
    fn revocations(&self) -> Answer<'_, u64>;

    /// Takes the next CRL number, for ever; the one before it is one less.
    fn next_crl_number(&self) -> Answer<'_, u64>;

    /// Keeps a CRL that was signed, unless a later one is kept already.
    fn keep_crl<'a>(&'a self, number: u64, der: &'a [u8]) -> Answer<'a, ()>;

    /// The CRL that was signed last.
    fn last_crl(&self) -> Answer<'_, Option<LastCrl>>;
}

/// The store as the ledger of one issuance.
pub struct StoreLedger<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// The issuance.
    pub issuance: Issuance<'a>,
}

impl Ledger for StoreLedger<'_> {
    type Error = StoreError;

    async fn about_to_sign(&self, entry: &LedgerEntry) -> Result<(), StoreError> {
        self.store.about_to_sign(entry, &self.issuance).await
    }

    async fn signed(&self, serial: &Serial) -> Result<(), StoreError> {
        self.store.signed(serial, &self.issuance).await
    }
}
