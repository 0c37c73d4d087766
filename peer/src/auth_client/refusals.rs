//! The auth server's no, as a person reads it.

use common::name::Escaped;
use serde::Deserialize;
use ureq::http::{StatusCode, header};

use super::exchange::Answer;
use crate::failure::{Exit, Failure};

/// Bytes of a problem document: a sentence or two.
const MAX_PROBLEM_BYTES: usize = 4096;

/// What goes wrong at the server, as far as a peer reads it (RFC 9457).
#[derive(Debug, Deserialize)]
pub(super) struct Problem {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) detail: String,
}

/// The type of the problem that a one-time password brings.
pub(super) const PASSWORD_MUST_CHANGE: &str = "urn:orgshare:problem:password-must-change";

/// The type of the problem of a certificate that was revoked, or whose member is blocked.
const CERTIFICATE_REFUSED: &str = "urn:orgshare:problem:certificate-refused";

/// The types of what there was too much of.
const TOO_MANY_RENEWALS: &str = "urn:orgshare:problem:too-many-renewals";
const TOO_MANY_CERTIFICATES: &str = "urn:orgshare:problem:too-many-certificates";
const TOO_OFTEN: &str = "urn:orgshare:problem:too-often";

impl Answer {
    /// Why it does not do something for this device, in the server's own words.
    pub(super) fn turned_away(&mut self, what: &str) -> Failure {
        let failure = self.denied(what);
        failure.hint("log in again with peer login, or ask your administrator")
    }

    /// The same of what a device with another certificate could do: a renewal is enough after a change
    /// of role, and the auth server does not say why it refuses.
    pub(super) fn not_accepted(&mut self, what: &str) -> Failure {
        let failure = self.denied(what);
        failure.hint(
            "renew the certificate with peer renew, which is enough after a change of your role; else \
             log in again with peer login, or ask your administrator",
        )
    }

    fn denied(&mut self, what: &str) -> Failure {
        let problem = self.problem();
        let (exit, told) = match &problem {
            Some(problem) if problem.kind == CERTIFICATE_REFUSED => {
                (Exit::NotTrusted, problem.detail.as_str())
            }
            Some(problem) => (Exit::NotLoggedIn, problem.detail.as_str()),
            None => (Exit::NotLoggedIn, "no reason given"),
        };
        Failure::new(exit, format!("the auth server {what}: {}", Escaped(told)))
    }

    pub(super) fn problem(&mut self) -> Option<Problem> {
        let bytes = self.body(MAX_PROBLEM_BYTES).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    pub(super) fn refused(&mut self) -> Failure {
        let later = self.later();
        match self.status() {
            StatusCode::TOO_MANY_REQUESTS => self
                .too_many()
                .hint(format!("{later}, or ask your administrator")),
            StatusCode::SERVICE_UNAVAILABLE => {
                Failure::new(Exit::Temporary, "the auth server is busy").hint(later)
            }
            other => Failure::new(
                Exit::Other,
                format!("the auth server at {} answered {other}", self.server()),
            )
            .hint("ask your administrator"),
        }
    }

    /// Of what there was too much.
    fn too_many(&mut self) -> Failure {
        let problem = self.problem();
        match problem.as_ref().map_or("", |problem| problem.kind.as_str()) {
            TOO_MANY_RENEWALS => Failure::new(
                Exit::Temporary,
                "this device renewed its certificate too often",
            ),
            TOO_MANY_CERTIFICATES => Failure::new(
                Exit::Temporary,
                "you have as many certificates as one person gets",
            ),
            TOO_OFTEN => Failure::new(
                Exit::Temporary,
                "you did this as often as one person may in an hour",
            ),
            _ => Failure::new(Exit::LoginRefused, "too many failed logins"),
        }
    }

    pub(super) fn too_long(&self, limit: usize) -> Failure {
        let told = format!("{} answers with more than {limit} bytes", self.server());
        Failure::new(Exit::Other, told).hint("tell your administrator")
    }

    pub(super) fn nonsense(&self) -> Failure {
        Failure::new(
            Exit::Other,
            format!("{} does not answer like an auth server", self.server()),
        )
        .hint("check the address")
    }

    /// When to try again, as the server says it.
    fn later(&self) -> String {
        let after = self
            .headers()
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<u64>().ok());
        match after {
            Some(secs) => format!("try again in {}", span(secs)),
            None => "try again later".into(),
        }
    }
}

/// A time as people say it, never shorter than it is.
fn span(secs: u64) -> String {
    match secs {
        0..120 => format!("{secs} s"),
        120..7200 => format!("{} min", secs.div_ceil(60)),
        _ => format!("{} h", secs.div_ceil(3600)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_a_unit_that_people_use_and_never_too_short() {
        for (secs, told) in [
            (4, "4 s"),
            (119, "119 s"),
            (121, "3 min"),
            (3600, "60 min"),
            (7201, "3 h"),
            (800_000, "223 h"),
        ] {
            assert_eq!(span(secs), told);
        }
    }
}
