//! Peers written from `docs/PROTOCOL.md` alone, with rustls for TLS and the independent
//! cryptography for the rest, meet those of `common`: the document's steps 1 to 5 suffice.

#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod independent;

use std::sync::Arc;

use common::digest::{Digest, DigestAlgorithm};
use common::frame::Frame;
use common::handshake::{
    AwaitListener, AwaitRequester, AwaitVerdict, Distrust, Established, Failure, HandshakeError,
    ListenerStep, RequesterStep,
};
use common::identity::IdentityError;
use common::message::{Outcome, RequestFile};
use common::session::{ListenerEvent, ListenerSession, RequesterEvent, RequesterSession};
use common::testing::{Issued, Leaf, NOW, Pair, TestOrg, at, each_frame};
use common::wire::{ErrorCode, FrameType};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection,
};

const ALPN: &str = "orgshare/1.aes-256-gcm";
/// `Grant` with version 1, role `member`, CRL number 1.
const GRANT: &[u8] = b"\xa3\x00\x01\x01\x66member\x02\x01";

#[derive(Debug)]
struct FixedTime;

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(at(NOW))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn roots(org: &TestOrg) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(org.root().certificate().clone()).unwrap();
    Arc::new(roots)
}

/// What an independent peer does wrong on purpose.
#[derive(Default, Clone, Copy)]
struct Faults {
    no_alpn: bool,
    root_in_chain: bool,
    tickets: bool,
}

/// An independent peer: a TLS engine, and every `SECE` frame of both directions.
struct Peer {
    tls: Connection,
    certificate: CertificateDer<'static>,
    cut: usize,
    sent: Vec<u8>,
    received: Vec<u8>,
}

impl Peer {
    fn new(tls: Connection, issued: Issued, cut: usize) -> Self {
        Self {
            tls,
            certificate: issued.leaf,
            cut,
            sent: Vec::new(),
            received: Vec::new(),
        }
    }

    fn requester(org: &TestOrg, cut: usize, faults: Faults) -> Self {
        let issued = org.issue(&Leaf::of("alice", "acme"));
        let mut config = ClientConfig::builder_with_details(provider(), Arc::new(FixedTime))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_root_certificates(roots(org))
            .with_client_auth_cert(chain(org, &issued, faults), issued.key.clone_key())
            .unwrap();
        config.enable_sni = false;
        config.alpn_protocols = alpn(faults);
        let name = ServerName::try_from("bob.peer.acme.internal").unwrap();
        let tls = ClientConnection::new(Arc::new(config), name).unwrap();
        Self::new(tls.into(), issued, cut)
    }

    fn listener(org: &TestOrg, cut: usize, faults: Faults) -> Self {
        let issued = org.issue(&Leaf::of("bob", "acme"));
        let verifier = WebPkiClientVerifier::builder_with_provider(roots(org), provider());
        let mut config = ServerConfig::builder_with_details(provider(), Arc::new(FixedTime))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(chain(org, &issued, faults), issued.key.clone_key())
            .unwrap();
        config.send_tls13_tickets = if faults.tickets { 2 } else { 0 };
        config.alpn_protocols = alpn(faults);
        let tls = ServerConnection::new(Arc::new(config)).unwrap();
        Self::new(tls.into(), issued, cut)
    }

    /// What the TLS engine wants sent, as frames.
    fn sends(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).unwrap();
        }
        let frames: Vec<u8> = bytes.chunks(self.cut).flat_map(secure_exchange).collect();
        self.sent.extend(&frames);
        frames
    }

    fn receives(&mut self, frames: &[u8]) {
        self.received.extend(frames);
        each_frame(frames, |frame| {
            assert_eq!(frame.header.frame_type(), FrameType::Handshake);
            let mut rest = &*frame.payload;
            while !rest.is_empty() {
                self.tls.read_tls(&mut rest).unwrap();
                self.tls.process_new_packets().unwrap();
            }
        });
    }

    /// Section 4: the first secret of a direction.
    fn secret(&self, direction: &str, context: [u8; 32]) -> [u8; 32] {
        let label = format!("EXPERIMENTAL orgshare v1 {direction}");
        self.tls
            .export_keying_material([0; 32], label.as_bytes(), Some(&context))
            .unwrap()
    }

    fn secrets(&self, context: [u8; 32]) -> Secrets {
        Secrets {
            requester_to_listener: self.secret("r2l", context),
            listener_to_requester: self.secret("l2r", context),
        }
    }

    fn other_certificate(&self) -> &[u8] {
        &self.tls.peer_certificates().unwrap()[0]
    }
}

struct Secrets {
    requester_to_listener: [u8; 32],
    listener_to_requester: [u8; 32],
}

fn secure_exchange(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [b"SECE".as_slice(), &length, payload].concat()
}

fn alpn(faults: Faults) -> Vec<Vec<u8>> {
    if faults.no_alpn {
        return Vec::new();
    }
    vec![ALPN.into()]
}

fn chain(org: &TestOrg, issued: &Issued, faults: Faults) -> Vec<CertificateDer<'static>> {
    let mut chain = vec![issued.leaf.clone()];
    if faults.root_in_chain {
        chain.push(org.root().certificate().clone());
    }
    chain
}

/// The listener of `common` takes frames: what it sends, and who it verified.
fn listen(
    state: &mut Option<AwaitRequester>,
    frames: &[u8],
) -> Result<(Vec<u8>, Option<Established>), Failure> {
    let mut sent = Vec::new();
    let mut outcome = Ok(None);
    each_frame(frames, |frame| {
        let Some(waiting) = state.take() else { return };
        match waiting.handle_frame(frame) {
            Ok(ListenerStep::Continue(next, bytes)) => {
                *state = Some(next);
                sent.extend(bytes);
            }
            Ok(ListenerStep::Established(established, bytes)) => {
                sent.extend(bytes);
                outcome = Ok(Some(established));
            }
            Err(failure) => outcome = Err(failure),
        }
    });
    outcome.map(|established| (sent, established))
}

/// An independent requester meets the listener of `common`.
fn requester_meets_common(
    cut: usize,
    faults: Faults,
) -> Result<(Secrets, Vec<u8>, ListenerSession), Failure> {
    let org = TestOrg::new("acme");
    let pair = Pair::new(&org);
    let mut listener = Some(AwaitRequester::start(pair.listener, at(NOW)).unwrap());
    let mut peer = Peer::requester(&org, cut, faults);
    let (flight, _) = listen(&mut listener, &peer.sends())?;
    peer.receives(&flight);
    let (verdict, established) = listen(&mut listener, &peer.sends())?;
    let context = independent::context(
        &peer.certificate,
        peer.other_certificate(),
        &peer.sent,
        &peer.received,
    );
    let session = ListenerSession::new(established.expect("the handshake is over"));
    Ok((peer.secrets(context), verdict, session))
}

/// The error of the listener of `common`, and that it said nothing or something.
fn fault_seen_by_common_s_listener(faults: Faults) -> (HandshakeError, bool) {
    match requester_meets_common(16_384, faults) {
        Ok(_) => panic!("the fault was not seen"),
        Err(failure) => (failure.error, failure.reply.is_empty()),
    }
}

#[test]
fn a_requester_written_from_the_document_is_served() {
    for cut in [1, 13, 1000, 16_384] {
        let (secrets, verdict, mut session) =
            requester_meets_common(cut, Faults::default()).unwrap();
        let opened = independent::open(secrets.listener_to_requester, 0, &verdict);
        assert_eq!(opened.as_deref(), Some(GRANT));
        assert_eq!(
            session.peer().certificate().name().alias().as_str(),
            "alice"
        );
        let request = b"\xa2\x00\x66docs/a\x01\x00";
        let request = independent::seal(secrets.requester_to_listener, 0, "RQFL", request);
        each_frame(&request, |frame| {
            let expected = RequestFile {
                path: "docs/a".into(),
                digest: 0,
            };
            let event = session.handle_frame(frame).unwrap();
            assert_eq!(event, ListenerEvent::FileRequested(expected));
        });
        let error = session.refuse(ErrorCode::NotFound).unwrap();
        let opened = independent::open(secrets.listener_to_requester, 1, &error);
        assert_eq!(opened.as_deref(), Some(b"\xa1\x00\x01".as_slice()));
    }
}

#[test]
fn a_requester_without_alpn_or_with_the_root_in_its_chain_is_refused() {
    let no_alpn = Faults {
        no_alpn: true,
        ..Faults::default()
    };
    let silent = true;
    assert_eq!(
        fault_seen_by_common_s_listener(no_alpn),
        (HandshakeError::NoCommonSuite, silent)
    );
    let root_in_chain = Faults {
        root_in_chain: true,
        ..Faults::default()
    };
    let chain_of_two = IdentityError::ChainLength { actual: 2 };
    assert_eq!(
        fault_seen_by_common_s_listener(root_in_chain),
        (
            HandshakeError::Distrust(Distrust::Identity(chain_of_two)),
            !silent
        )
    );
}

/// The requester of `common` takes the listener's flight: its own, and what it waits for.
fn request(
    mut state: Option<AwaitListener>,
    frames: &[u8],
) -> Result<(AwaitVerdict, Vec<u8>), Failure> {
    let mut sent = Vec::new();
    let mut outcome = None;
    each_frame(frames, |frame| {
        let Some(waiting) = state.take() else { return };
        match waiting.handle_frame(frame) {
            Ok(RequesterStep::Continue(next, bytes)) => {
                state = Some(next);
                sent.extend(bytes);
            }
            Ok(RequesterStep::Verified(next, bytes)) => {
                sent.extend(bytes);
                outcome = Some(Ok(next));
            }
            Err(failure) => outcome = Some(Err(failure)),
        }
    });
    let verified = outcome.expect("the flight is whole")?;
    Ok((verified, sent))
}

/// An independent listener meets the requester of `common`, up to its verdict.
fn listener_meets_common(
    cut: usize,
    faults: Faults,
) -> Result<(Secrets, Peer, AwaitVerdict), Failure> {
    let org = TestOrg::new("acme");
    let pair = Pair::new(&org).expecting("bob");
    let mut peer = Peer::listener(&org, cut, faults);
    let (requester, hello) = AwaitListener::start(pair.requester, at(NOW)).unwrap();
    peer.receives(&hello);
    let (requester, flight) = request(Some(requester), &peer.sends())?;
    peer.receives(&flight);
    let context = independent::context(
        peer.other_certificate(),
        &peer.certificate,
        &peer.received,
        &peer.sent,
    );
    Ok((peer.secrets(context), peer, requester))
}

/// What the requester of `common` says to the frame in the place of the verdict.
fn verdict(requester: AwaitVerdict, frame: &[u8]) -> Result<RequesterSession, HandshakeError> {
    let mut requester = Some(requester);
    let mut outcome = None;
    each_frame(frame, |frame: Frame<'_>| {
        outcome = requester
            .take()
            .map(|requester| requester.handle_frame(frame));
    });
    let judged = outcome.expect("one whole frame");
    judged
        .map(|(established, _)| RequesterSession::new(established))
        .map_err(|failure| failure.error)
}

#[test]
fn a_listener_written_from_the_document_serves_a_file() {
    for cut in [1, 13, 1000, 16_384] {
        let (secrets, _, requester) = listener_meets_common(cut, Faults::default()).unwrap();
        let seal = |index, frame_type, plaintext: &[u8]| {
            independent::seal(secrets.listener_to_requester, index, frame_type, plaintext)
        };
        let mut session = verdict(requester, &seal(0, "RSCV", GRANT)).unwrap();
        let request = session
            .request_file("docs/a", DigestAlgorithm::Sha256)
            .unwrap();
        let opened = independent::open(secrets.requester_to_listener, 0, &request);
        let expected = b"\xa2\x00\x66docs/a\x01\x01";
        assert_eq!(opened.as_deref(), Some(expected.as_slice()));

        let digest = <sha2::Sha256 as sha2::Digest>::digest(b"abc");
        let end = [b"\xa3\x00\x03\x01\x01\x02\x58\x20".as_slice(), &digest].concat();
        let answer = [
            seal(
                1,
                "FLIN",
                b"\xa5\x00\x03\x01\x00\x02\x00\x03\x19\x01\xa4\x04\x01",
            ),
            seal(2, "RSFL", b"ab"),
            seal(3, "KEEP", b""),
            seal(4, "RSFL", b"c"),
            seal(5, "EOFL", &end),
        ];
        let mut verified = None;
        each_frame(&answer.concat(), |frame| {
            if let RequesterEvent::FileVerified(file) = session.handle_frame(frame).unwrap() {
                verified = Some(file);
            }
        });
        let verified = verified.expect("the file is whole");
        assert_eq!(verified.info().mode, 0o644);
        assert_eq!(
            verified.digest(),
            &Digest::new(DigestAlgorithm::Sha256, digest.into())
        );
        let kept = session.acknowledge(Outcome::Kept).unwrap();
        let opened = independent::open(secrets.requester_to_listener, 1, &kept);
        assert_eq!(opened.as_deref(), Some(b"\xa1\x00\x00".as_slice()));
    }
}

#[test]
fn only_the_listener_s_own_verdict_of_this_version_is_one() {
    let refused = |make: &dyn Fn(&Secrets) -> Vec<u8>| {
        let (secrets, _, requester) = listener_meets_common(16_384, Faults::default()).unwrap();
        verdict(requester, &make(&secrets)).unwrap_err()
    };
    let seal = |secret, index, plaintext| independent::seal(secret, index, "RSCV", plaintext);
    assert!(matches!(
        refused(&|secrets| seal(secrets.requester_to_listener, 0, GRANT)),
        HandshakeError::Verdict(_)
    ));
    assert!(matches!(
        refused(&|secrets| seal(secrets.listener_to_requester, 1, GRANT)),
        HandshakeError::Verdict(_)
    ));
    assert!(matches!(
        refused(&|secrets| seal(secrets.listener_to_requester, 0, b"\xa0")),
        HandshakeError::Message(_)
    ));
    assert_eq!(
        refused(&|secrets| {
            let newer = b"\xa3\x00\x02\x01\x66member\x02\x01";
            seal(secrets.listener_to_requester, 0, newer)
        }),
        HandshakeError::Version {
            expected: 1,
            actual: 2
        }
    );
}

#[test]
fn tickets_after_the_handshake_are_no_verdict() {
    let tickets = Faults {
        tickets: true,
        ..Faults::default()
    };
    let (_, mut peer, requester) = listener_meets_common(16_384, tickets).unwrap();
    let tickets = peer.sends();
    assert_eq!(
        verdict(requester, &tickets).unwrap_err(),
        HandshakeError::UnexpectedFrame(FrameType::Handshake)
    );
}

#[test]
fn a_listener_without_alpn_or_with_the_root_in_its_chain_is_refused() {
    let error = |faults| match listener_meets_common(16_384, faults) {
        Ok(_) => panic!("the fault was not seen"),
        Err(failure) => failure.error,
    };
    let no_alpn = Faults {
        no_alpn: true,
        ..Faults::default()
    };
    assert_eq!(error(no_alpn), HandshakeError::NoCommonSuite);
    let root_in_chain = Faults {
        root_in_chain: true,
        ..Faults::default()
    };
    let chain_of_two = IdentityError::ChainLength { actual: 2 };
    assert_eq!(
        error(root_in_chain),
        HandshakeError::Distrust(Distrust::Identity(chain_of_two))
    );
}
