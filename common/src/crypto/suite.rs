use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Algorithm, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::keys::Secret;

/// How frames are sealed. Agreed by ALPN, so that a downgrade fails the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suite {
    /// AES-256 in Galois/Counter Mode (NIST SP 800-38D), 16-byte tag.
    Aes256Gcm,
}

/// There is no suite of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no suite of that name")]
pub struct UnknownSuite;

impl Suite {
    /// Every suite, most preferred first.
    pub const ALL: &'static [Self] = &[Self::Aes256Gcm];

    /// Its name in commands, policies and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "aes-256-gcm",
        }
    }

    /// Its ALPN protocol identifier (RFC 7301): protocol, version and suite.
    pub const fn alpn(self) -> &'static [u8] {
        match self {
            Self::Aes256Gcm => b"orgshare/1.aes-256-gcm",
        }
    }

    /// The suite of an ALPN protocol identifier.
    pub fn from_alpn(alpn: &[u8]) -> Option<Self> {
        Self::ALL.iter().copied().find(|suite| suite.alpn() == alpn)
    }

    /// Bytes of the tag that sealing appends.
    pub const fn tag_bytes(self) -> usize {
        match self {
            Self::Aes256Gcm => 16,
        }
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Aes256Gcm => &AES_256_GCM,
        }
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Suite {
    type Err = UnknownSuite;

    fn from_str(name: &str) -> Result<Self, UnknownSuite> {
        Self::ALL
            .iter()
            .copied()
            .find(|suite| suite.name() == name)
            .ok_or(UnknownSuite)
    }
}

/// The use of a [`Key`] that seals.
#[derive(Debug)]
pub(super) enum Seal {}

/// The use of a [`Key`] that opens.
#[derive(Debug)]
pub(super) enum Open {}

/// One epoch's key and nonce base of one direction, for one use. aws-lc-rs wipes the key on drop.
#[derive(Debug)]
pub(super) struct Key<Use> {
    cipher: LessSafeKey,
    iv: [u8; NONCE_LEN],
    used_for: PhantomData<Use>,
}

impl<Use> Key<Use> {
    /// Derives the key and the nonce base from an epoch's secret.
    pub(super) fn derive(suite: Suite, secret: &Secret) -> Self {
        let algorithm = suite.algorithm();
        let mut key = Zeroizing::new([0; 32]);
        let key = &mut key[..algorithm.key_len()];
        secret.expand("key", key);
        let mut iv = [0; NONCE_LEN];
        secret.expand("iv", &mut iv);
        let cipher = UnboundKey::new(algorithm, key)
            .map(LessSafeKey::new)
            .unwrap_or_else(|_| unreachable!("the key has the length that the algorithm states"));
        Self {
            cipher,
            iv,
            used_for: PhantomData,
        }
    }

    /// `iv XOR (0^32 || seq64)`.
    fn nonce(&self, seq: u64) -> Nonce {
        let mut nonce = self.iv;
        for (byte, seq_byte) in nonce[NONCE_LEN - 8..].iter_mut().zip(seq.to_be_bytes()) {
            *byte ^= seq_byte;
        }
        Nonce::assume_unique_for_key(nonce)
    }
}

/// The cipher refused: a forged or damaged frame, or one longer than the cipher takes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CipherError;

impl Key<Seal> {
    /// Encrypts `plaintext` in place and writes its tag.
    pub(super) fn seal(
        &self,
        seq: u64,
        aad: &[u8],
        plaintext: &mut [u8],
        tag: &mut [u8],
    ) -> Result<(), CipherError> {
        let made = self
            .cipher
            .seal_in_place_separate_tag(self.nonce(seq), Aad::from(aad), plaintext)
            .map_err(|_| CipherError)?;
        tag.copy_from_slice(made.as_ref());
        Ok(())
    }
}

impl Key<Open> {
    /// Checks the tag at the end of `sealed`, decrypts in place and returns the plaintext. On
    /// failure nothing of it is left.
    pub(super) fn open<'a>(
        &self,
        seq: u64,
        aad: &[u8],
        sealed: &'a mut [u8],
    ) -> Result<&'a mut [u8], CipherError> {
        let opened = self
            .cipher
            .open_in_place(self.nonce(seq), Aad::from(aad), sealed)
            .map(|plaintext| plaintext.len());
        match opened {
            Ok(length) => Ok(&mut sealed[..length]),
            Err(_) => {
                sealed.fill(0);
                Err(CipherError)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_is_found_by_name_and_by_alpn() {
        for suite in Suite::ALL {
            assert_eq!(suite.name().parse(), Ok(*suite));
            assert_eq!(Suite::from_alpn(suite.alpn()), Some(*suite));
            let expected = format!("orgshare/1.{}", suite.name());
            assert_eq!(suite.alpn(), expected.as_bytes());
        }
        assert_eq!("rot13".parse::<Suite>(), Err(UnknownSuite));
        assert_eq!(Suite::from_alpn(b"h2"), None);
    }
}
