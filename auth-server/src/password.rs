//! Passwords: the rules for new ones (NIST SP 800-63B-4, 3.1.1) and the work of checking them.

mod queue;
mod rules;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rand;
use common::password::normalise;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

pub use queue::{Lane, PasswordQueue, Place};
pub use rules::{WeakPassword, check_new};

use crate::store::PasswordHash;

/// Argon2id: 64 MiB, three passes, one lane (RFC 9106, 4, for memory-constrained servers).
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 1;

/// Why a password could not be checked or hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// All places are taken and the queue is full.
    #[error("too many logins at once")]
    Busy,
    /// The hash failed, or the stored PHC string cannot be read.
    #[error("the password could not be hashed")]
    Failed,
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| PasswordError::Failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password; takes a tenth of a second and 64 MiB.
///
/// # Errors
/// [`PasswordError::Failed`].
pub fn hash(password: &SecretString) -> Result<PasswordHash, PasswordError> {
    let mut salt = [0; 16];
    rand::fill(&mut salt).map_err(|_| PasswordError::Failed)?;
    let normal = normalise(password.expose_secret());
    argon2()?
        .hash_password_with_salt(normal.as_bytes(), &salt)
        .map(|hash| PasswordHash::new(hash.to_string()))
        .map_err(|_| PasswordError::Failed)
}

/// A password that nobody guesses and that can be read out: four groups of five letters and
/// digits, 100 random bits in the alphabet of RFC 4648, 6, in lower case.
///
/// # Errors
/// [`PasswordError::Failed`] when the system has no random numbers.
pub fn random() -> Result<SecretString, PasswordError> {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bytes = Zeroizing::new([0; 20]);
    rand::fill(bytes.as_mut_slice()).map_err(|_| PasswordError::Failed)?;
    let mut text = Zeroizing::new(String::with_capacity(24));
    for (place, byte) in bytes.iter().enumerate() {
        if place > 0 && place % 5 == 0 {
            text.push('-');
        }
        text.push(char::from(ALPHABET[usize::from(byte % 32)]));
    }
    Ok(SecretString::from(text.as_str()))
}

fn verify(password: &SecretString, hash: &PasswordHash) -> Result<bool, PasswordError> {
    let normal = normalise(password.expose_secret());
    match argon2()?.verify_password(normal.as_bytes(), hash.expose()) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(_) => Err(PasswordError::Failed),
    }
}

/// Whether a stored hash was made with less work than today's.
pub fn needs_rehash(hash: &PasswordHash) -> bool {
    let today = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$");
    !hash.expose().starts_with(&today)
}

/// Compares passwords with stored hashes, in a queue.
#[derive(Debug)]
pub struct PasswordChecker {
    queue: PasswordQueue,
    dummy: PasswordHash,
}

impl PasswordChecker {
    /// Room for `parallel` hashes at once.
    ///
    /// # Errors
    /// When the hash for unknown people cannot be made.
    pub fn new(parallel: usize) -> Result<Self, PasswordError> {
        let mut nobody = [0; 16];
        rand::fill(&mut nobody).map_err(|_| PasswordError::Failed)?;
        let nobody: String = nobody.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self {
            queue: PasswordQueue::new(parallel),
            dummy: hash(&SecretString::from(nobody))?,
        })
    }

    /// The queue, for new passwords to stand in too.
    pub fn queue(&self) -> &PasswordQueue {
        &self.queue
    }

    /// Compares on the blocking pool. Without a `hash`, for somebody unknown, does the same work
    /// and says no.
    ///
    /// # Errors
    /// [`PasswordError::Failed`].
    pub async fn matches(
        &self,
        place: Place,
        password: SecretString,
        hash: Option<PasswordHash>,
    ) -> Result<(bool, Place), PasswordError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.dummy.clone());
        tokio::task::spawn_blocking(move || {
            verify(&password, &hash).map(|matches| (matches && known, place))
        })
        .await
        .map_err(|_| PasswordError::Failed)?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_password_typed_in_two_unicode_forms_matches() {
        let stored = hash(&SecretString::from("zw\u{f6}lf Boxk\u{e4}mpfer")).unwrap();
        let typed = SecretString::from("zwo\u{308}lf Boxka\u{308}mpfer");
        assert_eq!(verify(&typed, &stored), Ok(true));
        assert_eq!(
            verify(&SecretString::from("zwolf Boxkampfer"), &stored),
            Ok(false)
        );
        assert!(!needs_rehash(&stored));
    }

    #[test]
    fn the_same_password_has_another_hash_each_time() {
        let password = SecretString::from("the tide turns twice");
        assert_ne!(hash(&password).unwrap(), hash(&password).unwrap());
    }

    #[test]
    fn a_hash_with_less_work_is_to_be_replaced() {
        let old = PasswordHash::new("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".into());
        assert!(needs_rehash(&old));
    }

    #[tokio::test]
    async fn nobody_logs_in_as_an_unknown_person() {
        let checker = PasswordChecker::new(1).unwrap();
        let place = checker.queue().place(Lane::Administration).await.unwrap();
        let answer = checker
            .matches(place, SecretString::from("anything"), None)
            .await;
        assert!(!answer.unwrap().0);
    }
}
