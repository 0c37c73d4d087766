//! `peer whoami`

use std::fmt::Write as _;

use common::identity::OrgRoot;
use common::name::Escaped;

use crate::clock;
use crate::failure::{Exit, Failure, own_revoked};
use crate::identity_store::IdentityStore;
use crate::renewal;
use crate::renewal::schedule::{self, Need};
use crate::revalidation::Revalidation;
use crate::ui;

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
    learn(store, &root)?;
    let crl = store.crl(&root)?;
    let need = crl.as_ref().map_or(Need::Nothing, |crl| {
        renewal::need(certificate, crl, clock::now())
    });
    if need == Need::Revoked
        && let Some(revoked) = crl.and_then(|crl| crl.revoked(certificate))
    {
        return Err(own_revoked(&revoked));
    }
    let role = match need {
        Need::RoleChanged => format!(
            "{} (has changed; the next certificate has the new one: peer renew)",
            certificate.role()
        ),
        _ => certificate.role().to_string(),
    };
    let kept = store.account()?.servers;
    let unknown = ["unknown".to_owned()];
    let servers: Vec<String> = if kept.is_empty() { &unknown[..] } else { &kept }
        .iter()
        .map(|server| format!("auth server   {}", Escaped(server)))
        .collect();
    let mut serial = String::new();
    for byte in certificate.serial() {
        // Writing to a string never fails.
        let _ = write!(serial, "{byte:02x}");
    }
    Ok(format!(
        "alias         {}\nrole          {role}\norganisation  {}\nname          {}\nvalid until   {}\nrenews at     {}\nserial        {serial}\n{}\norg root      {}",
        certificate.name().alias(),
        Escaped(root.display_name()),
        certificate.name(),
        clock::show(certificate.not_after()),
        clock::show(schedule::renew_at(certificate)),
        servers.join("\n"),
        root.fingerprint(),
    ))
}

/// The newest list, as far as it is to be had; what this device is stands on disk too.
fn learn(store: &IdentityStore, root: &OrgRoot) -> Result<(), Failure> {
    let servers = store.servers(ui::alarm)?;
    if let Ok(mut newest) = Revalidation::start(store, root, servers.as_ref()) {
        newest.learn();
    }
    Ok(())
}
