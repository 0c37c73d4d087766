//! `peer login [ALIAS]`

use std::path::Path;

use common::identity::{Alias, OrgRoot};

use super::passwd::{self, NewPassword};
use super::tries::Tries;
use crate::auth_client::{AuthClient, LoginAnswer};
use crate::cli::KeyType;
use crate::clock;
use crate::failure::{Exit, Failure};
use crate::identity_store::{Account, IdentityStore};
use crate::key_request::KeyRequest;
use crate::options;
use crate::servers::Servers;
use crate::ui::{self, prompt};

/// How long after its end a device's certificate is still shown: what the auth server takes when it
/// is not set to less.
const SHOWN_AFTER_END_SECS: u64 = 30 * 24 * 3600;

/// A checked `login`.
#[derive(Debug)]
pub struct Login<'a> {
    /// Who, when given.
    pub alias: Option<&'a str>,
    /// Whether what is missing may be asked for.
    pub may_ask: bool,
    /// Where the password comes from; `None` asks.
    pub password_file: Option<&'a Path>,
    /// Where another password comes from, should this one be for once; `None` asks.
    pub new_password_file: Option<&'a Path>,
    /// Kind of key to make.
    pub key_type: KeyType,
    /// The servers, when they are not those that were kept.
    pub servers: &'a [String],
}

/// Asks for what is missing, logs in, keeps the certificate: what to tell the user.
///
/// # Errors
/// When the server refuses or cannot be reached.
pub fn run(store: &IdentityStore, login: &Login<'_>) -> Result<String, Failure> {
    let root = store.root()?;
    let servers = servers(store, login.servers)?;
    if !login.may_ask && (login.alias.is_none() || login.password_file.is_none()) {
        return Err(Failure::new(
            Exit::Usage,
            "alias and password are needed, and may not be asked for",
        )
        .hint("give ALIAS and --password-file FILE, or - for standard input"));
    }
    let new = NewPassword::from(login.new_password_file, login.may_ask);
    let mut request = None;
    let alias = Tries::of(login.password_file).until_right(ui::error, || {
        let alias = match login.alias {
            Some(alias) => options::alias(alias)?,
            None => options::alias(prompt::line("alias: ")?.trim())?,
        };
        let password = match login.password_file {
            Some(path) => ui::password_file(path)?,
            None => prompt::hidden("password: ")?,
        };
        let member = Member {
            root: &root,
            servers: &servers,
            alias: &alias,
        };
        let request = KeyRequest::kept(&mut request, login.key_type)?;
        let logged_in = log_in(store, &member, &password, new, request)?;
        Ok(logged_in.then_some(alias))
    })?;
    let credentials = store.credentials(&root)?;
    Ok(format!(
        "logged in as {alias} until {}",
        clock::show(credentials.certificate().not_after())
    ))
}

/// The servers to use: named now, else those that were kept.
///
/// # Errors
/// When none is known.
pub fn servers(store: &IdentityStore, named: &[String]) -> Result<Servers, Failure> {
    let servers = match named {
        [] => store.servers(ui::alarm)?,
        named => Servers::new(named, store.home().answered(), ui::alarm)?,
    };
    servers.ok_or_else(no_server)
}

/// No auth server was ever named.
pub(super) fn no_server() -> Failure {
    Failure::new(Exit::NotLoggedIn, "no auth server is known")
        .hint("name it with peer login --server https://HOST:12565")
}

/// Somebody at the auth servers.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The organisation.
    pub root: &'a OrgRoot,
    /// The auth servers.
    pub servers: &'a Servers,
    /// The person.
    pub alias: &'a Alias,
}

impl Member<'_> {
    /// Asks the server something in this person's name: as the device that this one is or was
    /// lately, so that nobody else's guesses hold it up, and as nobody where that cannot be.
    ///
    /// # Errors
    /// What the server answers.
    pub fn ask<T>(
        &self,
        store: &IdentityStore,
        ask: impl Fn(&AuthClient) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if let Some(client) = self.as_device(store) {
            match ask(&client) {
                // A certificate that the server does not take ends the connection, with an alert or,
                // when the reset overtakes it, without a word.
                Err(failure) if matches!(failure.exit, Exit::Unreachable | Exit::NotLoggedIn) => {}
                answer => return answer,
            }
        }
        ask(&AuthClient::new(self.servers, self.root))
    }

    fn as_device(&self, store: &IdentityStore) -> Option<AuthClient> {
        let device = store.device_key(self.root).ok()?;
        let certificate = device.credentials().certificate();
        let ended = clock::now()
            .as_secs()
            .saturating_sub(certificate.not_after().as_secs());
        let speaks = certificate.name().alias() == self.alias && ended < SHOWN_AFTER_END_SECS;
        speaks.then(|| AuthClient::with_device(self.servers, self.root, &device))
    }
}

/// Has a key certified, and keeps both with the newest revocation list; `false` when alias or password
/// is wrong.
///
/// # Errors
/// When the server refuses, cannot be reached, or certifies something else.
pub fn log_in(
    store: &IdentityStore,
    member: &Member<'_>,
    password: &str,
    new: NewPassword<'_>,
    request: &KeyRequest,
) -> Result<bool, Failure> {
    let Member {
        root,
        servers,
        alias,
    } = *member;
    let Some(certificate) = certified(store, member, password, new, request.csr())? else {
        return Ok(false);
    };
    let held = store.crl(root)?;
    let newer = AuthClient::new(servers, root).newer_crl(root, held.as_ref(), clock::now())?;
    store.home().create()?;
    let _lock = store.lock()?;
    store.save_credentials(&request.key_pem(), &certificate)?;
    if let Some(list) = newer {
        store.save_crl(&list, root)?;
    }
    store.save_account(&Account {
        servers: servers.urls().to_vec(),
        alias: Some(alias.to_string()),
    })?;
    check_certified(store, root, alias)?;
    Ok(true)
}

/// The certificate, unless alias or password is wrong; on the way a password that was given for once is
/// replaced.
fn certified(
    store: &IdentityStore,
    member: &Member<'_>,
    password: &str,
    new: NewPassword<'_>,
    csr: &str,
) -> Result<Option<String>, Failure> {
    let alias = member.alias.as_str();
    let login = |password: &str| member.ask(store, |client| client.login(alias, password, csr));
    let mut answer = login(password)?;
    if answer == LoginAnswer::NewPasswordNeeded {
        if let NewPassword::Ask(..) = new {
            ui::note("This password was given for once. Choose another one.");
        }
        let Some(chosen) = passwd::change(store, member, password, new, &mut None)? else {
            return Ok(None);
        };
        answer = login(&chosen)?;
    }
    match answer {
        LoginAnswer::Certificate(pem) => Ok(Some(pem)),
        LoginAnswer::Unauthorized => Ok(None),
        LoginAnswer::NewPasswordNeeded => Err(Failure::new(
            Exit::LoginRefused,
            "the auth server wants another password again",
        )
        .hint("ask your administrator")),
    }
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
