//! The auth servers as a peer sees them: login, root certificate, revocation list.

pub mod account;
mod connecting;
pub mod directory;
mod events;
mod exchange;
mod first_contact;
mod intake;
mod refusals;
mod unreachable;

use std::sync::Arc;
use std::time::Duration;

use common::handshake::provider;
use common::identity::{DeviceName, OrgRoot};
use common::limits::MAX_CERTIFICATE_BYTES;
use serde::Serialize;
use ureq::Agent;
use ureq::http::StatusCode;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsConfigBuilder, TlsProvider};

pub use events::{Heard, Stream};
pub use first_contact::fetch_root;

use crate::device_key::DeviceKey;
use crate::failure::Failure;
use crate::servers::Servers;
use connecting::agent;
use refusals::PASSWORD_MUST_CHANGE;

/// For a whole exchange with the server, a slow password hash included.
const EXCHANGE: Duration = Duration::from_secs(30);

/// The auth servers, whose certificates are verified against the org root.
#[derive(Debug, Clone)]
pub struct AuthClient {
    servers: Servers,
    agent: Agent,
}

/// Whom to log in. The password is wiped with the request.
#[derive(Serialize)]
struct Login<'a> {
    alias: &'a str,
    password: &'a str,
    csr: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
}

#[derive(Serialize)]
struct Renewal<'a> {
    csr: &'a str,
}

/// What the server answers to alias and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginAnswer {
    /// Wrong alias or password, or an account that is disabled: it does not say which.
    Unauthorized,
    /// The certificate for the request's key, PEM.
    Certificate(String),
    /// The password was given for once, and only serves to choose another one.
    NewPasswordNeeded,
}

/// What this device is called, so that an administrator tells it from others; not every host has such a
/// name.
fn device_name() -> Option<String> {
    let machine = rustix::system::uname();
    let name = DeviceName::from_host_name(&machine.nodename().to_string_lossy());
    Some(name.ok()?.to_string())
}

fn tls() -> TlsConfigBuilder {
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(provider())
}

fn believing(root: &OrgRoot) -> TlsConfigBuilder {
    let roots = vec![Certificate::from_der(root.certificate()).to_owned()];
    tls().root_certs(RootCerts::Specific(Arc::new(roots)))
}

impl AuthClient {
    /// These servers, trusted only with a certificate from `root`.
    pub fn new(servers: &Servers, root: &OrgRoot) -> Self {
        Self {
            servers: servers.clone(),
            agent: agent(believing(root).build()),
        }
    }

    /// The same servers, to which this device shows who it is.
    pub fn with_device(servers: &Servers, root: &OrgRoot, device: &DeviceKey) -> Self {
        let own = Some(device.client_certificate());
        Self {
            servers: servers.clone(),
            agent: agent(believing(root).client_cert(own).build()),
        }
    }

    /// Logs in.
    ///
    /// # Errors
    /// When the server refuses, is busy, cannot be reached, or answers nonsense.
    pub fn login(&self, alias: &str, password: &str, csr: &str) -> Result<LoginAnswer, Failure> {
        let login = Login {
            alias,
            password,
            csr,
            device: device_name(),
        };
        let mut answer = self.send_json("POST", "/verify", &login)?;
        match answer.status() {
            StatusCode::OK => answer
                .text(MAX_CERTIFICATE_BYTES)
                .map(LoginAnswer::Certificate),
            StatusCode::UNAUTHORIZED => Ok(LoginAnswer::Unauthorized),
            StatusCode::FORBIDDEN => match answer.problem() {
                Some(problem) if problem.kind == PASSWORD_MUST_CHANGE => {
                    Ok(LoginAnswer::NewPasswordNeeded)
                }
                _ => Err(answer.nonsense()),
            },
            _ => Err(answer.refused()),
        }
    }

    /// Gets the next certificate for the request's key, PEM. The client is one
    /// [`with_device`](Self::with_device).
    ///
    /// # Errors
    /// When the server refuses, is busy, cannot be reached, or answers nonsense.
    pub fn renew(&self, csr: &str) -> Result<String, Failure> {
        let mut answer = self.send_json("POST", "/renew", &Renewal { csr })?;
        match answer.status() {
            StatusCode::OK => answer.text(MAX_CERTIFICATE_BYTES),
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(answer.turned_away("does not renew"))
            }
            _ => Err(answer.refused()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::NamedGroup;

    #[test]
    fn a_login_prefers_the_post_quantum_key_exchange() {
        let groups: Vec<_> = provider()
            .kx_groups
            .iter()
            .map(|group| group.name())
            .collect();
        assert_eq!(groups.first(), Some(&NamedGroup::X25519MLKEM768));
    }
}
