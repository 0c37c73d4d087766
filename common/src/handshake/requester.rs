use std::sync::Arc;

use rustls::Connection;
use rustls::pki_types::UnixTime;

use super::binding::{Seen, Transcript, export};
use super::credentials::Credentials;
use super::error::{Distrust, Failure, HandshakeError, Refusal};
use super::tls;
use super::trust::Trust;
use super::verifier::{ListenerVerifier, Reason};
use super::{Established, VerifiedPeer};
use crate::crypto::{Opener, Sealer, Suite};
use crate::frame::Frame;
use crate::identity::{Alias, PeerCertificate};
use crate::message::{Grant, Message};
use crate::wire::{FrameType, NotReadyCode};

/// How a requester enters a handshake.
#[derive(Debug, Clone)]
pub struct RequesterConfig {
    /// Whom to trust.
    pub trust: Arc<Trust>,
    /// Who we are.
    pub credentials: Arc<Credentials>,
    /// Who must answer; `None` when any member may.
    pub expected: Option<Alias>,
    /// Suites offered, most preferred first.
    pub suites: Vec<Suite>,
}

/// The requester's ClientHello is out; the listener's flight is to come.
pub struct AwaitListener {
    config: RequesterConfig,
    tls: Box<Connection>,
    reason: Reason,
    from_requester: Transcript,
    from_listener: Transcript,
}

/// What a frame from the listener leads to.
pub enum RequesterStep {
    /// More of the flight is to come; send these bytes, perhaps none.
    Continue(AwaitListener, Vec<u8>),
    /// The listener is verified; send these bytes and wait for its verdict about us.
    Verified(AwaitVerdict, Vec<u8>),
}

/// The listener is verified and our certificate is out; its verdict is to come.
pub struct AwaitVerdict {
    tls: Box<Connection>,
    established: Established,
}

impl AwaitListener {
    /// Begins a handshake at the time `now`: the state, and the bytes to send.
    ///
    /// # Errors
    /// When TLS cannot be set up from this configuration.
    pub fn start(
        config: RequesterConfig,
        now: UnixTime,
    ) -> Result<(Self, Vec<u8>), HandshakeError> {
        let reason = Reason::default();
        let verifier = ListenerVerifier::new(
            config.trust.clone(),
            &config.credentials,
            config.expected.clone(),
            reason.clone(),
        );
        let mut tls = tls::client(
            &config.trust,
            &config.credentials,
            verifier,
            &config.suites,
            now,
        )?;
        let hello = tls::frames(FrameType::Handshake, &tls::drain(&mut tls));
        let mut from_requester = Transcript::new();
        from_requester.sent(&hello);
        let state = Self {
            config,
            tls,
            reason,
            from_requester,
            from_listener: Transcript::new(),
        };
        Ok((state, hello))
    }

    /// Takes the listener's next frame.
    ///
    /// # Errors
    /// When the listener refused, cannot be trusted, or does not speak the protocol.
    pub fn handle_frame(mut self, frame: Frame<'_>) -> Result<RequesterStep, Failure> {
        self.handle(frame)
            .map_err(|error| Failure {
                error,
                reply: tls::frames(FrameType::Refusal, &tls::drain(&mut self.tls)),
            })
            .map(|sent| match sent {
                (bytes, None) => RequesterStep::Continue(self, bytes),
                (bytes, Some(established)) => {
                    let tls = self.tls;
                    RequesterStep::Verified(AwaitVerdict { tls, established }, bytes)
                }
            })
    }

    fn handle(
        &mut self,
        frame: Frame<'_>,
    ) -> Result<(Vec<u8>, Option<Established>), HandshakeError> {
        match frame.header.frame_type() {
            FrameType::Handshake => {}
            FrameType::Refusal => return Err(refused(&mut self.tls, frame.payload)),
            other => return Err(HandshakeError::UnexpectedFrame(other)),
        }
        self.from_listener.received(frame.header, frame.payload)?;
        tls::feed(&mut self.tls, frame.payload)
            .map_err(|error| reason_or(&self.reason, error.into()))?;
        let flight = tls::frames(FrameType::Handshake, &tls::drain(&mut self.tls));
        self.from_requester.sent(&flight);
        if self.tls.is_handshaking() {
            return Ok((flight, None));
        }
        let established = self.derive()?;
        Ok((flight, Some(established)))
    }

    fn derive(&self) -> Result<Established, HandshakeError> {
        let suite = tls::agreed_suite(&self.tls, &self.config.suites)?;
        let certificate = presented(&self.tls, &self.config.trust)?;
        let secrets = export(
            &self.tls,
            &Seen {
                requester: self.config.credentials.certificate(),
                listener: &certificate,
                from_requester: &self.from_requester,
                from_listener: &self.from_listener,
            },
        )?;
        Ok(Established {
            peer: VerifiedPeer { certificate },
            sealer: Sealer::new(suite, secrets.requester_to_listener),
            opener: Opener::new(suite, secrets.listener_to_requester),
        })
    }
}

impl AwaitVerdict {
    /// Who the listener is. Nothing may be requested from it before its verdict.
    pub fn peer(&self) -> &VerifiedPeer {
        &self.established.peer
    }

    /// Takes the listener's verdict.
    ///
    /// # Errors
    /// When the listener refused us, or the verdict is not one.
    pub fn handle_frame(mut self, frame: Frame<'_>) -> Result<(Established, Grant), Failure> {
        self.handle(frame)
            .map(|grant| (self.established, grant))
            .map_err(|error| Failure {
                error,
                reply: Vec::new(),
            })
    }

    fn handle(&mut self, frame: Frame<'_>) -> Result<Grant, HandshakeError> {
        match frame.header.frame_type() {
            FrameType::Verdict => {}
            FrameType::Refusal => return Err(refused(&mut self.tls, frame.payload)),
            other => return Err(HandshakeError::UnexpectedFrame(other)),
        }
        let grant = Grant::decode(self.established.opener.open_in_place(frame)?)?;
        if grant.version != Grant::VERSION {
            return Err(HandshakeError::Version {
                expected: Grant::VERSION,
                actual: grant.version,
            });
        }
        Ok(grant)
    }
}

/// What a refusal says: one byte before TLS began, else the alert, which only TLS can read. A
/// refusal never moves the handshake on, whatever is in it.
pub(super) fn refused(tls: &mut Connection, payload: &[u8]) -> HandshakeError {
    if let [code] = payload {
        return Refusal::NotReady(NotReadyCode::from_number(*code)).into();
    }
    match tls::feed(tls, payload) {
        Err(error) => error.into(),
        Ok(()) => HandshakeError::UnexpectedFrame(FrameType::Refusal),
    }
}

/// The identity step's own reason, when there is one, says more than the TLS error.
pub(super) fn reason_or(reason: &Reason, error: HandshakeError) -> HandshakeError {
    reason.get().cloned().map_or(error, HandshakeError::from)
}

/// The certificate that the other side proved to hold; the verifiers have accepted it.
pub(super) fn presented(
    tls: &Connection,
    trust: &Trust,
) -> Result<PeerCertificate, HandshakeError> {
    let leaf = tls
        .peer_certificates()
        .and_then(<[_]>::first)
        .ok_or(Distrust::NoCertificate)?;
    PeerCertificate::from_der(leaf, trust.root().label())
        .map_err(|error| Distrust::from(error).into())
}
