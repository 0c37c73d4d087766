//! The cryptography of `docs/PROTOCOL.md`, section 4, written a second time: from the document
//! alone, with the RustCrypto crates, and without a line of `common`.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};

/// What follows from the secret of one epoch.
#[derive(Debug, PartialEq)]
pub(crate) struct Epoch {
    pub(crate) key: [u8; 32],
    pub(crate) iv: [u8; 12],
    pub(crate) next: [u8; 32],
}

impl Epoch {
    pub(crate) fn of(secret: [u8; 32]) -> Self {
        Self {
            key: expand(secret, "key"),
            iv: expand(secret, "iv"),
            next: expand(secret, "upd"),
        }
    }

    fn nonce(&self, seq: u64) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&seq.to_be_bytes());
        std::array::from_fn(|at| nonce[at] ^ self.iv[at])
    }

    /// A frame sealed with this sequence number, right or wrong.
    pub(crate) fn seal(&self, seq: u64, frame_type: &str, plaintext: &[u8]) -> Vec<u8> {
        let mut frame = frame_type.as_bytes().to_vec();
        frame.extend(u32::try_from(plaintext.len() + 16).unwrap().to_be_bytes());
        let payload = Payload {
            msg: plaintext,
            aad: &frame.clone(),
        };
        let nonce = Nonce::from(self.nonce(seq));
        frame.extend(self.cipher().encrypt(&nonce, payload).unwrap());
        frame
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(&self.key.into())
    }
}

fn expand<const N: usize>(secret: [u8; 32], label: &str) -> [u8; N] {
    let full = format!("orgshare/1 {label}");
    let mut info = u16::try_from(N).unwrap().to_be_bytes().to_vec();
    info.push(u8::try_from(full.len()).unwrap());
    info.extend(full.as_bytes());
    info.push(0);
    let mut out = [0; N];
    Hkdf::<Sha256>::from_prk(&secret)
        .unwrap()
        .expand(&info, &mut out)
        .unwrap();
    out
}

/// The epoch and the sequence number of the `index`-th sealed frame of a direction.
fn place(secret: [u8; 32], index: u64) -> (Epoch, u64) {
    let mut epoch = Epoch::of(secret);
    for _ in 0..index / 1024 {
        epoch = Epoch::of(epoch.next);
    }
    (epoch, index % 1024)
}

/// The `index`-th sealed frame of the direction that began with `secret`.
pub(crate) fn seal(secret: [u8; 32], index: u64, frame_type: &str, plaintext: &[u8]) -> Vec<u8> {
    let (epoch, seq) = place(secret, index);
    epoch.seal(seq, frame_type, plaintext)
}

/// The plaintext of `frame`, if it is the `index`-th of the direction that began with `secret`.
pub(crate) fn open(secret: [u8; 32], index: u64, frame: &[u8]) -> Option<Vec<u8>> {
    let (epoch, seq) = place(secret, index);
    let (header, sealed) = frame.split_at_checked(8)?;
    if [b"SECE", b"RSCI"]
        .iter()
        .any(|plain| header.starts_with(*plain))
    {
        return None;
    }
    let payload = Payload {
        msg: sealed,
        aad: header,
    };
    let nonce = Nonce::from(epoch.nonce(seq));
    epoch.cipher().decrypt(&nonce, payload).ok()
}

/// The exporter context: both certificates (DER) and all `SECE` frames of both directions.
pub(crate) fn context(
    requester_certificate: &[u8],
    listener_certificate: &[u8],
    requester_frames: &[u8],
    listener_frames: &[u8],
) -> [u8; 32] {
    let mut all = b"orgshare/1".to_vec();
    for part in [
        requester_certificate,
        listener_certificate,
        requester_frames,
        listener_frames,
    ] {
        all.extend(Sha256::digest(part));
    }
    Sha256::digest(all).into()
}
