use std::collections::HashMap;

use common::identity::Alias;
use root_ca::{RevocationReason, Serial};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use x509_cert::crl::{CertificateList, RevokedCert};
use x509_cert::der::Decode;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::ext::pkix::CrlReason;
use x509_cert::time::Time;

use super::text;
use crate::store::LastCrl;

/// A CRL, as administrators see one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrlView {
    /// Its number.
    pub number: u64,
    /// When it was signed.
    #[serde(with = "time::serde::rfc3339")]
    pub this_update: OffsetDateTime,
    /// When it ends.
    #[serde(with = "time::serde::rfc3339::option")]
    pub next_update: Option<OffsetDateTime>,
    /// What it lists.
    pub entries: Vec<CrlEntryView>,
}

/// A revoked certificate on a CRL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrlEntryView {
    /// Its number.
    #[serde(with = "text")]
    pub serial: Serial,
    /// The member; none for the server's own.
    #[serde(with = "text::option")]
    pub alias: Option<Alias>,
    /// Why it was revoked, as RFC 5280 names it.
    #[serde(with = "text")]
    pub reason: RevocationReason,
    /// When it was revoked.
    #[serde(with = "time::serde::rfc3339")]
    pub revoked_at: OffsetDateTime,
}

impl CrlView {
    /// Reads a CRL of this authority; `holders` says whose the certificates are. `None` when it is
    /// none.
    pub fn read(crl: &LastCrl, holders: &HashMap<Serial, Alias>) -> Option<Self> {
        let list = CertificateList::from_der(&crl.der).ok()?.tbs_cert_list;
        let entries = list.revoked_certificates.unwrap_or_default();
        Some(Self {
            number: crl.number,
            this_update: moment(list.this_update)?,
            next_update: list.next_update.and_then(moment),
            entries: entries
                .iter()
                .map(|entry| CrlEntryView::read(entry, holders))
                .collect::<Option<_>>()?,
        })
    }
}

impl CrlEntryView {
    fn read(entry: &RevokedCert, holders: &HashMap<Serial, Alias>) -> Option<Self> {
        let serial = Serial::from_bytes(entry.serial_number.as_bytes())?;
        Some(Self {
            serial,
            alias: holders.get(&serial).cloned(),
            reason: reason(entry)?,
            revoked_at: moment(entry.revocation_date)?,
        })
    }
}

/// "Absent instead of unspecified" (RFC 5280, 5.3.1).
fn reason(entry: &RevokedCert) -> Option<RevocationReason> {
    let extensions = entry.crl_entry_extensions.as_deref().unwrap_or_default();
    let stated = extensions
        .iter()
        .find(|extension| extension.extn_id == CrlReason::OID);
    match stated {
        None => Some(RevocationReason::Unspecified),
        // A DER ENUMERATED of one byte.
        Some(extension) => match extension.extn_value.as_bytes() {
            [0x0a, 1, code] => RevocationReason::from_code(*code),
            _ => None,
        },
    }
}

fn moment(time: Time) -> Option<OffsetDateTime> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}
