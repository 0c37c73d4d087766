//! Two members' ends of a handshake, in this process, without a socket.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use captures::device::Device;
use captures::foreign::{root_certificate, stolen_from};
use captures::measure::{Outcome, median};
use captures::organisation::Organisation;
use captures::process::own_cpu_time;
use captures::scratch::files_below;
use common::crl::RevocationList;
use common::crypto::Suite;
use common::frame::{Frame, FrameReader};
use common::handshake::{
    AwaitListener, AwaitRequester, AwaitVerdict, Credentials, ListenerConfig, ListenerStep,
    RequesterConfig, RequesterStep, Trust,
};
use common::identity::OrgRoot;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateRevocationListDer, UnixTime};

/// Handshakes of which the time is taken at once.
const BATCH: u32 = 10;

/// Alice, who asks, and bob, who listens.
pub(crate) struct Pair {
    requester: RequesterConfig,
    listener: ListenerConfig,
}

impl Pair {
    /// Both with what their devices got in that organisation.
    pub(crate) fn of_real_people(organisation: &Organisation) -> Outcome<Self> {
        let (alice, bob) = (organisation.person("alice")?, organisation.person("bob")?);
        let trust = Arc::new(trust_of(&alice)?);
        let suites = vec![Suite::Aes256Gcm];
        let requester = RequesterConfig {
            credentials: credentials_of(&alice, &trust)?,
            trust: Arc::clone(&trust),
            expected: None,
            suites: suites.clone(),
        };
        let listener = ListenerConfig {
            credentials: credentials_of(&bob, &trust)?,
            trust,
            suites,
        };
        Ok(Self {
            requester,
            listener,
        })
    }

    /// The same two, who go by that list.
    pub(crate) fn under(&self, list: RevocationList) -> Outcome<Self> {
        let trust = Arc::new(Trust::new(self.root().clone(), list)?);
        let (mut requester, mut listener) = (self.requester.clone(), self.listener.clone());
        requester.trust = Arc::clone(&trust);
        listener.trust = trust;
        Ok(Self {
            requester,
            listener,
        })
    }

    /// Their organisation.
    pub(crate) fn root(&self) -> &OrgRoot {
        self.requester.trust.root()
    }

    /// CPU time of a handshake, of both ends together, in milliseconds: the mean of some.
    pub(crate) fn cost(&self) -> Outcome<f64> {
        let before = own_cpu_time();
        for _ in 0..BATCH {
            self.shake_hands()?;
        }
        Ok((own_cpu_time() - before).as_secs_f64() * 1000.0 / f64::from(BATCH))
    }

    /// The middle of so many [`Self::cost`]s.
    pub(crate) fn median_cost(&self, batches: usize) -> Outcome<f64> {
        let costs: Outcome<Vec<f64>> = (0..batches).map(|_| self.cost()).collect();
        Ok(median(costs?))
    }

    /// From the first frame to the verdict.
    pub(crate) fn shake_hands(&self) -> Outcome<()> {
        let now =
            UnixTime::since_unix_epoch(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?);
        let listener = AwaitRequester::start(self.listener.clone(), now).map_err(|f| f.error)?;
        let (requester, hello) = AwaitListener::start(self.requester.clone(), now)?;
        let (listener, flight) = answer(listener, &hello)?;
        let (requester, flight) = verified(requester, &flight)?;
        let verdict = conclude(listener, &flight)?;
        let mut wire = Wire::of(&verdict);
        requester
            .handle_frame(wire.next()?)
            .map_err(|failure| failure.error)?;
        Ok(())
    }
}

fn answer(listener: AwaitRequester, bytes: &[u8]) -> Outcome<(AwaitRequester, Vec<u8>)> {
    match listener
        .handle_frame(Wire::of(bytes).next()?)
        .map_err(|failure| failure.error)?
    {
        ListenerStep::Continue(state, flight) => Ok((state, flight)),
        ListenerStep::Established(..) => Err("the listener was too quick".into()),
    }
}

fn verified(requester: AwaitListener, bytes: &[u8]) -> Outcome<(AwaitVerdict, Vec<u8>)> {
    match requester
        .handle_frame(Wire::of(bytes).next()?)
        .map_err(|failure| failure.error)?
    {
        RequesterStep::Verified(state, flight) => Ok((state, flight)),
        RequesterStep::Continue(..) => Err("the listener's flight was not complete".into()),
    }
}

fn conclude(listener: AwaitRequester, bytes: &[u8]) -> Outcome<Vec<u8>> {
    match listener
        .handle_frame(Wire::of(bytes).next()?)
        .map_err(|failure| failure.error)?
    {
        ListenerStep::Established(_, verdict) => Ok(verdict),
        ListenerStep::Continue(..) => Err("the requester's flight was not complete".into()),
    }
}

/// Bytes on their way, read as frames.
struct Wire {
    reader: FrameReader,
    bytes: VecDeque<u8>,
}

impl Wire {
    fn of(bytes: &[u8]) -> Self {
        Self {
            reader: FrameReader::new(),
            bytes: bytes.iter().copied().collect(),
        }
    }

    fn next(&mut self) -> Outcome<Frame<'_>> {
        while !self.reader.has_frame()? {
            let space = self.reader.unfilled()?;
            let count = space.len().min(self.bytes.len());
            if count == 0 {
                return Err("half a frame".into());
            }
            for (place, byte) in space.iter_mut().zip(self.bytes.drain(..count)) {
                *place = byte;
            }
            self.reader.filled(count);
        }
        self.reader
            .next_frame()?
            .ok_or_else(|| "half a frame".into())
    }
}

fn trust_of(device: &Device) -> Outcome<Trust> {
    let root = OrgRoot::from_der(root_certificate(&device.folder())?)?;
    let crl = files_below(&device.folder())
        .iter()
        .find_map(|path| {
            let pem = CertificateRevocationListDer::from_pem_file(path).ok();
            let der = pem.or_else(|| Some(std::fs::read(path).ok()?.into()))?;
            RevocationList::read(der, &root).ok()
        })
        .ok_or("the device has no revocation list")?;
    Ok(Trust::new(root, crl)?)
}

fn credentials_of(device: &Device, trust: &Trust) -> Outcome<Arc<Credentials>> {
    let mut own = stolen_from(device)?;
    let leaf = own.chain.pop().ok_or("a device without a certificate")?;
    Ok(Arc::new(Credentials::new(
        leaf,
        &own.key,
        trust.root().label(),
    )?))
}
