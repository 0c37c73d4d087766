//! Who asks, as far as a certificate shows it: extractors for routes that demand one. Each is a
//! proof; a route that takes it cannot be reached without.

use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use common::identity::{Alias, PeerCertificate, Role};
use root_ca::Serial;
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;

use crate::audit::{Action, Actor, Event};
use crate::denials::Telling;
use crate::problem::Problem;
use crate::router::{MAX_LOGGED_METHOD, MAX_LOGGED_PATH, cut};
use crate::state::{App, Remote, Shared};
use crate::store::{StoreError, UserState};

/// The role whose members administer.
pub const ADMIN_ROLE: &str = "admin";

/// The certificate of a connection, verified up to its end and beyond it by a grace.
#[derive(Debug, Clone)]
pub struct ClientLeaf(pub CertificateDer<'static>);

/// A member's device: its certificate is in the ledger and was not revoked, and its member is
/// active.
#[derive(Debug, Clone)]
pub struct Device {
    alias: Alias,
    role: Role,
    serial: Serial,
    key_sha256: [u8; 32],
    expired: bool,
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

    /// SHA-256 of its public key's SubjectPublicKeyInfo.
    pub fn key_sha256(&self) -> &[u8; 32] {
        &self.key_sha256
    }

    /// The member, for the audit log.
    pub fn actor(&self) -> &Actor {
        &self.by
    }
}

/// A [`Device`] whose certificate is valid now.
#[derive(Debug, Clone)]
pub struct ValidDevice(pub Device);

/// A [`Device`] whose certificate is valid, or ended so lately that it may be renewed.
#[derive(Debug, Clone)]
pub struct RenewableDevice(pub Device);

/// A [`ValidDevice`] of a member who is an administrator in the store.
#[derive(Debug, Clone)]
pub struct Administrator(pub Device);

impl FromRequestParts<Shared> for RenewableDevice {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        device(parts, app).await.map(Self)
    }
}

impl FromRequestParts<Shared> for ValidDevice {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let device = device(parts, app).await?;
        if device.expired {
            return Err(Problem::CertificateExpired);
        }
        Ok(Self(device))
    }
}

impl FromRequestParts<Shared> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let ValidDevice(device) = ValidDevice::from_request_parts(parts, app).await?;
        if device.role.as_str() == ADMIN_ROLE {
            return Ok(Self(device));
        }
        deny(&device, parts, app).await?;
        Err(Problem::NotAllowed)
    }
}

/// Tells the audit log that a member asked for what is for administrators.
async fn deny(device: &Device, parts: &Parts, app: &App) -> Result<(), Problem> {
    let outcome = match app.denials.count(&device.alias, Instant::now()) {
        Telling::Told => "not an administrator",
        Telling::Last => "not an administrator; no more is told for an hour",
        Telling::Silent => return Ok(()),
    };
    let event = Event {
        by: &device.by,
        action: Action::Administer,
        object: format!(
            "{} {}",
            cut(parts.method.as_str(), MAX_LOGGED_METHOD),
            cut(parts.uri.path(), MAX_LOGGED_PATH)
        ),
        outcome,
    };
    app.store
        .append(&event, OffsetDateTime::now_utc())
        .await
        .map_err(|error| unavailable(&error))
}

async fn device(parts: &Parts, app: &App) -> Result<Device, Problem> {
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
    let known = app
        .store
        .certificate(&serial)
        .await
        .map_err(|error| unavailable(&error))?
        .filter(|known| known.signed && known.revoked.is_none())
        .filter(|known| known.alias.as_ref() == Some(certificate.name().alias()))
        .filter(|known| known.key_sha256 == *certificate.key_sha256());
    let user = app
        .store
        .user(certificate.name().alias())
        .await
        .map_err(|error| unavailable(&error))?
        .filter(|user| user.state == UserState::Active);
    match (known, user) {
        (Some(known), Some(user)) => Ok(Device {
            by: Actor::member(&user.alias, remote.source()),
            alias: user.alias,
            role: user.role,
            serial,
            key_sha256: known.key_sha256,
            expired: known.not_after < OffsetDateTime::now_utc(),
        }),
        _ => Err(Problem::CertificateRefused),
    }
}

fn unavailable(error: &StoreError) -> Problem {
    tracing::error!(%error, "the store does not answer");
    Problem::Unavailable
}
