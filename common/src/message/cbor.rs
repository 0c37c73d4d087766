use minicbor::data::Type;
use minicbor::decode::Error as CborError;
use minicbor::{Decode, Decoder, Encode};

use crate::limits::MAX_CBOR_DEPTH;

/// Why a message is refused. The connection ends: a peer that passed the handshake does not send
/// such bytes by accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not CBOR, or cut short.
    #[error("the message is not well-formed")]
    Malformed,
    /// CBOR, but not in the deterministic encoding.
    #[error("the message is not in deterministic encoding")]
    NotDeterministic,
    /// Nested deeper than any message of this protocol.
    #[error("the message is nested too deeply")]
    TooDeep,
    /// Bytes after the message.
    #[error("bytes follow the message")]
    Trailing,
    /// A field is missing, of the wrong type, or outside its range.
    #[error("a field of the message is missing or out of range")]
    Field,
}

/// A message that has an encoding.
pub trait Message: Sized {
    /// The bytes to seal.
    fn encode(&self) -> Vec<u8>;

    /// Reads what was opened.
    ///
    /// # Errors
    /// When the bytes are not exactly one deterministic encoding of this message.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;
}

/// Encodes a derived structure.
pub(super) fn encode<T: Encode<()>>(message: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    minicbor::encode(message, &mut bytes)
        .unwrap_or_else(|_| unreachable!("writing to a vector never fails"));
    bytes
}

/// Decodes a derived structure after the shape of the bytes was checked.
pub(super) fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, DecodeError> {
    let mut walk = Walk {
        decoder: Decoder::new(bytes),
    };
    walk.item(0)?;
    if walk.decoder.position() != bytes.len() {
        return Err(DecodeError::Trailing);
    }
    minicbor::decode(bytes).map_err(|_| DecodeError::Field)
}

/// Goes over every item once: definite lengths, shortest heads, ascending integer keys.
struct Walk<'b> {
    decoder: Decoder<'b>,
}

impl Walk<'_> {
    fn item(&mut self, depth: usize) -> Result<(), DecodeError> {
        if depth > MAX_CBOR_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        match self.decoder.datatype()? {
            Type::Map => self.map(depth),
            Type::Array => {
                let length = self
                    .head(|d| d.array())?
                    .ok_or(DecodeError::NotDeterministic)?;
                (0..length).try_for_each(|_| self.item(depth + 1))
            }
            Type::Bytes => self.string(|d| d.bytes().map(<[u8]>::len)),
            Type::String => self.string(|d| d.str().map(str::len)),
            Type::Bool | Type::Null => self.decoder.skip().map_err(Into::into),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => self.number(|d| d.u64()).map(|_| ()),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => self
                .number(|d| d.i64().map(|value| value.unsigned_abs() - 1))
                .map(|_| ()),
            _ => Err(DecodeError::NotDeterministic),
        }
    }

    fn map(&mut self, depth: usize) -> Result<(), DecodeError> {
        let length = self
            .head(|d| d.map())?
            .ok_or(DecodeError::NotDeterministic)?;
        let mut previous = None;
        for _ in 0..length {
            let key = self.number(|d| d.u64())?;
            if previous.is_some_and(|previous| previous >= key) {
                return Err(DecodeError::NotDeterministic);
            }
            previous = Some(key);
            self.item(depth + 1)?;
        }
        Ok(())
    }

    /// The head of a map or an array: its length takes the fewest bytes.
    fn head(
        &mut self,
        read: impl FnOnce(&mut Decoder<'_>) -> Result<Option<u64>, CborError>,
    ) -> Result<Option<u64>, DecodeError> {
        let start = self.decoder.position();
        let length = read(&mut self.decoder)?;
        let taken = self.decoder.position() - start;
        match length {
            Some(length) if taken != head_bytes(length) => Err(DecodeError::NotDeterministic),
            length => Ok(length),
        }
    }

    fn number(
        &mut self,
        read: impl FnOnce(&mut Decoder<'_>) -> Result<u64, CborError>,
    ) -> Result<u64, DecodeError> {
        self.head(|decoder| read(decoder).map(Some))
            .and_then(|value| value.ok_or(DecodeError::Malformed))
    }

    fn string(
        &mut self,
        read: impl FnOnce(&mut Decoder<'_>) -> Result<usize, CborError>,
    ) -> Result<(), DecodeError> {
        let start = self.decoder.position();
        let length = read(&mut self.decoder)?;
        let head = self.decoder.position() - start - length;
        let wanted = u64::try_from(length).map_or(usize::MAX, head_bytes);
        if head == wanted {
            Ok(())
        } else {
            Err(DecodeError::NotDeterministic)
        }
    }
}

/// Bytes of the shortest head that states `value` (RFC 8949, 3).
fn head_bytes(value: u64) -> usize {
    match value {
        0..=23 => 1,
        24..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

impl From<CborError> for DecodeError {
    fn from(_: CborError) -> Self {
        Self::Malformed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, PartialEq, Encode, Decode)]
    #[cbor(map)]
    struct Sample {
        #[n(0)]
        name: String,
        #[n(1)]
        count: u64,
        #[n(2)]
        offset: Option<i64>,
    }

    fn read(bytes: &[u8]) -> Result<Sample, DecodeError> {
        decode(bytes)
    }

    #[test]
    fn a_message_reads_back_what_it_writes() {
        for (count, offset) in [
            (0, None),
            (23, Some(-1)),
            (24, Some(0)),
            (u64::MAX, Some(i64::MIN + 1)),
        ] {
            let sample = Sample {
                name: "x".repeat(300),
                count,
                offset,
            };
            assert_eq!(read(&encode(&sample)), Ok(sample));
        }
    }

    #[test]
    fn unknown_fields_are_ignored() {
        let bytes = [0xa3, 0x00, 0x61, b'a', 0x01, 0x05, 0x18, 0x63, 0xf5];
        assert_eq!(
            read(&bytes),
            Ok(Sample {
                name: "a".into(),
                count: 5,
                offset: None
            })
        );
    }

    #[test]
    fn every_other_encoding_is_refused() {
        for (bytes, error) in [
            (&[0xa2, 0x00, 0x61, b'a', 0x01][..], DecodeError::Malformed),
            (
                &[0xa2, 0x00, 0x61, b'a', 0x01, 0x05, 0x00],
                DecodeError::Trailing,
            ),
            (
                &[0xa2, 0x01, 0x05, 0x00, 0x61, b'a'],
                DecodeError::NotDeterministic,
            ),
            (
                &[0xa2, 0x00, 0x61, b'a', 0x00, 0x61],
                DecodeError::NotDeterministic,
            ),
            (
                &[0xa2, 0x00, 0x61, b'a', 0x01, 0x18, 0x05],
                DecodeError::NotDeterministic,
            ),
            (
                &[0xa2, 0x00, 0x78, 0x01, b'a', 0x01, 0x05],
                DecodeError::NotDeterministic,
            ),
            (
                &[0xbf, 0x00, 0x61, b'a', 0x01, 0x05, 0xff],
                DecodeError::NotDeterministic,
            ),
            (
                &[0xb8, 0x02, 0x00, 0x61, b'a', 0x01, 0x05],
                DecodeError::NotDeterministic,
            ),
            (&[0xa1, 0x00, 0x61, b'a'], DecodeError::Field),
            (&[0xa2, 0x00, 0x05, 0x01, 0x05], DecodeError::Field),
            (&[0xa1, 0x00, 0x61, 0xff], DecodeError::Malformed),
            (&[0x81; 10], DecodeError::TooDeep),
            (
                &[
                    0xa1, 0x00, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                ],
                DecodeError::Malformed,
            ),
            (
                &[0xfb, 0, 0, 0, 0, 0, 0, 0, 0],
                DecodeError::NotDeterministic,
            ),
            (&[], DecodeError::Malformed),
        ] {
            assert_eq!(read(bytes), Err(error), "{bytes:02x?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = read(&bytes);
        }
    }
}
