//! `cert list|show|revoke`: the ledger of certificates, and the devices that it shows.

use std::collections::HashMap;

use common::identity::{Alias, DeviceName, Role};
use root_ca::Serial;
use time::OffsetDateTime;

use super::desk::Desk;
use super::user::moment;
use crate::administration::{CertificateView, GivenReason};
use crate::failure::Failure;
use crate::options::{CertAction, CertList, Format, Which};
use crate::store::CertificateFilter;
use crate::ui::{self, counted};

/// Digits of a device's number in a list: 30 random bits, which one person's devices share by no
/// chance worth speaking of.
const SHOWN_DIGITS: usize = 8;

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
    let mut found = desk.administration().certificates(&filter).await?;
    if found.is_empty() {
        demand_named(desk, list).await?;
    }
    let limit = usize::try_from(list.limit).unwrap_or(usize::MAX);
    let are_more = found.len() > limit;
    found.truncate(limit);
    let is_empty = found.is_empty() && list.format == Format::Text;
    print(&by_device(found), list.format)?;
    if is_empty {
        ui::message("There are no such certificates; see all with: auth-server cert list --all");
    }
    if are_more {
        ui::message(&format!(
            "There are more than these {limit}, the newest: a larger --limit shows them, and --alias, \
             --role or --device-of fewer."
        ));
    }
    Ok(())
}

/// The certificates of nobody, or of a device that there is not, are none, and a slip.
async fn demand_named(desk: &Desk, list: &CertList) -> Result<(), Failure> {
    if let Some(alias) = &list.alias {
        desk.administration().user(alias).await?;
    }
    if let Some(serial) = &list.device_of {
        desk.administration().certificate(serial).await?;
    }
    Ok(())
}

fn print(found: &[CertificateView], format: Format) -> Result<(), Failure> {
    if format == Format::Json {
        return found.iter().try_for_each(ui::json);
    }
    ui::data(&format!(
        "{:<32} {:<8} {:<32} {:<16} {:<8} {:<17} {:<17} {:<15} NAME",
        "SERIAL", "DEVICE", "ALIAS", "ROLE", "STATE", "FROM", "UNTIL", "ADDRESS"
    ));
    for certificate in found {
        ui::data(&format!(
            "{:<32} {:<8} {:<32} {:<16} {:<8} {:<17} {:<17} {:<15} {}",
            certificate.serial.to_string(),
            short(&certificate.device),
            holder(certificate),
            certificate.role.as_ref().map_or("-", Role::as_str),
            certificate.state.as_str(),
            moment(certificate.not_before),
            moment(certificate.not_after),
            told(certificate.address.as_deref()),
            name(certificate),
        ));
    }
    Ok(())
}

/// The certificates of a device one after the other, the newest first; so are the devices.
fn by_device(found: Vec<CertificateView>) -> Vec<CertificateView> {
    let mut devices: HashMap<Serial, usize> = HashMap::new();
    let mut placed: Vec<(usize, CertificateView)> = Vec::with_capacity(found.len());
    for certificate in found {
        let next = devices.len();
        let place = *devices.entry(certificate.device).or_insert(next);
        placed.push((place, certificate));
    }
    // A stable sort: within a device the order stays.
    placed.sort_by_key(|(place, _)| *place);
    placed
        .into_iter()
        .map(|(_, certificate)| certificate)
        .collect()
}

/// How a device is shown in a list: enough to see which certificates belong together.
fn short(device: &Serial) -> String {
    device.to_string().chars().take(SHOWN_DIGITS).collect()
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
        device_of: list.device_of,
        ends_after,
        ends_before,
        revoked,
        // One more than is shown, to tell whether that is all.
        limit: list.limit.saturating_add(1),
    }
}

fn holder(certificate: &CertificateView) -> &str {
    certificate
        .alias
        .as_ref()
        .map_or("(auth server)", Alias::as_str)
}

/// What is known from elsewhere, or not.
fn told(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), ui::safe)
}

/// What the device said that it is called.
fn name(certificate: &CertificateView) -> String {
    told(certificate.device_name.as_ref().map(DeviceName::as_str))
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
        ("Device", certificate.device.to_string()),
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
    lines.extend([
        ("Name", name(certificate)),
        ("Address", told(certificate.address.as_deref())),
        ("Login", told(certificate.login_address.as_deref())),
    ]);
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

async fn revoke(desk: &Desk, serial: &Serial, reason: GivenReason) -> Result<(), Failure> {
    // Asked before: it may be the very device that asks. What it lacks is for the order to say.
    let certificate = desk.administration().certificate(serial).await;
    let revoked = desk.administration().revoke_device(serial, reason).await?;
    let certificate = certificate?;
    let whose = match &certificate.alias {
        Some(alias) => match &certificate.device_name {
            Some(name) => format!("one device of {alias}, {name}"),
            None => format!("one device of {alias}"),
        },
        None => "the auth server".to_owned(),
    };
    ui::message(&match revoked {
        Some(0) => format!(
            "Revoked {serial} of {whose} ({reason}): nothing of it was valid any more, and nothing \
             will be renewed."
        ),
        Some(count) => format!(
            "Revoked {} of {whose} ({reason}).",
            counted(count, "certificate", "certificates")
        ),
        None => already(serial, &certificate),
    });
    if revoked.is_some() {
        desk.mention_silence();
    }
    Ok(())
}

fn already(serial: &Serial, certificate: &CertificateView) -> String {
    let when = certificate
        .revoked_at
        .map_or_else(String::new, |at| format!(" on {}", moment(at)));
    let why = certificate
        .reason
        .map_or_else(String::new, |reason| format!(" ({reason})"));
    format!(
        "{serial} of {} was revoked{when} already{why}; nothing was changed.",
        holder(certificate)
    )
}
