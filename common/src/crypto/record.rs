use super::keys::Secret;
use super::suite::{Key, Open, Seal, Suite};
use crate::frame::{Frame, FrameError, Header, Phase};
use crate::limits::{FRAME_HEADER_BYTES, FRAMES_PER_EPOCH};
use crate::wire::FrameType;

/// Why a frame could not be sealed: a fault of the caller, never of the other side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The buffer has no room for header and tag.
    #[error("no room for header and tag in a frame of {actual} bytes")]
    NoRoom {
        /// Bytes of the buffer.
        actual: usize,
    },
    /// The payload is over the limit.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// A sealed frame did not open: altered, replayed, reordered, dropped or not from the other side.
/// Which of these is not told apart, to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the data was altered on the way")]
pub struct OpenError;

/// Counts frames and moves from epoch to epoch: the same at both ends.
#[derive(Debug)]
struct Epoch<Use> {
    suite: Suite,
    secret: Secret,
    key: Key<Use>,
    seq: u32,
}

impl<Use> Epoch<Use> {
    fn first(suite: Suite, secret: Secret) -> Self {
        Self {
            suite,
            key: Key::derive(suite, &secret),
            secret,
            seq: 0,
        }
    }

    /// The key and the number of the next frame. Each pair is given out once.
    fn advance(&mut self) -> (&Key<Use>, u64) {
        if self.seq == FRAMES_PER_EPOCH {
            *self = Self::first(self.suite, self.secret.next());
        }
        let seq = self.seq;
        self.seq += 1;
        (&self.key, u64::from(seq))
    }
}

/// Seals the frames of one direction, in order.
#[derive(Debug)]
pub struct Sealer {
    epoch: Epoch<Seal>,
}

impl Sealer {
    /// Starts epoch 0.
    pub fn new(suite: Suite, secret: Secret) -> Self {
        Self {
            epoch: Epoch::first(suite, secret),
        }
    }

    /// The suite in use.
    pub fn suite(&self) -> Suite {
        self.epoch.suite
    }

    /// Bytes of a whole frame with that much plaintext.
    pub fn frame_bytes(&self, plaintext_bytes: usize) -> usize {
        FRAME_HEADER_BYTES + plaintext_bytes + self.suite().tag_bytes()
    }

    /// Seals in place. `frame` is a whole frame: eight bytes for the header, the plaintext, and
    /// room for the tag; all of it is on the wire's form afterwards.
    ///
    /// # Errors
    /// When there is no room for header and tag, or the payload is over its limit.
    pub fn seal_in_place(
        &mut self,
        frame_type: FrameType,
        frame: &mut [u8],
    ) -> Result<(), SealError> {
        let actual = frame.len();
        let tag_bytes = self.suite().tag_bytes();
        let no_room = SealError::NoRoom { actual };
        let (header_room, payload) = frame
            .split_first_chunk_mut::<FRAME_HEADER_BYTES>()
            .ok_or_else(|| no_room.clone())?;
        let header = Header::new(Phase::Established, frame_type, payload.len())?.encode();
        let plaintext_bytes = payload.len().checked_sub(tag_bytes).ok_or(no_room)?;
        let (plaintext, tag) = payload.split_at_mut(plaintext_bytes);
        *header_room = header;
        let (key, seq) = self.epoch.advance();
        key.seal(seq, &header, plaintext, tag)
            .unwrap_or_else(|_| unreachable!("a frame within its limit is within the cipher's"));
        Ok(())
    }

    /// Seals a copy of `plaintext` as a whole frame.
    ///
    /// # Errors
    /// When the payload is over its limit.
    pub fn seal(&mut self, frame_type: FrameType, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut frame = vec![0; self.frame_bytes(plaintext.len())];
        frame[FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + plaintext.len()].copy_from_slice(plaintext);
        self.seal_in_place(frame_type, &mut frame)?;
        Ok(frame)
    }
}

/// Opens the frames of one direction, in order. After the first failure it opens nothing more.
#[derive(Debug)]
pub struct Opener {
    epoch: Epoch<Open>,
    failed: bool,
}

impl Opener {
    /// Starts epoch 0.
    pub fn new(suite: Suite, secret: Secret) -> Self {
        Self {
            epoch: Epoch::first(suite, secret),
            failed: false,
        }
    }

    /// Checks the tag, then decrypts in place: the plaintext, or nothing of it.
    ///
    /// # Errors
    /// When the frame is not exactly the next one that the other side sealed.
    pub fn open_in_place<'a>(&mut self, frame: Frame<'a>) -> Result<&'a mut [u8], OpenError> {
        if self.failed || !frame.header.frame_type().is_sealed() {
            self.failed = true;
            return Err(OpenError);
        }
        let (key, seq) = self.epoch.advance();
        let opened = key.open(seq, &frame.header.encode(), frame.payload);
        self.failed = opened.is_err();
        opened.map_err(|_| OpenError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Sealer, Opener) {
        let secret = || Secret::new([9; 32]);
        (
            Sealer::new(Suite::Aes256Gcm, secret()),
            Opener::new(Suite::Aes256Gcm, secret()),
        )
    }

    fn open<'a>(opener: &mut Opener, frame: &'a mut [u8]) -> Result<&'a [u8], OpenError> {
        let (header, payload) = frame.split_first_chunk_mut().unwrap();
        let header = Header::decode(Phase::Established, *header).unwrap();
        opener
            .open_in_place(Frame { header, payload })
            .map(|plaintext| &*plaintext)
    }

    #[test]
    fn what_is_sealed_opens_across_epochs() {
        let (mut sealer, mut opener) = pair();
        for n in 0..FRAMES_PER_EPOCH * 2 + 3 {
            let text = n.to_be_bytes();
            let mut frame = sealer.seal(FrameType::Chunk, &text).unwrap();
            assert_eq!(open(&mut opener, &mut frame), Ok(text.as_slice()));
        }
    }

    #[test]
    fn equal_plaintexts_never_look_equal() {
        let (mut sealer, _) = pair();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..FRAMES_PER_EPOCH * 2 {
            assert!(seen.insert(sealer.seal(FrameType::Chunk, &[0; 32]).unwrap()));
        }
    }

    #[test]
    fn replay_reordering_and_deletion_fail() {
        let (mut sealer, mut opener) = pair();
        let first = sealer.seal(FrameType::Chunk, b"1").unwrap();
        let second = sealer.seal(FrameType::Chunk, b"2").unwrap();
        assert!(open(&mut opener, &mut first.clone()).is_ok());
        assert_eq!(open(&mut opener, &mut first.clone()), Err(OpenError));
        let (_, mut opener) = pair();
        assert_eq!(open(&mut opener, &mut second.clone()), Err(OpenError));
    }

    #[test]
    fn every_flipped_bit_fails_and_leaves_no_plaintext() {
        let (mut sealer, _) = pair();
        let frame = sealer.seal(FrameType::Goodbye, b"attack at dawn").unwrap();
        for bit in 0..frame.len() * 8 {
            let mut bent = frame.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            let (header, payload) = bent.split_first_chunk_mut().unwrap();
            let Ok(header) = Header::decode(Phase::Established, *header) else {
                continue;
            };
            let (_, mut opener) = pair();
            assert_eq!(
                opener.open_in_place(Frame { header, payload }),
                Err(OpenError)
            );
            assert!(payload.iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn after_one_failure_nothing_opens() {
        let (mut sealer, mut opener) = pair();
        let mut bent = sealer.seal(FrameType::Chunk, b"1").unwrap();
        bent[9] ^= 1;
        let mut good = sealer.seal(FrameType::Chunk, b"2").unwrap();
        assert_eq!(open(&mut opener, &mut bent), Err(OpenError));
        assert_eq!(open(&mut opener, &mut good), Err(OpenError));
    }

    #[test]
    fn another_secret_does_not_open() {
        let (mut sealer, _) = pair();
        let mut frame = sealer.seal(FrameType::Chunk, b"1").unwrap();
        let mut opener = Opener::new(Suite::Aes256Gcm, Secret::new([8; 32]));
        assert_eq!(open(&mut opener, &mut frame), Err(OpenError));
    }

    #[test]
    fn a_buffer_without_room_is_refused() {
        let (mut sealer, _) = pair();
        for length in [0, 7, 8, 23] {
            let mut frame = vec![0; length];
            assert_eq!(
                sealer.seal_in_place(FrameType::Chunk, &mut frame),
                Err(SealError::NoRoom { actual: length })
            );
        }
        assert!(sealer.seal_in_place(FrameType::Chunk, &mut [0; 24]).is_ok());
    }
}
