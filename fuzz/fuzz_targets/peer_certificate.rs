//! Any bytes as a member's certificate.

#![no_main]

use common::identity::PeerCertificate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let org = "acme".parse().expect("a label");
    if let Ok(certificate) = PeerCertificate::from_der(&data.into(), &org) {
        assert_eq!(certificate.name().org(), &org);
    }
});
