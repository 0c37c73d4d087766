//! No answer of the auth server, and why.

use rustls::CertificateError;
use ureq::Error as HttpError;

use super::connecting::NotConnected;
use crate::failure::{Exit, Failure, reason};

/// Why there is no connection with a server.
#[derive(Debug)]
pub(super) struct Missed {
    /// What that means for who asked.
    pub(super) exit: Exit,
    /// What happened.
    pub(super) what: String,
    /// What to do about it.
    pub(super) hint: &'static str,
    /// The time was over: with more of it, it may work.
    pub(super) was_slow: bool,
}

impl Missed {
    /// `None` when there was a connection.
    pub(super) fn of(error: &HttpError) -> Option<Self> {
        before_connection(error).map(Self::read)
    }

    fn read(error: &HttpError) -> Self {
        match certificate_error(error) {
            Some(error) => {
                let (what, hint) = from_certificate(error);
                Self {
                    exit: Exit::NotTrusted,
                    what: what.into(),
                    hint,
                    was_slow: false,
                }
            }
            None => Self {
                exit: Exit::Unreachable,
                what: reason_of(error),
                hint: "check the address and that it runs",
                was_slow: matches!(error, HttpError::Timeout(_)),
            },
        }
    }

    fn failure(&self, server: &str) -> Failure {
        let told = match self.exit {
            Exit::NotTrusted => format!("{server}: {}", self.what),
            _ => format!(
                "the auth server at {server} cannot be reached: {}",
                self.what
            ),
        };
        Failure::new(self.exit, told).hint(self.hint)
    }
}

/// No server is left. Unless all are strangers, they are out of reach: none was believed.
pub(super) fn none_reached(missed: &[(&str, Missed)]) -> Failure {
    if let [(server, only)] = missed {
        return only.failure(server);
    }
    let each: Vec<String> = missed
        .iter()
        .map(|(server, why)| format!("{server}: {}", why.what))
        .collect();
    let strangers = missed
        .iter()
        .all(|(_, missed)| missed.exit == Exit::NotTrusted);
    let exit = match strangers {
        true => Exit::NotTrusted,
        false => Exit::Unreachable,
    };
    Failure::new(
        exit,
        format!("no auth server can be reached: {}", each.join("; ")),
    )
    .hint("check the addresses and that one of them runs")
}

/// A question that was not answered.
pub(super) fn failed(server: &str, error: &HttpError) -> Failure {
    match before_connection(error) {
        Some(error) => Missed::read(error).failure(server),
        None if is_alert(error) => Failure::new(
            Exit::NotLoggedIn,
            "the auth server does not accept this device's certificate",
        )
        .hint("log in again with peer login, and check the clock"),
        None => Missed::read(error).failure(server),
    }
}

fn before_connection(error: &HttpError) -> Option<&HttpError> {
    match error {
        HttpError::Other(inner) => inner.downcast_ref().map(|NotConnected(error)| error),
        _ => None,
    }
}

fn reason_of(error: &HttpError) -> String {
    match error {
        HttpError::Io(error) => reason(error),
        HttpError::Timeout(_) => "no answer in time".into(),
        HttpError::HostNotFound => "no such host".into(),
        other => other.to_string(),
    }
}

fn from_certificate(error: &CertificateError) -> (&'static str, &'static str) {
    match error {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "the server's certificate is not for this address",
            "use a name that the server was made for (auth-server init --host NAME)",
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => (
            "the server's certificate has expired",
            "check this device's clock",
        ),
        _ => (
            "the server does not belong to this device's organisation",
            "check the address; tell your administrator",
        ),
    }
}

/// The server ended TLS with an alert: what this device showed was refused.
fn is_alert(error: &HttpError) -> bool {
    matches!(tls_error(error), Some(rustls::Error::AlertReceived(_)))
}

fn certificate_error(error: &HttpError) -> Option<&CertificateError> {
    match tls_error(error)? {
        rustls::Error::InvalidCertificate(error) => Some(error),
        _ => None,
    }
}

/// rustls reports what is wrong through the stream as invalid data.
fn tls_error(error: &HttpError) -> Option<&rustls::Error> {
    match error {
        HttpError::Rustls(error) => Some(error),
        HttpError::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}
