//! The current CRL: signed at the start, every hour, and at once at a revocation,
//! whoever recorded it, this process or the command line.
//!
//! The ledger's bounds keep it below what peers take. Should it not be signed all the same, the last one
//! is served for as long as it holds, and that is told loudly; there is never a server without any.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Bytes;
use common::crl::RevocationList;
use root_ca::{Authority, CrlError, RevokedCertificate};
use rustls::pki_types::UnixTime;
use time::OffsetDateTime;

use crate::metrics::metrics;
use crate::store::{LISTED_AT_LEAST, MAX_LISTABLE, Store, StoreError};

/// How old a CRL becomes while nothing is revoked.
const RESIGN_EVERY: time::Duration = time::Duration::hours(1);
/// How long what could not be signed is left alone: what makes a list shorter is time, and each try
/// takes a number and some seconds.
const RETRY_EVERY: time::Duration = time::Duration::minutes(1);
/// A revoked certificate stays listed this long after its end where there is room: a device whose clock
/// is a day behind believes it still.
const LISTED_AFTER_END: time::Duration = time::Duration::hours(48);

/// Why no CRL was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be signed.
    #[error(transparent)]
    Crl(#[from] CrlError),
}

/// A CRL ready to be served.
#[derive(Debug, Clone)]
pub struct PublishedCrl {
    /// DER.
    pub der: Bytes,
    /// The entity tag, with its quotes: the CRL's number in decimal, which is all that a client with an old CRL needs to know.
    pub etag: String,
    number: u64,
    /// What is in it; unknown of a list that an earlier run kept.
    revocations: Option<u64>,
    signed_at: OffsetDateTime,
    next_update: OffsetDateTime,
}

impl PublishedCrl {
    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// When it was signed.
    pub fn signed_at(&self) -> OffsetDateTime {
        self.signed_at
    }

    /// Until when it holds.
    pub fn next_update(&self) -> OffsetDateTime {
        self.next_update
    }
}

/// The place where the current CRL lies.
#[derive(Debug)]
pub struct CrlPublisher {
    current: RwLock<Arc<PublishedCrl>>,
    /// When the last try to sign another one failed, if it did.
    failed_at: Mutex<Option<OffsetDateTime>>,
}

async fn sign(
    authority: &Authority,
    store: &dyn Store,
    now: OffsetDateTime,
) -> Result<PublishedCrl, PublishError> {
    // Read before the list: a revocation that comes between is seen again, never missed.
    let revocations = store.revocations().await?;
    let revoked = listed(store, now).await?;
    let number = store.next_crl_number().await?;
    let crl = authority.sign_crl(&revoked, number, number - 1, now)?;
    // Kept before it is served: what `crl export` writes is never older than what peers have.
    store.keep_crl(number, crl.der()).await?;
    Ok(PublishedCrl {
        der: Bytes::copy_from_slice(crl.der()),
        etag: etag(number),
        number,
        revocations: Some(revocations),
        signed_at: now,
        next_update: crl.next_update(),
    })
}

fn etag(number: u64) -> String {
    format!("\"{number}\"")
}

/// What the list names: when it would be too long for peers, only what it must name.
async fn listed(
    store: &dyn Store,
    now: OffsetDateTime,
) -> Result<Vec<RevokedCertificate>, StoreError> {
    let revoked = store.revoked(now - LISTED_AFTER_END).await?;
    match u32::try_from(revoked.len()) {
        Ok(entries) if entries <= MAX_LISTABLE => Ok(revoked),
        _ => store.revoked(now - LISTED_AT_LEAST).await,
    }
}

/// The list that was signed last, if it still holds.
async fn kept(
    authority: &Authority,
    store: &dyn Store,
    now: OffsetDateTime,
) -> Result<Option<PublishedCrl>, StoreError> {
    let clock = Duration::try_from(now - OffsetDateTime::UNIX_EPOCH).unwrap_or_default();
    let time = |at: UnixTime| OffsetDateTime::UNIX_EPOCH + Duration::from_secs(at.as_secs());
    let list = store.last_crl().await?.and_then(|last| {
        let now = UnixTime::since_unix_epoch(clock);
        RevocationList::accept(last.der.into(), authority.root(), now, None).ok()
    });
    Ok(list.map(|list| PublishedCrl {
        der: Bytes::copy_from_slice(list.der()),
        etag: etag(list.number()),
        number: list.number(),
        revocations: None,
        signed_at: time(list.this_update()),
        next_update: time(list.next_update()),
    }))
}

/// Whether a CRL signed at that time is to be followed by another one though nothing was revoked:
/// after an hour, and when the clock was set back behind it, since peers refuse lists from the
/// future.
fn is_due(signed_at: OffsetDateTime, now: OffsetDateTime) -> bool {
    now < signed_at || now >= signed_at + RESIGN_EVERY
}

impl CrlPublisher {
    /// Signs the first CRL. When it cannot be signed, the one that was signed last goes on if it
    /// still holds.
    ///
    /// # Errors
    /// When the store fails, or there is no list to serve.
    pub async fn start(
        authority: &Authority,
        store: &dyn Store,
        now: OffsetDateTime,
    ) -> Result<Self, PublishError> {
        let (first, failed_at) = match sign(authority, store, now).await {
            Ok(first) => (first, None),
            Err(PublishError::Crl(error)) => {
                let Some(kept) = kept(authority, store, now).await? else {
                    return Err(error.into());
                };
                tracing::error!(
                    %error,
                    "the CRL could not be signed; number {} is served until {}: later revocations do not reach peers",
                    kept.number,
                    kept.next_update,
                );
                (kept, Some(now))
            }
            Err(error) => return Err(error),
        };
        metrics().crl_failing.set(i64::from(failed_at.is_some()));
        Ok(Self {
            current: RwLock::new(Arc::new(first)),
            failed_at: Mutex::new(failed_at),
        })
    }

    /// The current CRL.
    pub fn current(&self) -> Arc<PublishedCrl> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Signs a new CRL if something was revoked since, or the hour is over; after a failure to sign
    /// one, not before a minute is over.
    ///
    /// # Errors
    /// When the store fails or it cannot be signed; the old CRL stays.
    pub async fn refresh(
        &self,
        authority: &Authority,
        store: &dyn Store,
        now: OffsetDateTime,
    ) -> Result<(), PublishError> {
        let failed_at = *self.failed_at();
        if failed_at.is_some_and(|at| (at..at + RETRY_EVERY).contains(&now)) {
            return Ok(());
        }
        let current = self.current();
        let revocations = Some(store.revocations().await?);
        if !is_due(current.signed_at, now) && revocations == current.revocations {
            return Ok(());
        }
        let next = sign(authority, store, now).await;
        if !matches!(next, Err(PublishError::Store(_))) {
            *self.failed_at() = next.is_err().then_some(now);
            metrics().crl_failing.set(i64::from(next.is_err()));
        }
        let next = next?;
        tracing::info!(number = %next.number, "signed a new CRL");
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        Ok(())
    }

    fn failed_at(&self) -> MutexGuard<'_, Option<OffsetDateTime>> {
        self.failed_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;

    #[test]
    fn a_crl_is_signed_again_after_an_hour_or_when_the_clock_is_set_back() {
        let noon = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        assert!(!is_due(noon, noon));
        assert!(!is_due(noon, noon + Duration::minutes(59)));
        assert!(is_due(noon, noon + Duration::hours(1)));
        // A machine that slept.
        assert!(is_due(noon, noon + Duration::days(3)));
        assert!(is_due(noon, noon - Duration::seconds(1)));
    }
}
