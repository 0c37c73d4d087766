//! `crl show|export`.

use super::Format;
use crate::cli::CrlCommand;

/// Forms of a CRL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrlForm {
    /// As programs read it.
    Der,
    /// As text.
    Pem,
}

/// What to do with the CRL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrlAction {
    /// Show it.
    Show(Format),
    /// Write it out.
    Export(CrlForm),
}

pub(super) fn crl(command: CrlCommand) -> CrlAction {
    match command {
        CrlCommand::Show { json } => CrlAction::Show(json.into()),
        CrlCommand::Export { pem: true } => CrlAction::Export(CrlForm::Pem),
        CrlCommand::Export { pem: false } => CrlAction::Export(CrlForm::Der),
    }
}
