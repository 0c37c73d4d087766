//! `peer profile show|set`

use common::name::Escaped;

use super::login;
use crate::auth_client::AuthClient;
use crate::auth_client::account::Me;
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::identity_store::IdentityStore;

/// What others are told of the person who is logged in: lines for standard output.
///
/// # Errors
/// When nobody is logged in, or the server cannot be reached.
pub fn show(store: &IdentityStore, json: bool) -> Result<String, Failure> {
    let me = client(store)?.me()?;
    if json {
        return serde_json::to_string(&me)
            .map_err(|error| Failure::new(Exit::Other, error.to_string()));
    }
    Ok(lines(&me))
}

/// Changes what is given and leaves the rest: what to tell the user.
///
/// # Errors
/// As [`show`], and when a text is not accepted.
pub fn set(
    store: &IdentityStore,
    name: Option<&str>,
    email: Option<&str>,
) -> Result<String, Failure> {
    if name.is_none() && email.is_none() {
        return Err(Failure::new(Exit::Usage, "there is nothing to change")
            .hint("give --name NAME or --email ADDRESS; an empty one removes it"));
    }
    let client = client(store)?;
    let me = client.me()?;
    let me = client.set_details(name.unwrap_or(&me.display_name), email.unwrap_or(&me.email))?;
    Ok(lines(&me))
}

fn client(store: &IdentityStore) -> Result<AuthClient, Failure> {
    let root = store.root()?;
    store.valid_credentials(&root, clock::now())?;
    let servers = login::servers(store, &[])?;
    let device = store.device_key(&root)?;
    Ok(AuthClient::with_device(&servers, &root, &device))
}

fn lines(me: &Me) -> String {
    let shown = |text: &str| match text {
        "" => "-".to_owned(),
        text => Escaped(text).to_string(),
    };
    [
        ("alias", &me.alias),
        ("role", &me.role),
        ("name", &me.display_name),
        ("e-mail", &me.email),
    ]
    .map(|(what, text)| format!("{what:<12}  {}", shown(text)))
    .join("\n")
}
