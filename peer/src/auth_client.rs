//! The auth server as a peer sees it: login, root certificate, revocation list.

pub mod account;
pub mod directory;
mod events;
mod first_contact;
mod intake;
mod refusals;
mod unreachable;

use std::sync::Arc;
use std::time::Duration;

use common::handshake::provider;
use common::identity::{DeviceName, OrgRoot};
use common::limits::{AUTH_SERVER_PORT, MAX_CERTIFICATE_BYTES};
use common::name::Escaped;
use serde::Serialize;
use ureq::http::{Request, Response, StatusCode, Uri, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsConfigBuilder, TlsProvider};
use ureq::{Agent, Body, Error as HttpError};
use zeroize::Zeroizing;

pub use first_contact::fetch_root;

use crate::device_key::DeviceKey;
use crate::failure::{Exit, Failure};
use refusals::PASSWORD_MUST_CHANGE;
use unreachable::failed;

/// Seconds for a whole exchange with the server, a slow password hash included.
const EXCHANGE_SECS: u64 = 30;

/// Seconds to connect.
const CONNECT_SECS: u64 = 5;

/// An auth server whose certificate is verified against the org root.
#[derive(Debug, Clone)]
pub struct AuthClient {
    base: String,
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

/// Brings a server's address into the form `https://HOST:PORT`.
///
/// # Errors
/// When it is not an HTTPS address.
pub fn normalise(url: &str) -> Result<String, Failure> {
    let wrong = || {
        Failure::new(
            Exit::Usage,
            format!("{} is not the address of an auth server", Escaped(url)),
        )
        .hint("write https://HOST or https://HOST:PORT")
    };
    let uri: Uri = url.trim().parse().map_err(|_| wrong())?;
    let plain = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
    let authority = uri.authority().ok_or_else(wrong)?;
    if uri.scheme_str() != Some("https") || !plain || authority.as_str().contains('@') {
        return Err(wrong());
    }
    let port = authority.port_u16().unwrap_or(AUTH_SERVER_PORT);
    Ok(format!("https://{}:{port}", authority.host()))
}

fn agent(tls: TlsConfig) -> Agent {
    Agent::config_builder()
        .tls_config(tls)
        .https_only(true)
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(CONNECT_SECS)))
        .timeout_global(Some(Duration::from_secs(EXCHANGE_SECS)))
        .user_agent("orgshare-peer")
        .build()
        .into()
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
    /// The server at `base`, trusted only with a certificate from `root`.
    pub fn new(base: &str, root: &OrgRoot) -> Self {
        Self {
            base: base.to_owned(),
            agent: agent(believing(root).build()),
        }
    }

    /// The same server, to which this device shows who it is.
    pub fn with_device(base: &str, root: &OrgRoot, device: &DeviceKey) -> Self {
        let own = Some(device.client_certificate());
        Self {
            base: base.to_owned(),
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
        let response = self.send_json("POST", "/verify", &login)?;
        match response.status() {
            StatusCode::OK => {
                let bytes = self.body(response, MAX_CERTIFICATE_BYTES)?;
                String::from_utf8(bytes)
                    .map(LoginAnswer::Certificate)
                    .map_err(|_| self.nonsense())
            }
            StatusCode::UNAUTHORIZED => Ok(LoginAnswer::Unauthorized),
            StatusCode::FORBIDDEN => match self.problem(response) {
                Some(problem) if problem.kind == PASSWORD_MUST_CHANGE => {
                    Ok(LoginAnswer::NewPasswordNeeded)
                }
                _ => Err(self.nonsense()),
            },
            _ => Err(self.refused(response)),
        }
    }

    /// Gets the next certificate for the request's key, PEM. The client is one
    /// [`with_device`](Self::with_device).
    ///
    /// # Errors
    /// When the server refuses, is busy, cannot be reached, or answers nonsense.
    pub fn renew(&self, csr: &str) -> Result<String, Failure> {
        let response = self.send_json("POST", "/renew", &Renewal { csr })?;
        match response.status() {
            StatusCode::OK => {
                let bytes = self.body(response, MAX_CERTIFICATE_BYTES)?;
                String::from_utf8(bytes).map_err(|_| self.nonsense())
            }
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(self.turned_away("does not renew", response))
            }
            _ => Err(self.refused(response)),
        }
    }

    /// Sends a body that is wiped afterwards.
    fn send_json(
        &self,
        method: &str,
        path: &str,
        value: &impl Serialize,
    ) -> Result<Response<Body>, Failure> {
        let body = serde_json::to_vec(value)
            .map(Zeroizing::new)
            .map_err(|error| Failure::new(Exit::Other, error.to_string()))?;
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.as_slice())
            .map_err(|error| Failure::new(Exit::Other, error.to_string()))?;
        self.agent.run(request).map_err(|error| self.failed(&error))
    }

    /// The whole body of an answer, `limit` bytes included.
    fn body(&self, response: Response<Body>, limit: usize) -> Result<Vec<u8>, Failure> {
        // The reader wants to know that nothing follows.
        let taken = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let body = response.into_body().into_with_config().limit(taken);
        match body.read_to_vec() {
            Ok(bytes) if bytes.len() <= limit => Ok(bytes),
            Ok(_) | Err(HttpError::BodyExceedsLimit(_)) => Err(self.too_long(limit)),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn failed(&self, error: &HttpError) -> Failure {
        failed(&self.base, error)
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

    #[test]
    fn only_https_addresses_name_an_auth_server() {
        for (text, base) in [
            ("https://auth.example", "https://auth.example:12565"),
            ("https://auth.example:443/", "https://auth.example:443"),
            (" https://[::1]:9 ", "https://[::1]:9"),
        ] {
            assert_eq!(normalise(text).as_deref(), Ok(base), "{text}");
        }
        for text in [
            "",
            "auth.example",
            "http://auth.example",
            "https://a/b",
            "https://u@a",
            "file:///x",
            "https://a?b",
        ] {
            assert_eq!(normalise(text).unwrap_err().exit, Exit::Usage, "{text}");
        }
    }
}
