use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use common::digest::DigestAlgorithm;
use common::handshake::{Distrust, Failure as HandshakeFailure, VerifiedPeer};
use common::message::{Outcome, RequestFile};
use common::session::{ListenerEvent as SessionEvent, ListenerSession, SessionError};
use common::wire::{ErrorCode, Sender};

use super::admission::Permit;
use super::live::{Standing, Verdict};
use super::{Listener, ListenerEvent};
use crate::clock;
use crate::connection::{ConnectError, FrameStream, ReceiveError, accept_handshake};
use crate::failure::without_number;
use crate::transfer::{SendError, send_file};

/// A verified requester may be silent that long, for example while its disk takes in a large file.
const IDLE: Duration = Duration::from_secs(600);

/// A requester that takes nothing for that long is gone.
const STALL: Duration = Duration::from_secs(120);

/// Why a connection ended other than by a goodbye.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Receive(#[from] ReceiveError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Send(#[from] SendError),
    #[error("{0}")]
    Distrust(Distrust),
    #[error("this member has too many connections")]
    TooManyConnections,
    #[error("{0}")]
    Cut(Verdict),
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Tells a connection over the limit to come back later.
pub(super) fn turn_away(socket: TcpStream) {
    if let Ok(mut stream) = FrameStream::new(socket, Sender::Requester) {
        // Whether the stranger still hears it does not matter.
        let _ = stream.send(&HandshakeFailure::busy().reply);
    }
}

/// One connection from accept to close.
pub(super) fn serve(
    listener: &Listener,
    socket: TcpStream,
    address: SocketAddr,
    mut permit: Permit,
) {
    let Ok(mut stream) = FrameStream::new(socket, Sender::Requester) else {
        return;
    };
    let established = match accept_handshake(&mut stream, listener.identity()) {
        Ok(established) => established,
        Err(error) => {
            if error.is_revoked() {
                listener.doubt.raise();
            }
            stream.close();
            if let Some(reason) = rejection(&error) {
                listener.tell(address, ListenerEvent::Rejected { reason: &reason });
            }
            return;
        }
    };
    let mut session = ListenerSession::new(established);
    let peer = session.peer().clone();
    let alias = peer.certificate().name().alias().as_str();
    let may_stay = permit.verified(alias);
    listener.tell(address, ListenerEvent::Connected { alias });
    let mut conversation = Conversation {
        listener,
        address,
        peer: &peer,
        alias,
        stream: &mut stream,
        session: &mut session,
    };
    let ended = if may_stay {
        conversation.run_standing()
    } else {
        conversation.turn_down()
    };
    let problem = match ended {
        Ok(()) => None,
        Err(ended) => Some(without_number(&ended.to_string())),
    };
    stream.close();
    listener.tell(
        address,
        ListenerEvent::Disconnected {
            alias,
            problem: problem.as_deref(),
        },
    );
}

/// A connection that ended before it said anything is a port scan, not news.
fn rejection(error: &ConnectError) -> Option<String> {
    match error {
        ConnectError::Receive(ReceiveError::Closed) => None,
        other => Some(without_number(&other.to_string())),
    }
}

struct Conversation<'a> {
    listener: &'a Listener,
    address: SocketAddr,
    peer: &'a VerifiedPeer,
    alias: &'a str,
    stream: &'a mut FrameStream,
    session: &'a mut ListenerSession,
}

impl Conversation<'_> {
    /// Goes on until one side ends it, or a newer revocation list does.
    fn run_standing(&mut self) -> Result<(), Ended> {
        let certificate = self.peer.certificate().clone();
        let standing = self.listener.live.enter(certificate, self.stream.cutter()?);
        let ended = self.run(&standing);
        match standing.verdict() {
            Some(verdict) => {
                self.stream.farewell();
                Err(Ended::Cut(verdict))
            }
            None => ended,
        }
    }

    fn run(&mut self, standing: &Standing) -> Result<(), Ended> {
        self.stream.set_established(IDLE, STALL)?;
        loop {
            let frame = match self.stream.receive() {
                Ok(frame) => frame,
                Err(ReceiveError::Closed) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            match self.session.handle_frame(frame)? {
                SessionEvent::FileRequested(request) => self.answer(&request, standing)?,
                SessionEvent::Acknowledged(outcome) => self.tell(ListenerEvent::Acknowledged {
                    alias: self.alias,
                    kept: outcome == Outcome::Kept,
                }),
                SessionEvent::KeepAlive => {}
                SessionEvent::Goodbye => return Ok(()),
            }
        }
    }

    /// This member has too many connections: the first request is told so, and nothing else.
    fn turn_down(&mut self) -> Result<(), Ended> {
        let frame = self.stream.receive()?;
        if let SessionEvent::FileRequested(_) = self.session.handle_frame(frame)? {
            let busy = self.session.refuse(ErrorCode::Busy)?;
            self.stream.send(&busy)?;
        }
        Err(Ended::TooManyConnections)
    }

    fn answer(&mut self, request: &RequestFile, standing: &Standing) -> Result<(), Ended> {
        let path = request.path.as_str();
        let alias = self.alias;
        let _answering = standing.answer();
        self.tell(ListenerEvent::Requested { alias, path });
        self.check_again()?;
        let opened = DigestAlgorithm::from_number(request.digest)
            .ok_or(ErrorCode::UnknownDigest)
            .and_then(|digest| Ok((self.listener.shares.open_file(path)?, digest)));
        match opened {
            Ok((file, digest)) => {
                // When it is this device, the connection is cut already, and no word of ours counts.
                let is_theirs = |verdict: &Verdict| matches!(verdict, Verdict::Theirs(_));
                let stop = || {
                    let verdict = standing.verdict().filter(is_theirs);
                    verdict.map(|_| ErrorCode::Revoked)
                };
                let sent = send_file(self.stream, self.session, file, digest, &stop)?;
                self.tell(ListenerEvent::Sent { alias, path, sent });
                if let Some(verdict) = standing.verdict() {
                    return Err(Ended::Cut(verdict));
                }
            }
            Err(code) => {
                let frame = self.session.refuse(code)?;
                self.stream.send(&frame)?;
                self.tell(ListenerEvent::Refused { alias, path, code });
            }
        }
        Ok(())
    }

    /// Revocation and expiry are looked at again at every request. A refusal ends the session.
    fn check_again(&mut self) -> Result<(), Ended> {
        let trust = self.listener.identity().trust;
        let Err(reason) = trust.check_again(self.peer, clock::now()) else {
            return Ok(());
        };
        let code = match reason {
            Distrust::Revoked(_) => ErrorCode::Revoked,
            Distrust::CrlStale => ErrorCode::CrlStale,
            _ => ErrorCode::Expired,
        };
        let frame = self.session.refuse(code)?;
        self.stream.send(&frame)?;
        Err(Ended::Distrust(reason))
    }

    fn tell(&self, event: ListenerEvent<'_>) {
        self.listener.tell(self.address, event);
    }
}
