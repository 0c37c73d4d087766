//! `cert list|show|revoke`.

use common::identity::{Alias, Role};
use root_ca::Serial;
use time::Duration;

use super::Format;
use super::names::GivenSerial;
use crate::administration::GivenReason;
use crate::cli::{CertCommand, CertFilterArgs};
use crate::config::parse_time;
use crate::failure::Failure;

/// Which certificates to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertList {
    /// Of one person alone.
    pub alias: Option<Alias>,
    /// That state one role alone.
    pub role: Option<Role>,
    /// Of the device that has this one alone.
    pub device_of: Option<Serial>,
    /// In which state.
    pub which: Which,
    /// At most so many.
    pub limit: u32,
    /// How to print them.
    pub format: Format,
}

/// Certificates in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Believed now.
    Valid,
    /// Believed now, and not for longer than that.
    Expiring(Duration),
    /// Their time is over, and they were not revoked.
    Expired,
    /// Revoked, over or not.
    Revoked,
    /// All.
    All,
}

/// What to do with certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertAction {
    /// List some.
    List(CertList),
    /// Show one.
    Show(Serial, Format),
    /// Revoke the device that has one.
    Revoke(Serial, GivenReason),
}

pub(super) fn cert(command: CertCommand) -> Result<CertAction, Failure> {
    Ok(match command {
        CertCommand::List {
            alias,
            role,
            device_of,
            filter,
            limit,
            json,
        } => CertAction::List(CertList {
            alias,
            role,
            device_of: device_of.map(GivenSerial::demand).transpose()?,
            which: which(&filter)?,
            limit,
            format: json.into(),
        }),
        CertCommand::Show { serial, json } => CertAction::Show(serial.demand()?, json.into()),
        CertCommand::Revoke { serial, reason } => CertAction::Revoke(serial.demand()?, reason),
    })
}

/// At most one of them is set.
fn which(filter: &CertFilterArgs) -> Result<Which, Failure> {
    Ok(match filter {
        CertFilterArgs {
            expiring: Some(span),
            ..
        } => Which::Expiring(parse_time(span).ok_or_else(|| {
            Failure::usage(format!("--expiring: {span:?} is no time")).cure("write it like 12h")
        })?),
        CertFilterArgs { all: true, .. } => Which::All,
        CertFilterArgs { revoked: true, .. } => Which::Revoked,
        CertFilterArgs { expired: true, .. } => Which::Expired,
        _ => Which::Valid,
    })
}
