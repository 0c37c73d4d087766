//! Why there is no answer, as a person reads it.

use std::io;

use rustls::{AlertDescription, CertificateError, Error as TlsError};
use ureq::Error;

use crate::failure::Failure;

/// The failure behind an error of the HTTPS client.
pub(super) fn failure(server: &str, error: &Error) -> Failure {
    let tls = match error {
        Error::Io(error) => tls_error(error),
        Error::Rustls(error) => Some(error),
        _ => None,
    };
    match (tls, error) {
        (Some(TlsError::InvalidCertificate(error)), _) => server_certificate(server, error),
        (Some(TlsError::AlertReceived(alert)), _) => own_certificate(server, *alert),
        (_, Error::Timeout(_)) => unreachable(server, "no answer in time"),
        (_, Error::HostNotFound) => unreachable(server, "no such host"),
        (_, Error::BodyExceedsLimit(_)) => {
            Failure::other(format!("the answer of {server} is too long"))
        }
        (_, Error::Io(error)) => unreachable(server, &error.to_string()),
        (_, other) => unreachable(server, &other.to_string()),
    }
}

fn unreachable(server: &str, why: &str) -> Failure {
    Failure::unreachable(format!(
        "the auth server at {server} cannot be reached: {why}"
    ))
    .cure("check the address and that it runs")
}

/// rustls reports through the stream, as invalid data.
fn tls_error(error: &io::Error) -> Option<&TlsError> {
    error.get_ref()?.downcast_ref()
}

fn server_certificate(server: &str, error: &CertificateError) -> Failure {
    let failure = |what: &str| Failure::not_trusted(format!("{server}: {what}"));
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            failure("the server's certificate is not for this address")
                .cure("use a name that the server was made for (auth-server init --host NAME)")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            failure("the server's certificate has expired").cure("check this device's clock")
        }
        _ => failure("the server does not belong to this device's organisation")
            .cure("check the address"),
    }
}

/// The server hangs up on a certificate that says nothing to it.
fn own_certificate(server: &str, alert: AlertDescription) -> Failure {
    match alert {
        AlertDescription::CertificateExpired => {
            Failure::not_logged_in("this device's certificate has expired")
                .cure("log in again with peer login, and check the clock")
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied => Failure::not_trusted(format!(
            "{server} does not accept this device's certificate"
        ))
        .cure("log in again with peer login"),
        other => unreachable(server, &format!("it ends the connection ({other:?})")),
    }
}
