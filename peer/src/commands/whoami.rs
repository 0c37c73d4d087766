//! `peer whoami`

use std::fmt::Write as _;

use common::name::Escaped;

use crate::clock;
use crate::failure::{Exit, Failure};
use crate::identity_store::IdentityStore;
use crate::renewal::schedule;

/// Who is logged in, in which organisation, until when: lines for standard output.
///
/// # Errors
/// When nobody is logged in or the certificate has expired.
pub fn run(store: &IdentityStore) -> Result<String, Failure> {
    let root = store.root()?;
    let credentials = store.credentials(&root)?;
    let certificate = credentials.certificate();
    if !credentials.is_valid_at(clock::now()) {
        return Err(Failure::new(
            Exit::NotLoggedIn,
            format!(
                "the certificate of {} expired on {}",
                certificate.name().alias(),
                clock::show(certificate.not_after())
            ),
        )
        .hint("renew it with peer renew, or log in again with peer login"));
    }
    let account = store.account()?;
    let mut serial = String::new();
    for byte in certificate.serial() {
        // Writing to a string never fails.
        let _ = write!(serial, "{byte:02x}");
    }
    Ok(format!(
        "alias         {}\nrole          {}\norganisation  {}\nname          {}\nvalid until   {}\nrenews at     {}\nserial        {serial}\nauth server   {}\norg root      {}",
        certificate.name().alias(),
        certificate.role(),
        Escaped(root.display_name()),
        certificate.name(),
        clock::show(certificate.not_after()),
        clock::show(schedule::renew_at(certificate)),
        Escaped(account.server.as_deref().unwrap_or("unknown")),
        root.fingerprint(),
    ))
}
