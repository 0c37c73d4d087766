//! The auth server as a peer sees it: login, root certificate, revocation list.

pub mod account;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use common::crl::RevocationList;
use common::handshake::provider;
use common::identity::{Fingerprint, OrgRoot};
use common::limits::{AUTH_SERVER_PORT, MAX_CERTIFICATE_BYTES, MAX_CRL_BYTES};
use common::name::Escaped;
use rustls::CertificateError;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use serde::{Deserialize, Serialize};
use ureq::http::{Request, Response, StatusCode, Uri, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsConfigBuilder, TlsProvider};
use ureq::{Agent, Body, Error as HttpError};
use zeroize::Zeroizing;

use crate::device_key::DeviceKey;
use crate::failure::{Exit, Failure, reason};

/// Seconds for a whole exchange with the server, a slow password hash included.
const EXCHANGE_SECS: u64 = 30;

/// Bytes of a problem document: a sentence or two.
const MAX_PROBLEM_BYTES: usize = 4096;

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
}

#[derive(Serialize)]
struct Renewal<'a> {
    csr: &'a str,
}

/// What the server answers to a right password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginAnswer {
    /// The certificate for the request's key, PEM.
    Certificate(String),
    /// The password was given for once, and only serves to choose another one.
    NewPasswordNeeded,
}

/// What goes wrong at the server, as far as a peer reads it (RFC 9457).
#[derive(Debug, Deserialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: String,
    detail: String,
}

/// The type of the problem that a one-time password brings.
const PASSWORD_MUST_CHANGE: &str = "urn:orgshare:problem:password-must-change";

/// The type of the problem of a certificate that was revoked, or whose member is blocked.
const CERTIFICATE_REFUSED: &str = "urn:orgshare:problem:certificate-refused";

/// The types of what there was too much of.
const TOO_MANY_RENEWALS: &str = "urn:orgshare:problem:too-many-renewals";
const TOO_MANY_CERTIFICATES: &str = "urn:orgshare:problem:too-many-certificates";
const TOO_OFTEN: &str = "urn:orgshare:problem:too-often";

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
        };
        let response = self.send_json("POST", "/verify", &login)?;
        match response.status() {
            StatusCode::OK => {
                let bytes = self.body(response, MAX_CERTIFICATE_BYTES)?;
                String::from_utf8(bytes)
                    .map(LoginAnswer::Certificate)
                    .map_err(|_| self.nonsense())
            }
            StatusCode::UNAUTHORIZED => Err(unauthorized()),
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

    /// Why it does not do something for this device, in the server's own words.
    fn turned_away(&self, what: &str, response: Response<Body>) -> Failure {
        let problem = self.problem(response);
        let (exit, told) = match &problem {
            Some(problem) if problem.kind == CERTIFICATE_REFUSED => {
                (Exit::NotTrusted, problem.detail.as_str())
            }
            Some(problem) => (Exit::NotLoggedIn, problem.detail.as_str()),
            None => (Exit::NotLoggedIn, "no reason given"),
        };
        Failure::new(exit, format!("the auth server {what}: {}", Escaped(told)))
            .hint("log in again with peer login, or ask your administrator")
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

    fn problem(&self, response: Response<Body>) -> Option<Problem> {
        let bytes = self.body(response, MAX_PROBLEM_BYTES).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Fetches the revocation list if it is newer than the one held: `None` when it is not.
    ///
    /// # Errors
    /// When the server cannot be reached, or its list is refused: the one held stays in force.
    pub fn newer_crl(
        &self,
        root: &OrgRoot,
        held: Option<&RevocationList>,
        now: UnixTime,
    ) -> Result<Option<RevocationList>, Failure> {
        let mut request = self.agent.get(format!("{}/root.crl", self.base));
        if let Some(held) = held {
            request = request.header(header::IF_NONE_MATCH, format!("\"{}\"", held.number()));
        }
        let response = request.call().map_err(|error| self.failed(&error))?;
        match response.status() {
            StatusCode::OK => {
                let der = self.body(response, MAX_CRL_BYTES)?;
                let number = held.map(RevocationList::number);
                RevocationList::accept(der.into(), root, now, number)
                    .map(Some)
                    .map_err(|error| Failure::new(Exit::NotTrusted, error.to_string()))
            }
            StatusCode::NOT_MODIFIED => Ok(None),
            _ => Err(self.refused(response)),
        }
    }

    fn body(&self, response: Response<Body>, limit: usize) -> Result<Vec<u8>, Failure> {
        response
            .into_body()
            .into_with_config()
            .limit(u64::try_from(limit).unwrap_or(u64::MAX))
            .read_to_vec()
            .map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &HttpError) -> Failure {
        failed(&self.base, error)
    }

    fn refused(&self, response: Response<Body>) -> Failure {
        let later = later(&response);
        match response.status() {
            StatusCode::TOO_MANY_REQUESTS => self
                .too_many(response)
                .hint(format!("{later}, or ask your administrator")),
            StatusCode::SERVICE_UNAVAILABLE => {
                Failure::new(Exit::Temporary, "the auth server is busy").hint(later)
            }
            other => Failure::new(
                Exit::Other,
                format!("the auth server at {} answered {other}", self.base),
            )
            .hint("ask your administrator"),
        }
    }

    /// Of what there was too much.
    fn too_many(&self, response: Response<Body>) -> Failure {
        let problem = self.problem(response);
        match problem.as_ref().map_or("", |problem| problem.kind.as_str()) {
            TOO_MANY_RENEWALS => Failure::new(
                Exit::Temporary,
                "this device renewed its certificate too often",
            ),
            TOO_MANY_CERTIFICATES => Failure::new(
                Exit::Temporary,
                "you have as many certificates as one person gets",
            ),
            TOO_OFTEN => Failure::new(
                Exit::Temporary,
                "you did this as often as one person may in an hour",
            ),
            _ => Failure::new(Exit::LoginRefused, "too many failed logins"),
        }
    }

    fn nonsense(&self) -> Failure {
        Failure::new(
            Exit::Other,
            format!("{} does not answer like an auth server", self.base),
        )
        .hint("check the address")
    }
}

/// When to try again, as the server says it.
fn later(response: &Response<Body>) -> String {
    let after = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    match after {
        Some(secs) => format!("try again in {}", span(secs)),
        None => "try again later".into(),
    }
}

/// A time as people say it, never shorter than it is.
fn span(secs: u64) -> String {
    match secs {
        0..120 => format!("{secs} s"),
        120..7200 => format!("{} min", secs.div_ceil(60)),
        _ => format!("{} h", secs.div_ceil(3600)),
    }
}

/// Wrong alias or password, or an account that is disabled: the server does not say which.
fn unauthorized() -> Failure {
    Failure::new(Exit::LoginRefused, "unauthorized: wrong alias or password")
        .hint("try again, or ask your administrator")
}

fn failed(base: &str, error: &HttpError) -> Failure {
    let unreachable = |what: &str| {
        Failure::new(
            Exit::Unreachable,
            format!("the auth server at {base} cannot be reached: {what}"),
        )
        .hint("check the address and that it runs")
    };
    let certificate = match error {
        HttpError::Io(error) => certificate_error(error),
        HttpError::Rustls(rustls::Error::InvalidCertificate(error)) => Some(error),
        _ => None,
    };
    match (certificate, error) {
        (Some(error), _) => from_certificate(base, error),
        (None, HttpError::Io(error)) if is_alert(error) => Failure::new(
            Exit::NotLoggedIn,
            "the auth server does not accept this device's certificate",
        )
        .hint("log in again with peer login, and check the clock"),
        (None, HttpError::Io(error)) => unreachable(&reason(error)),
        (None, HttpError::Timeout(_)) => unreachable("no answer in time"),
        (None, HttpError::HostNotFound) => unreachable("no such host"),
        (None, other) => unreachable(&other.to_string()),
    }
}

fn from_certificate(base: &str, error: &CertificateError) -> Failure {
    let failure = |what: &str| Failure::new(Exit::NotTrusted, format!("{base}: {what}"));
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            failure("the server's certificate is not for this address")
                .hint("use a name that the server was made for (auth-server init --host NAME)")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            failure("the server's certificate has expired").hint("check this device's clock")
        }
        _ => failure("the server does not belong to this device's organisation")
            .hint("check the address; tell your administrator"),
    }
}

/// The server ended TLS with an alert: what this device showed was refused.
fn is_alert(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(inner, Some(rustls::Error::AlertReceived(_)))
}

/// rustls reports a refused certificate through the stream as invalid data.
fn certificate_error(error: &io::Error) -> Option<&CertificateError> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::InvalidCertificate(error) => Some(error),
        _ => None,
    }
}

/// Fetches an org root over a connection that proves nothing, and believes it only when it has
/// the fingerprint that the user was given. Nothing else of the answer is kept.
///
/// # Errors
/// When the server cannot be reached, or its root has another fingerprint.
pub fn fetch_root(base: &str, expected: Fingerprint) -> Result<OrgRoot, Failure> {
    let agent = agent(tls().disable_verification(true).build());
    let response = agent
        .get(format!("{base}/root.crt"))
        .call()
        .map_err(|error| failed(base, &error))?;
    let nonsense = || {
        Failure::new(Exit::Other, format!("{base} does not serve an org root"))
            .hint("check the address")
    };
    if response.status() != StatusCode::OK {
        return Err(nonsense());
    }
    let limit = u64::try_from(2 * MAX_CERTIFICATE_BYTES).unwrap_or(u64::MAX);
    let pem = response
        .into_body()
        .into_with_config()
        .limit(limit)
        .read_to_vec()
        .map_err(|error| failed(base, &error))?;
    let der = CertificateDer::from_pem_slice(&pem).map_err(|_| nonsense())?;
    let actual = Fingerprint::of(&der);
    if actual != expected {
        return Err(Failure::new(
            Exit::NotTrusted,
            format!(
                "the root certificate of {base} has the fingerprint {actual}, not the one given"
            ),
        )
        .hint("check the fingerprint with your administrator; nothing was stored"));
    }
    OrgRoot::from_der(der).map_err(|error| Failure::new(Exit::NotTrusted, error.to_string()))
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
    fn a_wait_is_told_in_a_unit_that_people_use_and_never_too_short() {
        for (secs, told) in [
            (4, "4 s"),
            (119, "119 s"),
            (121, "3 min"),
            (3600, "60 min"),
            (7201, "3 h"),
            (800_000, "223 h"),
        ] {
            assert_eq!(span(secs), told);
        }
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
