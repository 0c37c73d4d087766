//! Any bytes as an org root.

#![no_main]

use common::identity::OrgRoot;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(root) = OrgRoot::from_der(data.to_vec().into()) {
        assert_eq!(root.label().as_str().parse().as_ref(), Ok(root.label()));
    }
});
