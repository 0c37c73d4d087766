//! The root key at rest.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use root_ca::key_store::{self, KeyStoreError};
use root_ca::{KeyType, SigningKey, SoftwareKey};
use secrecy::SecretString;
use support::*;

fn passphrase() -> SecretString {
    SecretString::from("the tide turns twice daily")
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_sealed_key_opens_again_here_and_with_stock_openssl() {
    let dir = tempfile::tempdir().unwrap();
    for (name, key_type) in [("rsa", KeyType::Rsa3072), ("p256", KeyType::P256)] {
        let path = dir.path().join(name);
        let key = SoftwareKey::generate(key_type).unwrap();
        key_store::create(&path, &key, &passphrase()).unwrap();
        assert_eq!(mode(&path), 0o600);
        let again = key_store::open(&path, &passphrase()).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        let word = write(dir.path(), "word", "the tide turns twice daily\n");
        let shown = openssl(&[
            "pkey",
            "-in",
            path.to_str().unwrap(),
            "-passin",
            &format!("file:{word}"),
            "-pubout",
        ]);
        assert_eq!(shown, pem("PUBLIC KEY", key.public_key().as_der()));
        let plain = openssl(&[
            "pkcs8",
            "-in",
            path.to_str().unwrap(),
            "-passin",
            &format!("file:{word}"),
        ]);
        assert!(plain.starts_with("-----BEGIN PRIVATE KEY-----"));
        let parameters = openssl(&["asn1parse", "-in", path.to_str().unwrap()]);
        for expected in ["PBES2", "scrypt", "aes-256-cbc", ":4000"] {
            assert!(parameters.contains(expected), "{parameters}");
        }
    }
}

#[test]
fn a_wrong_passphrase_is_told_from_a_broken_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    let key = SoftwareKey::generate(KeyType::P256).unwrap();
    key_store::create(&path, &key, &passphrase()).unwrap();
    let wrong = key_store::open(&path, &SecretString::from("another"));
    assert!(matches!(wrong, Err(KeyStoreError::Passphrase { .. })));
    std::fs::write(&path, "-----BEGIN NONSENSE-----").unwrap();
    let broken = key_store::open(&path, &passphrase());
    assert!(matches!(broken, Err(KeyStoreError::Malformed { .. })));
}

#[test]
fn a_key_file_is_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    let key = SoftwareKey::generate(KeyType::P256).unwrap();
    key_store::create(&path, &key, &passphrase()).unwrap();
    let second = key_store::create(&path, &key, &passphrase());
    assert!(matches!(second, Err(KeyStoreError::Exists { .. })));
}

#[test]
fn a_key_file_that_others_can_read_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("root.key");
    let key = SoftwareKey::generate(KeyType::P256).unwrap();
    key_store::create(&path, &key, &passphrase()).unwrap();
    for wide in [0o640, 0o604, 0o620, 0o644] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(wide)).unwrap();
        let opened = key_store::open(&path, &passphrase());
        assert!(matches!(opened, Err(KeyStoreError::TooOpen { mode, .. }) if mode == wide));
        assert_eq!(mode(&path), wide);
    }
}

#[test]
fn a_link_in_the_place_of_the_key_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, link) = (dir.path().join("root.key"), dir.path().join("link"));
    let key = SoftwareKey::generate(KeyType::P256).unwrap();
    key_store::create(&path, &key, &passphrase()).unwrap();
    symlink(&path, &link).unwrap();
    assert!(key_store::open(&link, &passphrase()).is_err());
    assert!(key_store::open(dir.path(), &passphrase()).is_err());
}

#[test]
fn a_folder_is_made_for_its_owner_alone_and_a_wide_one_refused() {
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("a/b");
    key_store::ensure_private_dir(&made).unwrap();
    key_store::ensure_private_dir(&made).unwrap();
    assert_eq!(mode(&made), 0o700);
    std::fs::set_permissions(&made, PermissionsExt::from_mode(0o755)).unwrap();
    let refused = key_store::ensure_private_dir(&made);
    assert!(matches!(refused, Err(KeyStoreError::TooOpen { .. })));
}
