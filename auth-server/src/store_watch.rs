//! Whether the store takes changes. Readers never notice when another process keeps its write lock, and
//! nobody can log in meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::metrics::metrics;
use crate::store::Store;

/// Between two looks; each is one empty transaction.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What the last look found.
#[derive(Debug, Default)]
pub struct StoreWatch {
    failing: AtomicBool,
}

impl StoreWatch {
    /// Whether nothing can be changed.
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Looks again and again, and says what it finds: at each look that nothing can be changed, and
    /// once that it can again.
    pub async fn keep_looking(&self, store: &dyn Store) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let found = store.accepts_changes().await;
            let failed_before = self.failing.swap(found.is_err(), Ordering::Relaxed);
            metrics().store_failing.set(found.is_err().into());
            match found {
                Err(error) => {
                    tracing::error!(%error, "the store takes no changes: nobody can log in");
                }
                Ok(()) if failed_before => tracing::warn!("the store takes changes again"),
                Ok(()) => {}
            }
        }
    }
}
