//! Someone who speaks the handshake without any of the programs' checks, with a certificate of
//! their choice: what does an honest peer make of it?

use std::io::{self, Read as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, Connection, Error as TlsError, ServerConfig,
    ServerConnection, SignatureScheme,
};

use crate::credulous::Credulous;
use crate::device::Device;
use crate::error::{Doing, Error, Result};
use crate::frames::Frame;
use crate::process::Finished;

const ALPN: &[u8] = b"orgshare/1.aes-256-gcm";
const PATIENCE: Duration = Duration::from_secs(30);

/// A certificate chain and the key that goes, or does not go, with it.
#[derive(Debug)]
pub struct Credentials {
    /// What is presented, the leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// What signs.
    pub key: PrivateKeyDer<'static>,
}

/// What the honest side made of the rogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It went on as with a colleague.
    Accepted,
    /// It refused, with this TLS alert.
    Refused(AlertDescription),
    /// It refused in another way.
    NotReady(Vec<u8>),
    /// It closed the connection without a word.
    Closed,
}

impl Verdict {
    /// Whether the honest side refused, in whatever way.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        *self != Self::Accepted
    }
}

/// Connects to an honest listener and presents the credentials, or none.
///
/// # Errors
/// If the connection fails for a reason that is no verdict.
pub fn request(port: u16, credentials: Option<Credentials>) -> Result<Verdict> {
    let stream = TcpStream::connect(("127.0.0.1", port)).doing("connecting to the listener")?;
    let name = ServerName::try_from("nobody.invalid")
        .map_err(|_| Error::Unexpected("a name that is no name".to_owned()))?;
    let tls =
        ClientConnection::new(Arc::new(client_config(credentials)?), name).map_err(tls_error)?;
    Handshake::new(stream, tls.into())?.run_as_requester()
}

/// An honest requester's connection is awaited and the credentials are presented to it.
///
/// # Errors
/// If the connection fails for a reason that is no verdict.
pub fn listen(listener: &TcpListener, credentials: Credentials) -> Result<Verdict> {
    let (stream, _) = listener.accept().doing("waiting for a requester")?;
    let tls = ServerConnection::new(Arc::new(server_config(credentials)?)).map_err(tls_error)?;
    Handshake::new(stream, tls.into())?.run_as_listener()
}

/// A device asks the rogue for a file, as if the rogue were a colleague: what does each make of it?
///
/// # Errors
/// If the device's `peer get` does not end, or fails for a reason that is no verdict.
pub fn lure(device: &Device, credentials: Credentials, to: &Path) -> Result<(Verdict, Finished)> {
    let listener = TcpListener::bind("127.0.0.1:0").doing("binding the rogue")?;
    let port = listener.local_addr().doing("binding the rogue")?.port();
    let waiting = thread::spawn(move || listen(&listener, credentials));
    let finished = device.get(&format!("{port}:files/bait"), to);
    // If the device never came, this lets the rogue go; otherwise nobody listens any more.
    TcpStream::connect(("127.0.0.1", port)).ok();
    let verdict = waiting
        .join()
        .map_err(|_| Error::Unexpected("the rogue panicked".to_owned()))?;
    Ok((verdict?, finished?))
}

/// A connection on which the handshake goes in frames.
struct Handshake {
    stream: TcpStream,
    tls: Connection,
}

impl Handshake {
    fn new(stream: TcpStream, tls: Connection) -> Result<Self> {
        stream
            .set_read_timeout(Some(PATIENCE))
            .doing("setting a timeout")?;
        Ok(Self { stream, tls })
    }

    fn run_as_requester(mut self) -> Result<Verdict> {
        self.send_flight()?;
        if let Some(verdict) = self.receive_flight()? {
            return Ok(verdict);
        }
        self.send_flight()?;
        match self.receive()? {
            Some(frame) if frame.kind == *b"RSCV" => Ok(Verdict::Accepted),
            Some(frame) => self.judge(&frame),
            None => Ok(Verdict::Closed),
        }
    }

    fn run_as_listener(mut self) -> Result<Verdict> {
        if let Some(verdict) = self.receive_flight()? {
            return Ok(verdict);
        }
        self.send_flight()?;
        Ok(self.receive_flight()?.unwrap_or(Verdict::Accepted))
    }

    /// Sends what TLS has to say, as one SECE frame. A side that has closed already is seen when
    /// its answer is read.
    fn send_flight(&mut self) -> Result<()> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls
                .write_tls(&mut bytes)
                .doing("writing the handshake")?;
        }
        Frame::new(*b"SECE", bytes)
            .write(&mut self.stream)
            .or_else(closed)
            .doing("sending a frame")
    }

    /// Takes the other side's flight, in one frame or several, or its verdict.
    fn receive_flight(&mut self) -> Result<Option<Verdict>> {
        loop {
            let frame = match self.receive()? {
                None => return Ok(Some(Verdict::Closed)),
                Some(frame) if frame.kind == *b"SECE" => frame,
                Some(frame) => return self.judge(&frame).map(Some),
            };
            match self.take(&frame.payload) {
                Ok(()) if self.tls.is_handshaking() && !self.tls.wants_write() => {}
                Ok(()) => return Ok(None),
                Err(TlsError::AlertReceived(alert)) => return Ok(Some(Verdict::Refused(alert))),
                Err(error) => return Err(tls_error(error)),
            }
        }
    }

    fn receive(&mut self) -> Result<Option<Frame>> {
        Frame::read(&mut self.stream)
            .or_else(|e| closed(e).map(|()| None))
            .doing("reading a frame")
    }

    fn judge(&mut self, frame: &Frame) -> Result<Verdict> {
        if frame.kind != *b"RSCI" {
            let kind = String::from_utf8_lossy(&frame.kind).into_owned();
            return Err(Error::Unexpected(format!(
                "a {kind} frame inside the handshake"
            )));
        }
        match self.take(&frame.payload) {
            Err(TlsError::AlertReceived(alert)) => Ok(Verdict::Refused(alert)),
            _ => Ok(Verdict::NotReady(frame.payload.clone())),
        }
    }

    fn take(&mut self, mut bytes: &[u8]) -> std::result::Result<(), TlsError> {
        while !bytes.is_empty() {
            self.tls
                .read_tls(&mut bytes.by_ref())
                .map_err(|error| TlsError::General(error.to_string()))?;
            self.tls.process_new_packets()?;
        }
        Ok(())
    }
}

/// A connection closed by the other side is a verdict, not a failure.
fn closed(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Ok(()),
        _ => Err(error),
    }
}

fn tls_error(error: TlsError) -> Error {
    Error::Unexpected(format!("the rogue's own TLS: {error}"))
}

fn client_config(credentials: Option<Credentials>) -> Result<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])
        .map_err(tls_error)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous(provider)));
    let mut config = match credentials {
        None => builder.with_no_client_auth(),
        Some(credentials) => builder.with_client_cert_resolver(Arc::new(Always::of(credentials)?)),
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.enable_sni = false;
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

fn server_config(credentials: Credentials) -> Result<ServerConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])
        .map_err(tls_error)?
        .with_client_cert_verifier(Arc::new(Credulous(provider)))
        .with_cert_resolver(Arc::new(Always::of(credentials)?));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// Presents the same certificate to everybody, without asking whether it and the key belong together.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl Always {
    fn of(credentials: Credentials) -> Result<Self> {
        let key = aws_lc_rs::sign::any_supported_type(&credentials.key).map_err(tls_error)?;
        Ok(Self(Arc::new(CertifiedKey::new(credentials.chain, key))))
    }
}

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
