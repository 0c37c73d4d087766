//! `cert list|show|revoke`: the ledger of certificates.

use common::identity::{Alias, Role};
use root_ca::{RevocationReason, Serial};
use time::OffsetDateTime;

use super::desk::Desk;
use super::user::moment;
use crate::administration::CertificateView;
use crate::failure::Failure;
use crate::options::{CertAction, CertList, Format, Which};
use crate::store::CertificateFilter;
use crate::ui;

/// Does what was asked.
///
/// # Errors
/// Why it could not be done.
pub async fn run(desk: &Desk, action: CertAction) -> Result<(), Failure> {
    match action {
        CertAction::List(list) => self::list(desk, &list).await,
        CertAction::Show(serial, format) => show(desk, &serial, format).await,
        CertAction::Revoke(serial, reason) => revoke(desk, &serial, reason).await,
    }
}

async fn list(desk: &Desk, list: &CertList) -> Result<(), Failure> {
    let filter = filter(list, OffsetDateTime::now_utc());
    let found = desk.administration().certificates(&filter).await?;
    if list.format == Format::Json {
        return found.iter().try_for_each(ui::json);
    }
    ui::data(&format!(
        "{:<32} {:<32} {:<16} {:<8} UNTIL",
        "SERIAL", "ALIAS", "ROLE", "STATE"
    ));
    for certificate in &found {
        ui::data(&format!(
            "{:<32} {:<32} {:<16} {:<8} {}",
            certificate.serial.to_string(),
            holder(certificate),
            certificate.role.as_ref().map_or("-", Role::as_str),
            certificate.state.as_str(),
            moment(certificate.not_after),
        ));
    }
    Ok(())
}

fn filter(list: &CertList, now: OffsetDateTime) -> CertificateFilter {
    let (revoked, ends_after, ends_before) = match list.which {
        Which::Valid => (Some(false), Some(now), None),
        Which::Expiring(within) => (Some(false), Some(now), Some(now + within)),
        Which::Expired => (Some(false), None, Some(now)),
        Which::Revoked => (Some(true), None, None),
        Which::All => (None, None, None),
    };
    CertificateFilter {
        alias: list.alias.clone(),
        role: list.role.clone(),
        ends_after,
        ends_before,
        revoked,
        limit: list.limit,
    }
}

fn holder(certificate: &CertificateView) -> &str {
    certificate
        .alias
        .as_ref()
        .map_or("(auth server)", Alias::as_str)
}

async fn show(desk: &Desk, serial: &Serial, format: Format) -> Result<(), Failure> {
    let certificate = desk.administration().certificate(serial).await?;
    match format {
        Format::Json => ui::json(&certificate),
        Format::Text => {
            ui::data(&described(&certificate));
            Ok(())
        }
    }
}

fn described(certificate: &CertificateView) -> String {
    let mut lines = vec![
        ("Serial", certificate.serial.to_string()),
        ("Alias", holder(certificate).to_owned()),
        (
            "Role",
            certificate
                .role
                .as_ref()
                .map_or("-", Role::as_str)
                .to_owned(),
        ),
        ("State", certificate.state.as_str().to_owned()),
        ("From", moment(certificate.not_before)),
        ("Until", moment(certificate.not_after)),
        ("Key", format!("sha256:{}", certificate.key_sha256)),
    ];
    if let Some(old) = certificate.renews {
        lines.push(("Renews", old.to_string()));
    }
    if let (Some(at), Some(reason)) = (certificate.revoked_at, certificate.reason) {
        lines.push(("Revoked", format!("{} ({reason})", moment(at))));
    }
    let lines: Vec<String> = lines
        .into_iter()
        .map(|(name, value)| format!("{name:<8} {value}"))
        .collect();
    lines.join("\n")
}

async fn revoke(desk: &Desk, serial: &Serial, reason: RevocationReason) -> Result<(), Failure> {
    desk.administration()
        .revoke_certificate(serial, reason)
        .await?;
    let certificate = desk.administration().certificate(serial).await?;
    let reason = certificate.reason.unwrap_or(reason);
    ui::message(&format!(
        "Revoked {serial} of {} ({reason}).",
        holder(&certificate)
    ));
    Ok(())
}
