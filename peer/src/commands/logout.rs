//! `peer logout`

use crate::failure::{Exit, Failure};
use crate::identity_store::IdentityStore;

/// Forgets key and certificate: what to tell the user.
///
/// # Errors
/// When nobody is logged in, or the file cannot be removed.
pub fn run(store: &IdentityStore) -> Result<String, Failure> {
    let _lock = store.lock()?;
    if store.remove_credentials()? {
        Ok("logged out; the key of this device is removed".into())
    } else {
        Err(Failure::new(
            Exit::NotLoggedIn,
            "nobody is logged in on this device",
        ))
    }
}
