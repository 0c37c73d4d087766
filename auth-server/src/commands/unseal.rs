//! The root key, opened with its passphrase.

use std::path::Path;

use root_ca::Authority;
use root_ca::key_store::{self, KeyStoreError};

use super::secrets;
use crate::failure::Failure;
use crate::home::Home;
use crate::ui;

/// Opens the root key and puts it together with its certificate.
///
/// # Errors
/// When the passphrase is wrong, or the files do not belong together.
pub async fn open_authority(
    home: &Home,
    passphrase_file: Option<&Path>,
    may_prompt: bool,
) -> Result<Authority, Failure> {
    let from_file = secrets::passphrase_file(passphrase_file);
    for tries in 1.. {
        let passphrase = match &from_file {
            Some(path) => secrets::from_file(path)?,
            None => secrets::ask_passphrase(may_prompt).await?,
        };
        let path = home.root_key();
        let opened = tokio::task::spawn_blocking(move || key_store::open(&path, &passphrase))
            .await
            .map_err(|_| Failure::other("the root key could not be opened"))?;
        match opened {
            Ok(key) => {
                return Ok(Authority::open(
                    home.root()?.certificate().clone(),
                    Box::new(key),
                )?);
            }
            Err(error @ KeyStoreError::Passphrase { .. })
                if from_file.is_none() && tries < secrets::MAX_TRIES =>
            {
                ui::message(&format!("Not accepted: {error}."));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Failure::other("the root key could not be opened"))
}
