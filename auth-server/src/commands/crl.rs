//! `crl show|export`: the CRL that was signed last.

use std::collections::HashMap;

use common::identity::Alias;
use root_ca::Serial;
use x509_cert::der::pem::{LineEnding, encode_string};

use super::desk::Desk;
use super::user::moment;
use crate::administration::CrlView;
use crate::failure::Failure;
use crate::options::{CrlAction, CrlForm, Format};
use crate::store::{CertificateFilter, LastCrl};
use crate::{terminal, ui};

const PEM_LABEL: &str = "X509 CRL";

/// Does what was asked.
///
/// # Errors
/// Why it could not be done.
pub async fn run(desk: &Desk, action: CrlAction) -> Result<(), Failure> {
    let crl = desk.administration().last_crl().await?.ok_or_else(|| {
        Failure::other("no CRL was signed yet").cure("start the server with: auth-server run")
    })?;
    match action {
        CrlAction::Show(format) => show(desk, &crl, format).await,
        CrlAction::Export(form) => export(&crl, form),
    }
}

async fn show(desk: &Desk, crl: &LastCrl, format: Format) -> Result<(), Failure> {
    let view = CrlView::read(crl, &holders(desk).await?)
        .ok_or_else(|| Failure::local_file("the CRL in the store cannot be read"))?;
    if format == Format::Json {
        return ui::json(&view);
    }
    ui::data(&format!("Number   {}", view.number));
    ui::data(&format!("Signed   {}", moment(view.this_update)));
    ui::data(&format!(
        "Until    {}",
        view.next_update.map_or_else(|| "-".into(), moment)
    ));
    ui::data(&format!(
        "{:<32} {:<32} {:<20} REVOKED",
        "SERIAL", "ALIAS", "REASON"
    ));
    for entry in &view.entries {
        ui::data(&format!(
            "{:<32} {:<32} {:<20} {}",
            entry.serial.to_string(),
            entry.alias.as_ref().map_or("(auth server)", Alias::as_str),
            entry.reason.name(),
            moment(entry.revoked_at),
        ));
    }
    Ok(())
}

/// Whose the revoked certificates are: a CRL does not say it.
async fn holders(desk: &Desk) -> Result<HashMap<Serial, Alias>, Failure> {
    let filter = CertificateFilter {
        revoked: Some(true),
        limit: u32::MAX,
        ..CertificateFilter::default()
    };
    let found = desk.administration().certificates(&filter).await?;
    Ok(found
        .into_iter()
        .filter_map(|certificate| Some((certificate.serial, certificate.alias?)))
        .collect())
}

fn export(crl: &LastCrl, form: CrlForm) -> Result<(), Failure> {
    match form {
        CrlForm::Pem => {
            let pem = encode_string(PEM_LABEL, LineEnding::LF, &crl.der)
                .map_err(|error| Failure::other(error.to_string()))?;
            ui::raw(&pem);
            Ok(())
        }
        CrlForm::Der if terminal::is_output() => {
            Err(Failure::usage("DER is nothing for a terminal")
                .cure("write it to a file with >, or use --pem"))
        }
        CrlForm::Der => ui::bytes(&crl.der),
    }
}
