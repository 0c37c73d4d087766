//! The work behind each command.

pub mod audit;
pub mod backup;
pub mod cert;
pub mod completions;
pub mod config;
pub mod crl;
pub mod desk;
pub mod dialogue;
pub mod doctor;
pub mod import;
pub mod init;
mod pipe;
pub mod restore;
pub mod root;
pub mod run;
pub mod secrets;
pub mod unseal;
pub mod user;

use std::process::ExitCode;

use desk::Desk;

use crate::failure::Failure;
use crate::options::{Action, Options};
use crate::signals::Signals;
use crate::{ownership, ui};

/// Does what the options say.
///
/// # Errors
/// Why it could not be done.
pub async fn dispatch(options: Options) -> Result<ExitCode, Failure> {
    let signals = Signals::listen()?;
    let Options {
        home,
        passphrase_file,
        action,
    } = options;
    if action.writes_here() {
        ownership::demand(home.dir(), action.reads())?;
    }
    match action {
        Action::Bare(init, run) => {
            return dialogue::start(&home, init, run, passphrase_file, signals).await;
        }
        Action::Run(run) => return run::run(&home, run, passphrase_file, signals).await,
        Action::Init(init) => {
            let listen = init.listen.clone();
            let authority = init::from_options(&home, init, passphrase_file.as_deref()).await?;
            root::show(&home, authority.root(), &listen)?;
        }
        Action::User(place, action) => {
            let desk = Desk::open(place).await?;
            user::run(&desk, action).await?;
            desk.close().await?;
        }
        Action::Audit(place, action) => audit::run(place, action).await?,
        Action::Cert(place, action) => {
            let desk = Desk::open(place).await?;
            cert::run(&desk, action).await?;
            desk.close().await?;
        }
        Action::Crl(place, action) => {
            let desk = Desk::open(place).await?;
            crl::run(&desk, action).await?;
            desk.close().await?;
        }
        Action::RootShow(given) => root::show(&home, &home.root()?, &given)?,
        Action::RootFingerprint => ui::data(&home.root()?.fingerprint().to_string()),
        Action::RootExport => root::export(&home)?,
        Action::ConfigCheck(given) => config::check(&home, &given)?,
        Action::ConfigShow(given, format) => config::show(&home, &given, format)?,
        Action::Backup(file) => backup::run(&home, file).await?,
        Action::Restore(file) => restore::run(&home, file, passphrase_file.as_deref()).await?,
        Action::Completions(shell) => completions::run(shell)?,
        Action::Doctor(given, format) => {
            return doctor::run(&home, &given, passphrase_file.as_deref(), format).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}
