//! The current CRL: signed at the start, every hour, and within a second of each revocation,
//! whoever recorded it, this process or the command line.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use axum::body::Bytes;
use root_ca::{Authority, CrlError};
use time::OffsetDateTime;

use crate::store::{Store, StoreError};

/// How often the store is asked whether something was revoked.
const POLL_EVERY: Duration = Duration::from_millis(500);
/// How old a CRL becomes while nothing is revoked.
const RESIGN_EVERY: time::Duration = time::Duration::hours(1);
/// A revoked certificate stays listed this long after its end, so that at least one regular CRL
/// beyond its life has it (RFC 5280, 3.3).
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
    revocations: u64,
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
}

async fn sign(
    authority: &Authority,
    store: &dyn Store,
    now: OffsetDateTime,
) -> Result<PublishedCrl, PublishError> {
    // Read before the list: a revocation that comes between is seen again, never missed.
    let revocations = store.revocations().await?;
    let revoked = store.revoked(now - LISTED_AFTER_END).await?;
    let number = store.next_crl_number().await?;
    let crl = authority.sign_crl(&revoked, number, number - 1, now)?;
    // Kept before it is served: what `crl export` writes is never older than what peers have.
    store.keep_crl(number, crl.der()).await?;
    Ok(PublishedCrl {
        der: Bytes::copy_from_slice(crl.der()),
        etag: format!("\"{number}\""),
        number,
        revocations,
        signed_at: now,
        next_update: crl.next_update(),
    })
}

/// Whether a CRL signed at that time is to be followed by another one though nothing was revoked:
/// after an hour, and when the clock was set back behind it, since peers refuse lists from the
/// future.
fn is_due(signed_at: OffsetDateTime, now: OffsetDateTime) -> bool {
    now < signed_at || now >= signed_at + RESIGN_EVERY
}

impl CrlPublisher {
    /// Signs the first CRL.
    ///
    /// # Errors
    /// When the store or the key fails.
    pub async fn start(
        authority: &Authority,
        store: &dyn Store,
        now: OffsetDateTime,
    ) -> Result<Self, PublishError> {
        let first = sign(authority, store, now).await?;
        Ok(Self {
            current: RwLock::new(Arc::new(first)),
        })
    }

    /// The current CRL.
    pub fn current(&self) -> Arc<PublishedCrl> {
        self.current
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// Signs a new CRL if something was revoked since, or the hour is over.
    ///
    /// # Errors
    /// When the store or the key fails; the old CRL stays.
    pub async fn refresh(
        &self,
        authority: &Authority,
        store: &dyn Store,
        now: OffsetDateTime,
    ) -> Result<(), PublishError> {
        let current = self.current();
        if !is_due(current.signed_at, now) && store.revocations().await? == current.revocations {
            return Ok(());
        }
        let next = sign(authority, store, now).await?;
        tracing::info!(number = %next.etag.trim_matches('"'), "signed a new CRL");
        *self
            .current
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(next);
        Ok(())
    }
}

/// The pause between two looks at the store.
pub async fn pause() {
    tokio::time::sleep(POLL_EVERY).await;
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
