//! The only join of a socket and the protocol: frames over TCP, dialling, and accepting.

mod frame_stream;
mod race;
mod resolve;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use common::handshake::{
    AwaitListener, AwaitRequester, Distrust, Established, Failure as HandshakeFailure,
    HandshakeError, ListenerConfig, ListenerStep, Refusal, RequesterConfig, RequesterStep,
    VerifiedPeer,
};
use common::identity::IdentityError;
use common::message::Grant;
use common::wire::{NotReadyCode, Sender};

pub use frame_stream::{FrameStream, ReceiveError};
pub use resolve::resolve;

use crate::clock;

/// Why a connection did not come to be.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody listens there, or the way there is closed.
    #[error(transparent)]
    Dial(io::Error),
    /// No frame came where one was due.
    #[error(transparent)]
    Receive(ReceiveError),
    /// The handshake failed.
    #[error(transparent)]
    Handshake(HandshakeError),
}

impl ConnectError {
    /// The other side says that this device's certificate was revoked.
    pub fn is_revoked(&self) -> bool {
        matches!(
            self,
            Self::Handshake(HandshakeError::Refused(Refusal::Revoked))
        )
    }

    /// Somebody answers, but not who was expected: the address may mean another machine from here.
    pub fn is_somebody_else(&self) -> bool {
        match self {
            Self::Dial(_) => false,
            Self::Receive(_) => true,
            Self::Handshake(error) => matches!(
                error,
                HandshakeError::Distrust(Distrust::WrongMember { .. } | Distrust::OtherAuthority)
                    | HandshakeError::Distrust(Distrust::Identity(IdentityError::OwnKey))
                    | HandshakeError::Refused(Refusal::OtherAuthority | Refusal::AccessDenied)
            ),
        }
    }

    /// A busy listener says so; under a flood its system may reset the connection before that
    /// arrives.
    pub fn is_busy(&self) -> bool {
        match self {
            Self::Handshake(HandshakeError::Refused(Refusal::NotReady(code))) => {
                *code == NotReadyCode::Busy
            }
            Self::Receive(ReceiveError::Io(error)) => {
                error.kind() == io::ErrorKind::ConnectionReset
            }
            _ => false,
        }
    }
}

/// What happens while a requester connects.
#[derive(Debug)]
pub enum ConnectEvent<'a> {
    /// The first handshake frame is out.
    HandshakeSent,
    /// The listener's certificate arrived and is valid.
    ListenerVerified(&'a VerifiedPeer),
}

/// Connects to the first of `addresses` that answers, and tells which.
///
/// # Errors
/// When none does: the last reason.
pub fn dial(
    addresses: &[SocketAddr],
    timeout: Duration,
) -> Result<(FrameStream, SocketAddr), ConnectError> {
    let (socket, address) = race::race(addresses, timeout).map_err(ConnectError::Dial)?;
    let stream = FrameStream::new(socket, Sender::Listener).map_err(ConnectError::Dial)?;
    Ok((stream, address))
}

/// Shakes hands as the requester.
///
/// # Errors
/// When either side refuses the other, or the handshake does not end in time.
pub fn request_handshake(
    stream: &mut FrameStream,
    config: RequesterConfig,
    mut on: impl FnMut(ConnectEvent<'_>),
) -> Result<(Established, Grant), ConnectError> {
    let (mut state, hello) =
        AwaitListener::start(config, clock::now()).map_err(ConnectError::Handshake)?;
    stream.send(&hello).map_err(broken)?;
    on(ConnectEvent::HandshakeSent);
    let verdict = loop {
        let frame = stream.receive().map_err(ConnectError::Receive)?;
        match state.handle_frame(frame) {
            Ok(RequesterStep::Continue(next, bytes)) => {
                stream.send(&bytes).map_err(broken)?;
                state = next;
            }
            Ok(RequesterStep::Verified(next, bytes)) => {
                on(ConnectEvent::ListenerVerified(next.peer()));
                stream.send(&bytes).map_err(broken)?;
                break next;
            }
            Err(failure) => return Err(refuse(stream, failure)),
        }
    };
    let frame = stream.receive().map_err(ConnectError::Receive)?;
    verdict
        .handle_frame(frame)
        .map_err(|failure| refuse(stream, failure))
}

/// Shakes hands as the listener.
///
/// # Errors
/// When either side refuses the other, or the handshake does not end in time.
pub fn accept_handshake(
    stream: &mut FrameStream,
    config: ListenerConfig,
) -> Result<Established, ConnectError> {
    let mut state = match AwaitRequester::start(config, clock::now()) {
        Ok(state) => state,
        Err(failure) => return Err(refuse(stream, failure)),
    };
    loop {
        let frame = stream.receive().map_err(ConnectError::Receive)?;
        match state.handle_frame(frame) {
            Ok(ListenerStep::Continue(next, bytes)) => {
                stream.send(&bytes).map_err(broken)?;
                state = next;
            }
            Ok(ListenerStep::Established(established, bytes)) => {
                stream.send(&bytes).map_err(broken)?;
                return Ok(established);
            }
            Err(failure) => return Err(refuse(stream, failure)),
        }
    }
}

fn broken(error: io::Error) -> ConnectError {
    ConnectError::Receive(ReceiveError::Io(error))
}

/// Tells the other side, as far as it still listens, and keeps the reason.
fn refuse(stream: &mut FrameStream, failure: HandshakeFailure) -> ConnectError {
    // The reason for ending counts, not whether the other side could still be told.
    let _ = stream.send(&failure.reply);
    ConnectError::Handshake(failure.error)
}
