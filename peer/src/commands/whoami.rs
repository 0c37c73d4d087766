//! `peer whoami`

use std::fmt::Write as _;

use common::name::Escaped;

use crate::clock;
use crate::failure::{Exit, Failure};
use crate::identity_store::IdentityStore;
use crate::renewal;
use crate::renewal::schedule::{self, Need};

/// Who is logged in, in which organisation, until when: lines for standard output.
///
/// # Errors
/// When nobody is logged in, or the certificate has expired or is on the revocation list that the
/// device holds.
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
    if let Some(crl) = store.crl(&root)?
        && renewal::need(certificate, &crl, clock::now()) == Need::Revoked
    {
        let alias = certificate.name().alias();
        return Err(Failure::new(
            Exit::NotTrusted,
            format!("the certificate of {alias} was revoked: peers refuse it"),
        )
        .hint("log in again with peer login, or ask your administrator"));
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
