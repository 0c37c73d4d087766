//! HTTPS to the auth server with a device's certificate. The server is believed with a certificate
//! of the org root only; no redirect is followed and no proxy used; answers and times are bounded.

use std::sync::Arc;
use std::time::Duration;

use common::identity::OrgRoot;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::http::{Method, Request, Response, StatusCode, header};
use ureq::tls::{Certificate, ClientCert, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use super::device_files::Identity;
use super::refused::Refused;
use super::server_url::ServerUrl;
use super::unreachable;
use crate::failure::Failure;
use crate::tls::provider;

/// Seconds for a whole exchange, a queue of password hashes included.
const EXCHANGE_SECS: u64 = 40;
/// Seconds to connect.
const CONNECT_SECS: u64 = 5;
/// Bytes of an answer: a list of 100,000 people.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of a problem document.
const MAX_PROBLEM_BYTES: u64 = 64 * 1024;
/// Room for a body with a password, so that it is not copied while it grows.
const BODY_BYTES: usize = 16 * 1024;

/// What did not work.
pub(super) enum CallError {
    /// The server says no.
    Refused(Refused),
    /// There is no answer, or none that can be used.
    Failed(Failure),
}

/// An auth server, and who asks it.
#[derive(Debug, Clone)]
pub(super) struct Client {
    server: ServerUrl,
    agent: Agent,
}

impl Client {
    pub(super) fn new(server: ServerUrl, root: &OrgRoot, identity: &Identity) -> Self {
        let roots = vec![Certificate::from_der(root.certificate()).to_owned()];
        let chain = [Certificate::from_der(&identity.leaf).to_owned()];
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(provider()))
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .client_cert(Some(ClientCert::new_with_certs(
                &chain,
                identity.key.to_owned(),
            )))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(CONNECT_SECS)))
            .timeout_global(Some(Duration::from_secs(EXCHANGE_SECS)))
            // While a person types a password the server hangs up.
            .max_idle_connections(0)
            .user_agent("orgshare-auth-server")
            .build()
            .into();
        Self { server, agent }
    }

    /// Asks and reads the answer.
    pub(super) fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, CallError> {
        let bytes = self.exchange(call)?;
        serde_json::from_slice(&bytes).map_err(|_| CallError::Failed(self.nonsense()))
    }

    fn exchange(&self, call: Call) -> Result<Zeroizing<Vec<u8>>, CallError> {
        let failed = |error: &ureq::Error| {
            CallError::Failed(unreachable::failure(&self.server.to_string(), error))
        };
        let mut request = Request::builder()
            .method(call.method)
            .uri(self.server.join(&call.path));
        if call.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let sent = match &call.body {
            Some(body) => request
                .body(body.as_slice())
                .map_err(ureq::Error::from)
                .and_then(|request| self.agent.run(request)),
            None => request
                .body(())
                .map_err(ureq::Error::from)
                .and_then(|request| self.agent.run(request)),
        };
        let response = sent.map_err(|error| failed(&error))?;
        let status = response.status();
        let limit = if status.is_success() {
            MAX_ANSWER_BYTES
        } else {
            MAX_PROBLEM_BYTES
        };
        let retry_after = retry_after(&response);
        let bytes = body(response, limit).map_err(|error| failed(&error))?;
        match status {
            StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(bytes),
            status => Err(CallError::Refused(Refused::read(
                status,
                retry_after,
                &bytes,
            ))),
        }
    }

    /// An answer that no auth server gives.
    pub(super) fn nonsense(&self) -> Failure {
        Failure::other(format!(
            "{} does not answer like an auth server",
            self.server
        ))
        .cure("check the address, and that both programs have the same version")
    }
}

fn body(response: Response<Body>, limit: u64) -> Result<Zeroizing<Vec<u8>>, ureq::Error> {
    response
        .into_body()
        .into_with_config()
        .limit(limit)
        .read_to_vec()
        .map(Zeroizing::new)
}

fn retry_after(response: &Response<Body>) -> Option<u64> {
    let value = response.headers().get(header::RETRY_AFTER)?;
    value.to_str().ok()?.parse().ok()
}

/// One request.
pub(super) struct Call {
    method: Method,
    path: String,
    body: Option<Zeroizing<Vec<u8>>>,
}

impl Call {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
        }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    /// Adds a query.
    pub(super) fn query(mut self, query: &impl Serialize) -> Result<Self, Failure> {
        let query = serde_urlencoded::to_string(query)
            .map_err(|error| Failure::other(error.to_string()))?;
        self.path = format!("{}?{query}", self.path);
        Ok(self)
    }

    /// Adds a body; wiped when it was sent.
    pub(super) fn json(mut self, body: &impl Serialize) -> Result<Self, Failure> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BODY_BYTES));
        serde_json::to_writer(&mut *bytes, body)
            .map_err(|error| Failure::other(error.to_string()))?;
        self.body = Some(bytes);
        Ok(self)
    }
}
