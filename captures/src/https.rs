//! A small HTTPS client of the auth server: from any address of this machine, with any
//! certificate, and with nothing between the bytes it is given and the wire.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::error::{Doing, Error, Result};
use crate::foreign::root_certificate;
use crate::organisation::Organisation;
use crate::rogue::Credentials;

/// How long an answer may take: a full queue of logins and more.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to the auth server.
pub type Connection = StreamOwned<ClientConnection, TcpStream>;

/// Speaks to one auth server, whose certificate must come from its organisation's root.
#[derive(Debug, Clone)]
pub struct Client {
    config: Arc<ClientConfig>,
    server: SocketAddr,
    from: Ipv4Addr,
}

/// What the server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// What follows them.
    pub body: String,
}

impl Client {
    /// A client of the running auth server, from 127.0.0.1, without a certificate.
    ///
    /// # Errors
    /// If the organisation has no root or no address.
    pub fn of(organisation: &Organisation) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots
            .add(root_certificate(&organisation.folder())?)
            .map_err(unexpected)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(unexpected)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let url = organisation.url();
        Ok(Self {
            config: Arc::new(config),
            server: url
                .trim_start_matches("https://")
                .parse()
                .map_err(unexpected)?,
            from: Ipv4Addr::LOCALHOST,
        })
    }

    /// The same from another address of 127.0.0.0/8: a source of its own.
    #[must_use]
    pub fn from(&self, from: Ipv4Addr) -> Self {
        Self {
            from,
            ..self.clone()
        }
    }

    /// The same with a certificate.
    ///
    /// # Errors
    /// If the key is not the certificate's.
    pub fn with(&self, own: &Credentials) -> Result<Self> {
        let mut config = ClientConfig::clone(&self.config);
        let key = aws_lc_rs::sign::any_supported_type(&own.key).map_err(unexpected)?;
        let certified = CertifiedKey::new(own.chain.clone(), key);
        config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        Ok(Self {
            config: Arc::new(config),
            ..self.clone()
        })
    }

    /// Connects and shakes hands.
    ///
    /// # Errors
    /// If the server cannot be reached or is not the organisation's.
    pub fn connect(&self) -> Result<Connection> {
        let mut stream = StreamOwned::new(
            ClientConnection::new(
                Arc::clone(&self.config),
                ServerName::IpAddress(self.server.ip().into()),
            )
            .map_err(unexpected)?,
            self.dial().doing("connecting to the auth server")?,
        );
        while stream.conn.is_handshaking() {
            stream
                .conn
                .complete_io(&mut stream.sock)
                .doing("shaking hands with the auth server")?;
        }
        Ok(stream)
    }

    fn dial(&self) -> std::io::Result<TcpStream> {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        bind(&socket, &SocketAddrV4::new(self.from, 0))?;
        connect(&socket, &self.server)?;
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// Sends these bytes on a new connection and reads until the server closes it.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn send(&self, request: &[u8]) -> Result<Answer> {
        exchange(&mut self.connect()?, request)
    }

    /// Fetches a path.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn get(&self, path: &str) -> Result<Answer> {
        self.send(
            format!("GET {path} HTTP/1.1\r\nhost: auth\r\nconnection: close\r\n\r\n").as_bytes(),
        )
    }

    /// Posts JSON to a path.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn post(&self, path: &str, json: &str) -> Result<Answer> {
        self.send(&post_request(path, json))
    }

    /// Logs in with a request of the client's own making.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn login(&self, alias: &str, password: &str, csr: &str) -> Result<Answer> {
        self.post("/verify", &login_body(alias, password, csr))
    }
}

/// The bytes of a POST with JSON, after which the server closes.
#[must_use]
pub fn post_request(path: &str, json: &str) -> Vec<u8> {
    format!(
        "POST {path} HTTP/1.1\r\nhost: auth\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
        json.len()
    )
    .into_bytes()
}

/// The body of a login.
#[must_use]
pub fn login_body(alias: &str, password: &str, csr: &str) -> String {
    serde_json::json!({"alias": alias, "password": password, "csr": csr}).to_string()
}

/// A certificate request in PEM for a new P-256 key.
///
/// # Errors
/// If it cannot be made.
pub fn certificate_request() -> Result<String> {
    certificate_request_of(&KeyPair::generate().map_err(unexpected)?)
}

/// A certificate request in PEM for that key.
///
/// # Errors
/// If it cannot be made.
pub fn certificate_request_of(key: &KeyPair) -> Result<String> {
    CertificateParams::default()
        .serialize_request(key)
        .and_then(|request| request.pem())
        .map_err(unexpected)
}

/// Sends these bytes and reads until the server closes.
///
/// # Errors
/// If what comes is no answer.
pub fn exchange(connection: &mut Connection, request: &[u8]) -> Result<Answer> {
    let (status, head, body) = exchange_bytes(connection, request)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Answer { status, head, body })
}

/// The same for an answer that is no text: its status, head and body.
///
/// # Errors
/// If what comes is no answer.
pub fn exchange_bytes(
    connection: &mut Connection,
    request: &[u8],
) -> Result<(u16, String, Vec<u8>)> {
    // The server may answer and close before it has read all.
    let _ = connection
        .write_all(request)
        .and_then(|()| connection.flush());
    let mut bytes = Vec::new();
    // A close without a farewell after the answer is still an answer.
    let _ = connection.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or_else(|| {
        let text = String::from_utf8_lossy(&bytes);
        Error::Unexpected(format!("no answer: {text:?}"))
    })?;
    let body = bytes.split_off(end + 4);
    bytes.truncate(end);
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let status = head
        .split_whitespace()
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| Error::Unexpected(format!("no status: {head:?}")))?;
    Ok((status, head, body))
}

fn unexpected(error: impl std::fmt::Display) -> Error {
    Error::Unexpected(error.to_string())
}
