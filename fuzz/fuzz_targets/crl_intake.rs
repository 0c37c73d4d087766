//! Any bytes as a revocation list: none is accepted, since nobody knows the root's key.

#![no_main]

use std::sync::LazyLock;

use common::crl::RevocationList;
use common::identity::OrgRoot;
use common::testing::{NOW, TestOrg, at};
use libfuzzer_sys::fuzz_target;

static ROOT: LazyLock<OrgRoot> = LazyLock::new(|| TestOrg::new("acme").root());

fuzz_target!(|data: &[u8]| {
    assert!(RevocationList::accept(data.to_vec().into(), &ROOT, at(NOW), None).is_err());
});
