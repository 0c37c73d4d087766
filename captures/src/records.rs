//! The store of an organisation, as a test prepares it beside the running auth server: what would
//! take hundreds of logins.

use auth_server::store::sqlite::SqliteStore;
use auth_server::store::{Store as _, StoreError};
use common::identity::Fingerprint;

use crate::error::{Doing, Error, Result};
use crate::foreign::root_certificate;
use crate::organisation::Organisation;

/// Works on the store.
///
/// # Errors
/// If it cannot be opened, or the work fails.
pub fn in_store<T>(
    organisation: &Organisation,
    work: impl AsyncFnOnce(&SqliteStore) -> std::result::Result<T, StoreError>,
) -> Result<T> {
    let root = Fingerprint::of(&root_certificate(&organisation.folder())?);
    let path = organisation.folder().join("store.sqlite");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .doing("starting what waits for the store")?;
    let done = runtime.block_on(async {
        let store = SqliteStore::open(&path, &root).await?;
        let result = work(&store).await?;
        store.close().await?;
        Ok(result)
    });
    done.map_err(|error: StoreError| Error::Unexpected(error.to_string()))
}
