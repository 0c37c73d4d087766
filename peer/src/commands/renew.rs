//! `peer renew`

use super::login;
use crate::clock;
use crate::failure::Failure;
use crate::identity_store::IdentityStore;
use crate::renewal;

/// Gets the next certificate now: what to tell the user.
///
/// # Errors
/// When nobody is logged in, or the server refuses or cannot be reached.
pub fn run(store: &IdentityStore) -> Result<String, Failure> {
    let root = store.root()?;
    let servers = login::servers(store, &[])?;
    let next = renewal::renew(store, &root, &servers, None)?;
    let certificate = next.certificate();
    Ok(format!(
        "renewed: {} ({}) until {}",
        certificate.name().alias(),
        certificate.role(),
        clock::show(certificate.not_after())
    ))
}
