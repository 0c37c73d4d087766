//! `init`: makes the root key, the root certificate, the settings and the store.

use std::path::Path;

use root_ca::{Authority, SoftwareKey, key_store};
use secrecy::SecretString;
use time::OffsetDateTime;

use super::secrets;
use crate::config::Config;
use crate::failure::Failure;
use crate::home::{Home, certificate_pem};
use crate::options::Init;
use crate::store::Store;
use crate::store::sqlite::SqliteStore;
use crate::{terminal, ui};

/// Makes an authority as the options say; asks for what they leave open. It comes back opened.
///
/// # Errors
/// When there is one already, or something cannot be written.
pub async fn from_options(
    home: &Home,
    init: Init,
    passphrase_file: Option<&Path>,
) -> Result<Authority, Failure> {
    refuse_second(home)?;
    let organisation = match &init.org {
        Some(name) => name.clone(),
        None if terminal::is_interactive() => terminal::ask("Organisation name: ").await?,
        None => {
            return Err(Failure::usage("the organisation has no name").cure("give --org NAME"));
        }
    };
    // Before anybody types a passphrase for nothing.
    Authority::check_name(&organisation)?;
    let passphrase = secrets::new_passphrase(passphrase_file, &organisation).await?;
    create(home, init, organisation, passphrase).await
}

/// An init that has finished is never repeated over itself.
///
/// # Errors
/// When there is an authority.
pub fn refuse_second(home: &Home) -> Result<(), Failure> {
    if !home.is_initialised() {
        return Ok(());
    }
    Err(Failure::local_file(format!(
        "there is a certificate authority in {} already",
        home.dir().display()
    ))
    .cure("start it with: auth-server run"))
}

async fn create(
    home: &Home,
    init: Init,
    organisation: String,
    passphrase: SecretString,
) -> Result<Authority, Failure> {
    ui::message("Making the root key...");
    let key_file = home.root_key();
    let dir = home.dir().to_owned();
    let key_type = init.key_type;
    let work = move || {
        let key =
            SoftwareKey::generate(key_type).map_err(|error| Failure::other(error.to_string()))?;
        let sealed = key
            .to_pkcs8()
            .and_then(|der| SoftwareKey::from_pkcs8(&der))
            .map_err(|error| Failure::other(error.to_string()))?;
        let authority = Authority::create(&organisation, Box::new(key), OffsetDateTime::now_utc())?;
        // Files only when everything that can be refused has been accepted.
        key_store::ensure_private_dir(&dir)?;
        key_store::create(&key_file, &sealed, &passphrase)?;
        Ok::<_, Failure>(authority)
    };
    let authority = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Failure::other("the root key could not be made"))??;
    let root = authority.root();
    let config = Config::render(&init.cert_lifetime, &init.hosts);
    key_store::write_private(&home.config_file(), config.as_bytes())?;
    key_store::write_private(&home.store_file(), b"")?;
    let store = SqliteStore::create(&home.store_file(), &root.fingerprint()).await?;
    store.close().await?;
    finish(home, &certificate_pem(root.certificate())?)?;
    Ok(authority)
}

/// The root certificate appears whole or not at all: it says that `init` has finished.
fn finish(home: &Home, pem: &str) -> Result<(), Failure> {
    let path = home.root_certificate();
    let new = path.with_extension("crt.new");
    key_store::write_private(&new, pem.as_bytes())?;
    std::fs::rename(&new, &path)
        .and_then(|()| std::fs::File::open(home.dir())?.sync_all())
        .map_err(|error| Failure::io(&path, &error))
}
