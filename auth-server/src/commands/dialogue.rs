//! The dialogue on a terminal: an authority if there is none, new users, then serving.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use common::identity::{Alias, OrgRoot, Role};

use super::run::{Start, open_authority, reserve, serve};
use super::{init, root, secrets};
use crate::administration::{Administration, GivenRole, Local, NewPassword};
use crate::config::Config;
use crate::failure::Failure;
use crate::home::Home;
use crate::options::{Init, Run};
use crate::signals::Signals;
use crate::store::{Store, StoreError, demand_free};
use crate::{terminal, ui};

/// The role of users added here.
const ROLE: &str = "member";

/// The bare start.
///
/// # Errors
/// Why it could not be done.
pub async fn start(
    home: &Home,
    init: Init,
    run: Run,
    passphrase_file: Option<PathBuf>,
    signals: Signals,
) -> Result<ExitCode, Failure> {
    let config = match home.is_initialised() {
        true => home.config(&run.given)?,
        false => Config::new(&run.given)?,
    };
    let address = reserve(&config.listen).await?;
    let passphrase_file = passphrase_file.as_deref();
    let authority = if home.is_initialised() {
        open_authority(home, passphrase_file, true).await?
    } else {
        ui::message("There is no certificate authority yet; this makes one.");
        init::from_options(home, init, passphrase_file).await?
    };
    let organisation = authority.root().clone();
    let config = home.config(&run.given)?;
    let store = home.store(&organisation).await?;
    let bound = address.local_addr().ok();
    ui::trust_line(
        organisation.display_name(),
        &organisation.fingerprint().to_string(),
        &root::url(&config.hosts, bound.map(Into::into)),
    );
    let start = Start {
        run,
        address,
        config,
        store,
        authority,
        signals,
        in_dialogue: true,
    };
    serve(home, start).await
}

/// Asks for new users until there are no more.
///
/// # Errors
/// When the input ends or the store fails.
pub async fn add_users(store: &Arc<dyn Store>, organisation: &OrgRoot) -> Result<(), Failure> {
    let name = organisation.display_name();
    let administration = Local::console(store.clone(), name);
    ui::message("Before starting authserver, you can add new users here...");
    while ask_yes("Add new user? (t/f) ").await? {
        let alias = ask_alias(store.as_ref()).await?;
        let password = secrets::ask_new_password(&[alias.as_str(), name]).await?;
        let role: Role = ROLE
            .parse()
            .map_err(|_| Failure::other("the role of new users is no role"))?;
        administration
            .add_user(
                &alias,
                &GivenRole::known(role),
                NewPassword::Chosen(password),
            )
            .await?;
    }
    Ok(())
}

async fn ask_yes(prompt: &'static str) -> Result<bool, Failure> {
    loop {
        match terminal::ask(prompt).await?.to_ascii_lowercase().as_str() {
            "t" | "true" | "y" | "yes" => return Ok(true),
            "f" | "false" | "n" | "no" => return Ok(false),
            _ => ui::message("Please answer t or f."),
        }
    }
}

async fn ask_alias(store: &dyn Store) -> Result<Alias, Failure> {
    loop {
        let alias: Alias = match terminal::ask("Enter Alias: ").await?.parse() {
            Ok(alias) => alias,
            Err(error) => {
                ui::message(&format!("Not accepted: {error}."));
                continue;
            }
        };
        let holder = store.user(&alias).await?.map(|user| user.state);
        match demand_free(&alias, holder) {
            Ok(()) => return Ok(alias),
            Err(error @ (StoreError::AliasTaken { .. } | StoreError::AliasRetired { .. })) => {
                ui::message(&format!("Not accepted: {error}."));
            }
            Err(error) => return Err(error.into()),
        }
    }
}
