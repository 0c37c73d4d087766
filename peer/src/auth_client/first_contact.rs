//! The org root, before there is one to believe.

use common::identity::{Fingerprint, OrgRoot};
use common::limits::MAX_CERTIFICATE_BYTES;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ureq::http::StatusCode;

use super::unreachable::failed;
use super::{connecting, tls};
use crate::failure::{Exit, Failure};

/// Fetches an org root over a connection that proves nothing, and believes it only when it has
/// the fingerprint that the user was given. Nothing else of the answer is kept.
///
/// # Errors
/// When the server cannot be reached, or its root has another fingerprint.
pub fn fetch_root(base: &str, expected: Fingerprint) -> Result<OrgRoot, Failure> {
    let agent = connecting::agent(tls().disable_verification(true).build());
    let response = agent
        .get(format!("{base}/root.crt"))
        .call()
        .map_err(|error| failed(base, &error))?;
    let nonsense = || {
        Failure::new(Exit::Other, format!("{base} does not serve an org root"))
            .hint("check the address")
    };
    if response.status() != StatusCode::OK {
        return Err(nonsense());
    }
    let limit = u64::try_from(2 * MAX_CERTIFICATE_BYTES).unwrap_or(u64::MAX);
    let pem = response
        .into_body()
        .into_with_config()
        .limit(limit)
        .read_to_vec()
        .map_err(|error| failed(base, &error))?;
    let der = CertificateDer::from_pem_slice(&pem).map_err(|_| nonsense())?;
    let actual = Fingerprint::of(&der);
    if actual != expected {
        return Err(Failure::new(
            Exit::NotTrusted,
            format!(
                "the root certificate of {base} has the fingerprint {actual}, not the one given"
            ),
        )
        .hint("check the fingerprint with your administrator; nothing was stored"));
    }
    OrgRoot::from_der(der).map_err(|error| Failure::new(Exit::NotTrusted, error.to_string()))
}
