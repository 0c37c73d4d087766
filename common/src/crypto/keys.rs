use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Prefix of every label: keeps our keys apart from TLS's own, which begin with `tls13 `.
const LABEL_PREFIX: &[u8] = b"orgshare/1 ";

/// A traffic secret of one direction and one epoch.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; Self::BYTES]);

impl Secret {
    /// Bytes of a secret: the output of SHA-256.
    pub const BYTES: usize = 32;

    /// Takes over exported keying material.
    pub fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// HKDF-Expand-Label (RFC 8446, 7.1) with SHA-256, our own label prefix and no context:
    /// fills `out`.
    pub(super) fn expand(&self, label: &str, out: &mut [u8]) {
        let length = u16::try_from(out.len()).unwrap_or(u16::MAX).to_be_bytes();
        let label_bytes = u8::try_from(LABEL_PREFIX.len() + label.len()).unwrap_or(u8::MAX);
        let info: [&[u8]; 5] = [
            &length,
            &[label_bytes],
            LABEL_PREFIX,
            label.as_bytes(),
            &[0],
        ];
        Prk::new_less_safe(HKDF_SHA256, &self.0)
            .expand(&info, Length(out.len()))
            .and_then(|okm| okm.fill(out))
            .unwrap_or_else(|Unspecified| {
                unreachable!(
                    "HKDF-SHA-256 fills up to 8160 bytes, every caller asks for at most 32"
                )
            });
    }

    /// The secret of the next epoch.
    pub(super) fn next(&self) -> Self {
        let mut bytes = [0; Self::BYTES];
        self.expand("upd", &mut bytes);
        Self(bytes)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_itself() {
        assert_eq!(format!("{:?}", Secret::new([7; 32])), "[secret]");
    }
}
