//! Tells what went wrong before there was a connection from what went wrong on it. Only then may
//! another server be asked without doing anything twice.

use std::fmt;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport,
};
use ureq::{Agent, Error as HttpError};

use super::EXCHANGE;

/// To connect, TLS included.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// No connection: the name has no address, nobody answers there, or TLS did not come to be. Nothing was
/// asked.
#[derive(Debug)]
pub(super) struct NotConnected(pub(super) HttpError);

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for NotConnected {}

fn not_connected(error: HttpError) -> HttpError {
    HttpError::Other(Box::new(NotConnected(error)))
}

/// The usual connector, and its failures told apart.
#[derive(Debug, Default)]
struct Connecting(DefaultConnector);

impl Connector for Connecting {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, HttpError> {
        self.0.connect(details, chained).map_err(not_connected)
    }
}

/// The same of the resolver.
#[derive(Debug, Default)]
struct Resolving(DefaultResolver);

impl Resolver for Resolving {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, HttpError> {
        self.0.resolve(uri, config, timeout).map_err(not_connected)
    }
}

/// An agent with that configuration for HTTPS alone.
pub(super) fn agent(tls: TlsConfig) -> Agent {
    let config = Agent::config_builder()
        .tls_config(tls)
        .https_only(true)
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(EXCHANGE))
        .user_agent("orgshare-peer")
        .build();
    Agent::with_parts(config, Connecting::default(), Resolving::default())
}
