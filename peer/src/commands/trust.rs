//! `peer trust URL --fingerprint SHA256:...`

use common::identity::Fingerprint;
use common::name::Escaped;

use super::login;
use crate::auth_client::{self, AuthClient};
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::identity_store::IdentityStore;
use crate::servers::Servers;
use crate::ui;

/// Fetches the org root, believes it only by its fingerprint, keeps it, and reconnects verified:
/// what to tell the user.
///
/// # Errors
/// When the server cannot be reached, its root is another one, or another organisation is trusted
/// already.
pub fn run(store: &IdentityStore, url: &str, fingerprint: &str) -> Result<String, Failure> {
    let named = Servers::new([&url.to_owned()], store.home().answered(), ui::alarm)?;
    let servers = named.ok_or_else(login::no_server)?;
    let server = servers.first();
    let expected: Fingerprint = fingerprint.parse().map_err(|error| {
        Failure::new(Exit::Usage, format!("{}: {error}", Escaped(fingerprint)))
            .hint("copy the whole line that the administrator's auth-server printed")
    })?;
    let root = auth_client::fetch_root(server, expected)?;
    if let Some(held) = store.root_if_any()?
        && held.fingerprint() != root.fingerprint()
    {
        return Err(Failure::new(
            Exit::NotTrusted,
            format!(
                "this device trusts another organisation already: {}",
                Escaped(held.display_name())
            ),
        )
        .hint(format!(
            "to change, remove {} first",
            store.home().root().display()
        )));
    }
    let crl = AuthClient::new(&servers, &root).newer_crl(&root, None, clock::now())?;
    store.save_root(&root)?;
    if let Some(crl) = crl {
        store.save_crl(&crl, &root)?;
    }
    let mut account = store.account()?;
    account.servers.retain(|other| other != server);
    account.servers.insert(0, server.to_owned());
    store.save_account(&account)?;
    Ok(format!(
        "this device trusts {} ({server})",
        Escaped(root.display_name())
    ))
}
