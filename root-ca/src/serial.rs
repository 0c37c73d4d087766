use std::fmt;
use std::str::FromStr;

use aws_lc_rs::rand;

/// A certificate's serial number: 16 random bytes, positive and always 16 bytes long in DER.
///
/// RFC 5280, 4.1.2.2 wants a positive number of at most 20 bytes; 126 random bits make a
/// collision, and the prediction of the bytes under the signature, hopeless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Serial([u8; Self::BYTES]);

impl Serial {
    /// Length in bytes.
    pub const BYTES: usize = 16;

    /// A new random number, or nothing when the system has no random numbers to give.
    pub fn random() -> Option<Self> {
        let mut bytes = [0; Self::BYTES];
        rand::fill(&mut bytes).ok()?;
        bytes[0] = bytes[0] & 0x7f | 0x40;
        Some(Self(bytes))
    }

    /// The number that was stored as `bytes`, if it could have been made by [`Serial::random`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; Self::BYTES] = bytes.try_into().ok()?;
        (bytes[0] & 0xc0 == 0x40).then_some(Self(bytes))
    }

    /// Big-endian, as in the DER INTEGER.
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The text is no serial number of this authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a serial number has 32 hexadecimal digits, as auth-server cert list shows them")]
pub struct SerialError;

impl FromStr for Serial {
    type Err = SerialError;

    /// Reads what [`Display`](fmt::Display) writes; colons between bytes, as openssl prints them,
    /// are passed over.
    fn from_str(text: &str) -> Result<Self, SerialError> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        let digit = |byte: u8| char::from(byte).to_digit(16);
        if digits.len() != 2 * Self::BYTES {
            return Err(SerialError);
        }
        let bytes: Option<Vec<u8>> = digits
            .chunks(2)
            .map(|pair| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok())
            .collect();
        bytes
            .and_then(|bytes| Self::from_bytes(&bytes))
            .ok_or(SerialError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_positive_distinct_and_of_full_length() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            let serial = Serial::random().unwrap();
            assert!(serial.as_bytes()[0] < 0x80 && serial.as_bytes()[0] >= 0x40);
            assert_eq!(Serial::from_bytes(serial.as_bytes()), Some(serial));
            assert!(seen.insert(serial));
        }
    }

    #[test]
    fn a_serial_reads_back_from_its_text() {
        let serial = Serial::random().unwrap();
        let text = serial.to_string();
        assert_eq!(text.parse(), Ok(serial));
        assert_eq!(text.to_uppercase().parse(), Ok(serial));
        let colons: Vec<&str> = (0..16).map(|n| &text[2 * n..2 * n + 2]).collect();
        assert_eq!(colons.join(":").parse(), Ok(serial));
        for bad in ["", "4", &text[1..], &"g".repeat(32), &"\u{e9}".repeat(16)] {
            assert_eq!(bad.parse::<Serial>(), Err(SerialError), "{bad}");
        }
    }

    #[test]
    fn bytes_that_are_no_serial_of_ours_are_refused() {
        assert_eq!(Serial::from_bytes(&[0x40; 15]), None);
        assert_eq!(Serial::from_bytes(&[0x80; 16]), None);
        assert_eq!(Serial::from_bytes(&[0x00; 16]), None);
    }
}
