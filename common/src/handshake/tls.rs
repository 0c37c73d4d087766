//! How rustls is set up and driven: no socket, no clock, no resumption.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs::kx_group::{SECP256R1, X25519, X25519MLKEM768};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ClientConnection, Connection, Error as TlsError, ServerConfig, ServerConnection,
};

use super::credentials::Credentials;
use super::error::HandshakeError;
use super::trust::Trust;
use super::verifier::{ListenerVerifier, RequesterVerifier};
use crate::crypto::Suite;
use crate::frame::plain_frame;
use crate::limits::MAX_HANDSHAKE_FRAME_BYTES;
use crate::wire::FrameType;

/// Never sent (SNI is off) and never compared (the verifier reads the certificate).
const UNUSED_SERVER_NAME: &str = "listener.peer.internal";

/// AWS-LC with the post-quantum hybrid group first (X25519MLKEM768, then X25519 and P-256), for
/// every TLS connection of a peer.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        kx_groups: vec![X25519MLKEM768, X25519, SECP256R1],
        ..aws_lc_rs::default_provider()
    })
}

/// The one moment at which a handshake happens.
#[derive(Debug)]
struct FixedTime(UnixTime);

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}

fn alpn(suites: &[Suite]) -> Vec<Vec<u8>> {
    suites.iter().map(|suite| suite.alpn().to_vec()).collect()
}

/// The requester's end. SNI is off because the alias would travel in clear; resumption is off
/// because it would skip the certificate and revocation checks.
pub(super) fn client(
    trust: &Trust,
    own: &Credentials,
    verifier: ListenerVerifier,
    suites: &[Suite],
    now: UnixTime,
) -> Result<Box<Connection>, TlsError> {
    let certified = SingleCertAndKey::from(own.certified().clone());
    let mut config =
        ClientConfig::builder_with_details(trust.provider().clone(), Arc::new(FixedTime(now)))
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(certified));
    config.enable_sni = false;
    config.resumption = Resumption::disabled();
    config.alpn_protocols = alpn(suites);
    let name = ServerName::try_from(UNUSED_SERVER_NAME)
        .map_err(|_| TlsError::General("server name".into()))?;
    ClientConnection::new(Arc::new(config), name).map(|tls| Box::new(tls.into()))
}

/// The listener's end: no tickets, no session storage.
pub(super) fn server(
    trust: &Trust,
    own: &Credentials,
    verifier: RequesterVerifier,
    suites: &[Suite],
    now: UnixTime,
) -> Result<Box<Connection>, TlsError> {
    let certified = SingleCertAndKey::from(own.certified().clone());
    let mut config =
        ServerConfig::builder_with_details(trust.provider().clone(), Arc::new(FixedTime(now)))
            .with_protocol_versions(&[&TLS13])?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::new(certified));
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.alpn_protocols = alpn(suites);
    ServerConnection::new(Arc::new(config)).map(|tls| Box::new(tls.into()))
}

/// Gives received TLS bytes to rustls, all of them: `read_tls` takes at most 4096 at a time.
pub(super) fn feed(tls: &mut Connection, mut bytes: &[u8]) -> Result<(), TlsError> {
    while !bytes.is_empty() {
        let before = bytes.len();
        tls.read_tls(&mut bytes)
            .map_err(|error| TlsError::General(error.to_string()))?;
        let state = tls.process_new_packets()?;
        if state.plaintext_bytes_to_read() > 0 {
            return Err(TlsError::General(
                "application data in the handshake".into(),
            ));
        }
        if bytes.len() == before {
            return Err(TlsError::General("bytes after the handshake".into()));
        }
    }
    Ok(())
}

/// The TLS bytes that rustls wants sent now.
pub(super) fn drain(tls: &mut Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while tls.wants_write() {
        if tls.write_tls(&mut bytes).is_err() {
            unreachable!("writing to a vector never fails");
        }
    }
    bytes
}

/// TLS bytes as frames of one type, each within the limit.
pub(super) fn frames(frame_type: FrameType, bytes: &[u8]) -> Vec<u8> {
    bytes
        .chunks(MAX_HANDSHAKE_FRAME_BYTES)
        .flat_map(|piece| {
            plain_frame(frame_type, piece)
                .unwrap_or_else(|_| unreachable!("the piece was cut to the limit"))
        })
        .collect()
}

/// The suite both sides agreed on. rustls accepts a peer that offers no ALPN, so both compare.
pub(super) fn agreed_suite(tls: &Connection, offered: &[Suite]) -> Result<Suite, HandshakeError> {
    tls.alpn_protocol()
        .and_then(Suite::from_alpn)
        .filter(|suite| offered.contains(suite))
        .ok_or(HandshakeError::NoCommonSuite)
}
