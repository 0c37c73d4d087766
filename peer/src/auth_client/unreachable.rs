//! No answer of the auth server, and why.

use std::io;

use rustls::CertificateError;
use ureq::Error as HttpError;

use crate::failure::{Exit, Failure, reason};

pub(super) fn failed(base: &str, error: &HttpError) -> Failure {
    let unreachable = |what: &str| {
        Failure::new(
            Exit::Unreachable,
            format!("the auth server at {base} cannot be reached: {what}"),
        )
        .hint("check the address and that it runs")
    };
    let certificate = match error {
        HttpError::Io(error) => certificate_error(error),
        HttpError::Rustls(rustls::Error::InvalidCertificate(error)) => Some(error),
        _ => None,
    };
    match (certificate, error) {
        (Some(error), _) => from_certificate(base, error),
        (None, HttpError::Io(error)) if is_alert(error) => Failure::new(
            Exit::NotLoggedIn,
            "the auth server does not accept this device's certificate",
        )
        .hint("log in again with peer login, and check the clock"),
        (None, HttpError::Io(error)) => unreachable(&reason(error)),
        (None, HttpError::Timeout(_)) => unreachable("no answer in time"),
        (None, HttpError::HostNotFound) => unreachable("no such host"),
        (None, other) => unreachable(&other.to_string()),
    }
}

fn from_certificate(base: &str, error: &CertificateError) -> Failure {
    let failure = |what: &str| Failure::new(Exit::NotTrusted, format!("{base}: {what}"));
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            failure("the server's certificate is not for this address")
                .hint("use a name that the server was made for (auth-server init --host NAME)")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            failure("the server's certificate has expired").hint("check this device's clock")
        }
        _ => failure("the server does not belong to this device's organisation")
            .hint("check the address; tell your administrator"),
    }
}

/// The server ended TLS with an alert: what this device showed was refused.
fn is_alert(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    matches!(inner, Some(rustls::Error::AlertReceived(_)))
}

/// rustls reports a refused certificate through the stream as invalid data.
fn certificate_error(error: &io::Error) -> Option<&CertificateError> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::InvalidCertificate(error) => Some(error),
        _ => None,
    }
}
