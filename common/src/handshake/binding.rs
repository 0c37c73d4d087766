//! Binds the record layer's keys to everything both sides saw. The TLS exporter does not cover
//! the client certificate, so both certificates and all frames go into its context.

use aws_lc_rs::digest::{Context, SHA256};
use rustls::{Connection, Error as TlsError};

use super::error::HandshakeError;
use crate::crypto::Secret;
use crate::frame::Header;
use crate::identity::PeerCertificate;
use crate::limits::{FRAME_HEADER_BYTES, MAX_HANDSHAKE_DIRECTION_BYTES};

const CONTEXT_PREFIX: &[u8] = b"orgshare/1";
const LABEL_REQUESTER_TO_LISTENER: &[u8] = b"EXPERIMENTAL orgshare v1 r2l";
const LABEL_LISTENER_TO_REQUESTER: &[u8] = b"EXPERIMENTAL orgshare v1 l2r";

/// The frames of one direction, headers included.
#[derive(Clone)]
pub(super) struct Transcript {
    digest: Context,
    bytes: usize,
}

impl Transcript {
    pub(super) fn new() -> Self {
        Self {
            digest: Context::new(&SHA256),
            bytes: 0,
        }
    }

    /// Whole frames that we send.
    pub(super) fn sent(&mut self, frames: &[u8]) {
        self.digest.update(frames);
        self.bytes += frames.len();
    }

    /// One frame that we received. Fails over the limit, before the payload is looked at.
    pub(super) fn received(
        &mut self,
        header: Header,
        payload: &[u8],
    ) -> Result<(), HandshakeError> {
        self.bytes += FRAME_HEADER_BYTES + payload.len();
        if self.bytes > MAX_HANDSHAKE_DIRECTION_BYTES {
            return Err(HandshakeError::TooLong {
                limit: MAX_HANDSHAKE_DIRECTION_BYTES,
            });
        }
        self.digest.update(&header.encode());
        self.digest.update(payload);
        Ok(())
    }
}

/// Who said what, from the view that both sides share.
pub(super) struct Seen<'a> {
    pub(super) requester: &'a PeerCertificate,
    pub(super) listener: &'a PeerCertificate,
    pub(super) from_requester: &'a Transcript,
    pub(super) from_listener: &'a Transcript,
}

impl Seen<'_> {
    fn context(&self) -> Vec<u8> {
        let mut context = Context::new(&SHA256);
        context.update(CONTEXT_PREFIX);
        context.update(self.requester.leaf_sha256());
        context.update(self.listener.leaf_sha256());
        context.update(self.from_requester.digest.clone().finish().as_ref());
        context.update(self.from_listener.digest.clone().finish().as_ref());
        context.finish().as_ref().to_vec()
    }
}

/// The first secrets of both directions.
pub(super) struct Secrets {
    pub(super) requester_to_listener: Secret,
    pub(super) listener_to_requester: Secret,
}

/// TLS-Exporter (RFC 8446, 7.5) over everything seen.
pub(super) fn export(tls: &Connection, seen: &Seen<'_>) -> Result<Secrets, TlsError> {
    let context = seen.context();
    let secret = |label| {
        tls.export_keying_material([0; Secret::BYTES], label, Some(&context))
            .map(Secret::new)
    };
    Ok(Secrets {
        requester_to_listener: secret(LABEL_REQUESTER_TO_LISTENER)?,
        listener_to_requester: secret(LABEL_LISTENER_TO_REQUESTER)?,
    })
}
