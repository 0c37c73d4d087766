//! `peer login [ALIAS]`

use std::path::Path;

use common::identity::{Alias, OrgRoot};

use crate::auth_client::{self, AuthClient};
use crate::cli::KeyType;
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::identity_store::{Account, IdentityStore};
use crate::key_request::KeyRequest;
use crate::options;
use crate::ui::prompt;

/// A checked `login`.
#[derive(Debug)]
pub struct Login<'a> {
    /// Who, when given.
    pub alias: Option<&'a str>,
    /// Whether what is missing may be asked for.
    pub may_ask: bool,
    /// Where the password comes from; `None` asks.
    pub password_file: Option<&'a Path>,
    /// Kind of key to make.
    pub key_type: KeyType,
    /// The server, when it is not the one of `trust`.
    pub server: Option<&'a str>,
}

/// Asks for what is missing, logs in, keeps the certificate: what to tell the user.
///
/// # Errors
/// When the server refuses or cannot be reached.
pub fn run(store: &IdentityStore, login: &Login<'_>) -> Result<String, Failure> {
    let root = store.root()?;
    let server = server(store, login.server)?;
    if !login.may_ask && (login.alias.is_none() || login.password_file.is_none()) {
        return Err(Failure::new(
            Exit::Usage,
            "alias and password are needed, and may not be asked for",
        )
        .hint("give ALIAS and --password-file FILE, or - for standard input"));
    }
    let alias = match login.alias {
        Some(alias) => options::alias(alias)?,
        None => options::alias(prompt::line("alias: ")?.trim())?,
    };
    let password = match login.password_file {
        Some(path) => prompt::password_file(path)?,
        None => prompt::hidden("password: ")?,
    };
    log_in(store, &root, &server, &alias, &password, login.key_type)?;
    let credentials = store.credentials(&root)?;
    Ok(format!(
        "logged in as {alias} until {}",
        clock::show(credentials.certificate().not_after())
    ))
}

/// The server to use: named now, else the one that was kept.
///
/// # Errors
/// When none is known.
pub fn server(store: &IdentityStore, named: Option<&str>) -> Result<String, Failure> {
    match (named, store.account()?.server) {
        (Some(named), _) => auth_client::normalise(named),
        (None, Some(kept)) => auth_client::normalise(&kept),
        (None, None) => Err(Failure::new(Exit::NotLoggedIn, "no auth server is known")
            .hint("name it with --server https://HOST:12565")),
    }
}

/// Makes a key, has it certified for `alias`, and keeps both with the newest revocation list.
///
/// # Errors
/// When the server refuses, cannot be reached, or certifies something else.
pub fn log_in(
    store: &IdentityStore,
    root: &OrgRoot,
    server: &str,
    alias: &Alias,
    password: &str,
    key_type: KeyType,
) -> Result<(), Failure> {
    let client = AuthClient::new(server, root);
    let request = KeyRequest::new(key_type)?;
    let certificate = client.login(alias.as_str(), password, request.csr())?;
    let held = store.crl(root)?;
    let newer = client.newer_crl(root, held.as_ref(), clock::now())?;
    store.home().create()?;
    let _lock = store.lock()?;
    store.save_credentials(&request.key_pem(), &certificate)?;
    if let Some(list) = newer {
        store.save_crl(&list)?;
    }
    store.save_account(&Account {
        server: Some(server.to_owned()),
        alias: Some(alias.to_string()),
    })?;
    check_certified(store, root, alias)
}

/// The server is trusted to certify, yet what it sent must be what was asked for.
fn check_certified(store: &IdentityStore, root: &OrgRoot, alias: &Alias) -> Result<(), Failure> {
    let credentials = store.credentials(root)?;
    if credentials.certificate().name().alias() == alias {
        return Ok(());
    }
    store.remove_credentials()?;
    Err(
        Failure::new(Exit::NotTrusted, "the auth server certified another alias")
            .hint("tell your administrator"),
    )
}
