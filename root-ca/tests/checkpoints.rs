//! Checkpoints of an audit log, verified here and by stock OpenSSL.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::process::Command;

use root_ca::{Checkpoint, ForgedCheckpoint, KeyType};
use support::*;
use time::Duration;

fn checkpoint() -> Checkpoint {
    Checkpoint {
        seq: 42,
        hash: [7; 32],
        at: now(),
    }
}

#[test]
fn stock_openssl_verifies_a_checkpoint_of_either_kind_of_root() {
    for key_type in [KeyType::Rsa3072, KeyType::P256] {
        let authority = authority(key_type);
        let checkpoint = checkpoint();
        let signature = authority.sign_checkpoint(&checkpoint).unwrap();
        assert_eq!(checkpoint.verify(&signature, authority.root()), Ok(()));
        let dir = tempfile::tempdir().unwrap();
        let root = pem("CERTIFICATE", authority.root().certificate());
        let root = write(dir.path(), "root.crt", root);
        let key = openssl(&["x509", "-in", &root, "-pubkey", "-noout"]);
        let key = write(dir.path(), "root.pub", key);
        let signature = write(dir.path(), "signature", signature);
        let fingerprint = authority.root().fingerprint();
        let hash = "07".repeat(32);
        let time = checkpoint.at.unix_timestamp();
        let told = |seq| {
            format!(
                "orgshare/1 audit checkpoint\nroot {fingerprint}\nentry {seq}\nhash {hash}\ntime {time}\n"
            )
        };
        let good = write(dir.path(), "good", told(42));
        let said = openssl(&[
            "dgst",
            "-sha256",
            "-verify",
            &key,
            "-signature",
            &signature,
            &good,
        ]);
        assert!(said.contains("Verified OK"), "{said}");
        let bad = write(dir.path(), "bad", told(43));
        let output = Command::new("openssl")
            .args([
                "dgst",
                "-sha256",
                "-verify",
                &key,
                "-signature",
                &signature,
                &bad,
            ])
            .output()
            .unwrap();
        assert!(!output.status.success());
    }
}

#[test]
fn a_checkpoint_with_anything_changed_is_not_the_root_s() {
    let authority = authority(KeyType::P256);
    let good = checkpoint();
    let signature = authority.sign_checkpoint(&good).unwrap();
    let bent = [
        Checkpoint { seq: 43, ..good },
        Checkpoint {
            hash: [8; 32],
            ..good
        },
        Checkpoint {
            at: good.at + Duration::seconds(1),
            ..good
        },
    ];
    for bent in bent {
        assert_eq!(
            bent.verify(&signature, authority.root()),
            Err(ForgedCheckpoint)
        );
    }
    let other = support::authority(KeyType::P256);
    assert_eq!(good.verify(&signature, other.root()), Err(ForgedCheckpoint));
    let theirs = other.sign_checkpoint(&good).unwrap();
    assert_eq!(
        good.verify(&theirs, authority.root()),
        Err(ForgedCheckpoint)
    );
    for garbage in [&b""[..], &[0; 64], &signature[1..]] {
        assert_eq!(
            good.verify(garbage, authority.root()),
            Err(ForgedCheckpoint)
        );
    }
}

#[test]
fn no_checkpoint_begins_like_a_certificate_or_a_revocation_list() {
    let authority = authority(KeyType::P256);
    for seq in [0, 1, 0x30, u64::MAX] {
        let message = Checkpoint {
            seq,
            ..checkpoint()
        }
        .message(&authority.root().fingerprint());
        assert!(message.starts_with(b"orgshare/1 audit checkpoint\n"));
        // DER: a SEQUENCE.
        assert_ne!(message[0], 0x30);
    }
}
