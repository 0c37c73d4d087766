//! Who asks, as far as a certificate shows it: extractors for routes that demand one. Each is a
//! proof; a route that takes it cannot be reached without.

use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use common::identity::{Alias, DeviceName, PeerCertificate, Role};
use root_ca::Serial;
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;

use crate::audit::{Action, Actor, Event};
use crate::problem::Problem;
use crate::router::{MAX_LOGGED_METHOD, MAX_LOGGED_PATH, cut};
use crate::state::{App, BY_MEMBER, Remote, Shared};
use crate::store::{ADMIN_ROLE, Standing, StoreError};

/// The certificate of a connection, verified up to its end and beyond it by a grace.
#[derive(Debug, Clone)]
pub struct ClientLeaf(pub CertificateDer<'static>);

/// A member's device: its certificate is in the ledger, and its member is active.
#[derive(Debug, Clone)]
pub struct Device {
    alias: Alias,
    role: Role,
    serial: Serial,
    line: Serial,
    name: Option<DeviceName>,
    key_sha256: [u8; 32],
    not_after: OffsetDateTime,
    by: Actor,
}

impl Device {
    /// The member.
    pub fn alias(&self) -> &Alias {
        &self.alias
    }

    /// What the store says the member may do, whatever the certificate states.
    pub fn role(&self) -> &Role {
        &self.role
    }

    /// The certificate.
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// The first certificate of its line, by which the device goes.
    pub fn line(&self) -> Serial {
        self.line
    }

    /// What it said that it is called.
    pub fn name(&self) -> Option<&DeviceName> {
        self.name.as_ref()
    }

    /// When its certificate ends.
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// SHA-256 of its public key's SubjectPublicKeyInfo.
    pub fn key_sha256(&self) -> &[u8; 32] {
        &self.key_sha256
    }

    /// Whether the certificate ended longer ago than that.
    fn ended_before(&self, grace: Duration) -> bool {
        OffsetDateTime::now_utc() > self.not_after + grace
    }

    /// The member, for the audit log.
    pub fn actor(&self) -> &Actor {
        &self.by
    }
}

/// A [`Device`] whose certificate is valid now and was not revoked.
#[derive(Debug, Clone)]
pub struct ValidDevice(pub Device);

/// A [`Device`] whose certificate is valid, or ended so lately that it may be renewed; and was not
/// revoked, or only because the member's role changed, which the next one will state. No one-time
/// password waits for the member.
#[derive(Debug, Clone)]
pub struct RenewableDevice(pub Device);

/// A [`ValidDevice`] of a member who is an administrator in the store.
#[derive(Debug, Clone)]
pub struct Administrator(pub Device);

/// The [`Device`] that asks, if it shows a certificate that could be renewed. Never a reason to
/// refuse: a route that takes it does for a device what it does not do for strangers.
#[derive(Debug, Clone)]
pub struct ShownDevice(pub Option<Device>);

impl FromRequestParts<Shared> for ShownDevice {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        match device(parts, app).await {
            Ok((device, standing)) => {
                let counts = standing.renewable && !device.ended_before(app.renewal_grace);
                Ok(Self(counts.then_some(device)))
            }
            Err(Problem::Unavailable) => Err(Problem::Unavailable),
            Err(_) => Ok(Self(None)),
        }
    }
}

impl FromRequestParts<Shared> for RenewableDevice {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let (device, standing) = device(parts, app).await?;
        let obstacle = if device.ended_before(app.renewal_grace) {
            Some(Problem::CertificateExpired)
        } else if !standing.renewable {
            Some(Problem::CertificateRefused)
        } else if standing.password_pending {
            Some(Problem::PasswordMustChange)
        } else {
            None
        };
        let Some(problem) = obstacle else {
            return Ok(Self(device));
        };
        // Perhaps the finder of a lost device.
        tracing::warn!(
            alias = %device.alias, serial = %device.serial, ?problem, "refused a renewal"
        );
        Err(problem)
    }
}

impl FromRequestParts<Shared> for ValidDevice {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let (device, _) = valid(parts, app).await?;
        Ok(Self(device))
    }
}

impl FromRequestParts<Shared> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let (device, standing) = valid(parts, app).await?;
        if device.role.as_str() != ADMIN_ROLE {
            deny(&device, parts, app, "not an administrator").await?;
            return Err(Problem::NotAllowed);
        }
        // Somebody else knows it, and may have asked for it because a device is lost.
        if standing.password_pending {
            deny(&device, parts, app, "a one-time password waits").await?;
            return Err(Problem::PasswordMustChange);
        }
        Ok(Self(device))
    }
}

/// Tells the audit log that a member asked for what is for administrators, and may not have it.
async fn deny(device: &Device, parts: &Parts, app: &App, why: &str) -> Result<(), Problem> {
    let Some(outcome) = app.denials.outcome(device.by.name(), why, Instant::now()) else {
        return Ok(());
    };
    let event = Event {
        by: &device.by,
        action: Action::Administer,
        object: format!(
            "{} {}",
            cut(parts.method.as_str(), MAX_LOGGED_METHOD),
            cut(parts.uri.path(), MAX_LOGGED_PATH)
        ),
        outcome: &outcome,
    };
    app.store
        .append(&event, OffsetDateTime::now_utc())
        .await
        .map_err(|error| unavailable(&error))
}

async fn valid(parts: &Parts, app: &App) -> Result<(Device, Standing), Problem> {
    let (device, standing) = device(parts, app).await?;
    if standing.revoked {
        return Err(Problem::CertificateRefused);
    }
    if device.ended_before(Duration::ZERO) {
        return Err(Problem::CertificateExpired);
    }
    Ok((device, standing))
}

async fn device(parts: &Parts, app: &App) -> Result<(Device, Standing), Problem> {
    let leaf = parts
        .extensions
        .get::<ClientLeaf>()
        .ok_or(Problem::CertificateNeeded)?;
    let remote = parts
        .extensions
        .get::<Remote>()
        .ok_or(Problem::CertificateNeeded)?;
    let certificate = PeerCertificate::from_der(&leaf.0, app.authority.root().label())
        .map_err(|_| Problem::CertificateRefused)?;
    let serial = Serial::from_bytes(certificate.serial()).ok_or(Problem::CertificateRefused)?;
    let standing = app
        .store
        .standing(&serial)
        .await
        .map_err(|error| unavailable(&error))?;
    let alias = certificate.name().alias();
    let Some(standing) = standing else {
        // After a restore from a backup that is older; else somebody has the root key.
        tracing::warn!(%alias, %serial, "a certificate that is not in the ledger");
        return Err(Problem::CertificateUnknown);
    };
    let is_the_same =
        standing.alias.as_ref() == Some(alias) && standing.key_sha256 == *certificate.key_sha256();
    let role = standing.role.clone();
    let role = role
        .filter(|_| standing.signed && is_the_same)
        .ok_or(Problem::CertificateRefused)?;
    if !standing.revoked {
        let _ = BY_MEMBER.try_with(|by_member| by_member.set(true));
    }
    let device = Device {
        by: Actor::device(alias, remote.source(), serial),
        alias: alias.clone(),
        role,
        serial,
        line: standing.device,
        name: standing.device_name.clone(),
        key_sha256: standing.key_sha256,
        not_after: standing.not_after,
    };
    Ok((device, standing))
}

fn unavailable(error: &StoreError) -> Problem {
    tracing::error!(%error, "the store does not answer");
    Problem::Unavailable
}
