use std::sync::Arc;

use rustls::Connection;
use rustls::pki_types::UnixTime;

use super::binding::{Seen, Transcript, export};
use super::credentials::Credentials;
use super::error::{Failure, HandshakeError};
use super::requester::{presented, reason_or, refused};
use super::tls;
use super::trust::Trust;
use super::verifier::{Reason, RequesterVerifier};
use super::{Established, VerifiedPeer};
use crate::crypto::{Opener, Sealer, Suite};
use crate::frame::Frame;
use crate::message::{Grant, Message};
use crate::wire::{FrameType, NotReadyCode};

/// How a listener enters a handshake.
#[derive(Debug, Clone)]
pub struct ListenerConfig {
    /// Whom to trust.
    pub trust: Arc<Trust>,
    /// Who we are.
    pub credentials: Arc<Credentials>,
    /// Suites accepted, most preferred first.
    pub suites: Vec<Suite>,
}

/// A connection was accepted; the requester's flights are to come.
pub struct AwaitRequester {
    config: ListenerConfig,
    tls: Box<Connection>,
    reason: Reason,
    from_requester: Transcript,
    from_listener: Transcript,
}

/// What a frame from the requester leads to.
pub enum ListenerStep {
    /// More is to come; send these bytes.
    Continue(AwaitRequester, Vec<u8>),
    /// The requester is verified; send these bytes, which tell it so.
    Established(Established, Vec<u8>),
}

impl AwaitRequester {
    /// Begins a handshake at the time `now`.
    ///
    /// # Errors
    /// When this listener cannot decide about anybody: its certificate or its revocation list is
    /// out of date. Said before TLS begins, because rustls would turn a stale list into
    /// `unknown_ca`, a lie to the requester.
    pub fn start(config: ListenerConfig, now: UnixTime) -> Result<Self, Failure> {
        if !config.credentials.is_valid_at(now) {
            return Err(not_ready(NotReadyCode::CertificateExpired));
        }
        if !config.trust.crl().is_fresh(now) {
            return Err(not_ready(NotReadyCode::CrlStale));
        }
        let reason = Reason::default();
        let verifier =
            RequesterVerifier::new(config.trust.clone(), &config.credentials, reason.clone());
        let tls = tls::server(
            &config.trust,
            &config.credentials,
            verifier,
            &config.suites,
            now,
        )
        .map_err(|error| Failure {
            error: error.into(),
            reply: Vec::new(),
        })?;
        Ok(Self {
            config,
            tls,
            reason,
            from_requester: Transcript::new(),
            from_listener: Transcript::new(),
        })
    }

    /// Takes the requester's next frame.
    ///
    /// # Errors
    /// When the requester refused, cannot be trusted, or does not speak the protocol.
    pub fn handle_frame(mut self, frame: Frame<'_>) -> Result<ListenerStep, Failure> {
        self.handle(frame)
            .map_err(|error| Failure {
                error,
                reply: tls::frames(FrameType::Refusal, &tls::drain(&mut self.tls)),
            })
            .map(|sent| match sent {
                (bytes, None) => ListenerStep::Continue(self, bytes),
                (verdict, Some(established)) => ListenerStep::Established(established, verdict),
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
        self.from_requester.received(frame.header, frame.payload)?;
        tls::feed(&mut self.tls, frame.payload)
            .map_err(|error| reason_or(&self.reason, error.into()))?;
        if self.tls.is_handshaking() {
            let flight = tls::frames(FrameType::Handshake, &tls::drain(&mut self.tls));
            self.from_listener.sent(&flight);
            return Ok((flight, None));
        }
        let mut established = self.derive()?;
        let verdict = self.verdict(&mut established)?;
        Ok((verdict, Some(established)))
    }

    fn derive(&self) -> Result<Established, HandshakeError> {
        let suite = tls::agreed_suite(&self.tls, &self.config.suites)?;
        let certificate = presented(&self.tls, &self.config.trust)?;
        let secrets = export(
            &self.tls,
            &Seen {
                requester: &certificate,
                listener: self.config.credentials.certificate(),
                from_requester: &self.from_requester,
                from_listener: &self.from_listener,
            },
        )?;
        Ok(Established {
            peer: VerifiedPeer { certificate },
            sealer: Sealer::new(suite, secrets.listener_to_requester),
            opener: Opener::new(suite, secrets.requester_to_listener),
        })
    }

    /// The first frame of the record layer: our proof to the requester that it was accepted.
    fn verdict(&self, established: &mut Established) -> Result<Vec<u8>, HandshakeError> {
        let grant = Grant {
            version: Grant::VERSION,
            role: established.peer.certificate().role().clone(),
            crl_number: self.config.trust.crl().number(),
        };
        established
            .sealer
            .seal(FrameType::Verdict, &grant.encode())
            .map_err(|error| HandshakeError::Tls(error.to_string()))
    }
}

/// The plain refusal of a listener that takes nobody now.
pub(super) fn not_ready(code: NotReadyCode) -> Failure {
    Failure {
        error: HandshakeError::NotReady(code),
        reply: tls::frames(FrameType::Refusal, &[code.number()]),
    }
}

impl Failure {
    /// The refusal of a listener that has too many handshakes at once.
    pub fn busy() -> Self {
        not_ready(NotReadyCode::Busy)
    }
}
