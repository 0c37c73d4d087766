//! Who is who: aliases, roles, the organisation's name, and the one place that reads them out of
//! a certificate.
//!
//! A peer certificate carries exactly one subject alternative name, the DNS name
//! `<alias>.peer.<org>.internal`; its subject repeats the alias (CN) and states the role (title,
//! X.520 6.4.3). The org root carries the organisation's label as the
//! organizationIdentifier of its subject (X.520, 6.4.4).

mod certificate;
mod label;
mod root;

pub(crate) use certificate::unix_time;
pub use certificate::{IdentityError, PeerCertificate};
pub use label::{Alias, DeviceName, LabelError, OrgLabel, PeerName, Role};
pub use root::{Fingerprint, FingerprintError, OrgRoot, OrgRootError};
