//! Any bytes as a revocation list: none is accepted, since nobody knows the root's key. And any bytes as
//! what the root has signed: what they say is read or refused.

#![no_main]

use std::sync::LazyLock;

use common::crl::RevocationList;
use common::identity::OrgRoot;
use common::testing::{NOW, TestOrg, at};
use libfuzzer_sys::fuzz_target;

static ORG: LazyLock<TestOrg> = LazyLock::new(|| TestOrg::new("acme"));
static ROOT: LazyLock<OrgRoot> = LazyLock::new(|| ORG.root());

fuzz_target!(|data: &[u8]| {
    assert!(RevocationList::accept(data.to_vec().into(), &ROOT, at(NOW), None).is_err());
    let _ = RevocationList::read(ORG.signed_list(data).into(), &ROOT);
});
