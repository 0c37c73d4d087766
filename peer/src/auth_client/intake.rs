//! The revocation list as it comes from the auth server.

use std::panic::{AssertUnwindSafe, catch_unwind};

use common::crl::RevocationList;
use common::identity::OrgRoot;
use common::limits::MAX_CRL_BYTES;
use rustls::pki_types::UnixTime;
use ureq::http::request::Builder;
use ureq::http::{Request, StatusCode, header};

use super::AuthClient;
use super::exchange::Answer;
use crate::failure::{Exit, Failure};

impl AuthClient {
    /// Fetches the revocation list if it is newer than the one held: `None` when it is not.
    ///
    /// # Errors
    /// When no server can be reached, or the list is refused: the one held stays in force.
    pub fn newer_crl(
        &self,
        root: &OrgRoot,
        held: Option<&RevocationList>,
        now: UnixTime,
    ) -> Result<Option<RevocationList>, Failure> {
        let answer = self.get("/root.crl", |request| unless_held(request, held))?;
        accepted(answer, root, held, now)
    }

    /// Looks whether a server that was named before the one asked first is back, and serves a list that
    /// is not older than the one held: then it is asked first again. Takes a few seconds while it is not.
    pub fn look_back(&self, root: &OrgRoot, held: &RevocationList, now: UnixTime) {
        for server in self.servers.before_preferred() {
            let answer = self.ask_quickly(server, |server| {
                let request = Request::get(format!("{server}/root.crl"));
                Ok(unless_held(request, Some(held)).body(())?)
            });
            if let Some(answer) = answer
                && accepted(answer, root, Some(held), now).is_ok()
            {
                return self.servers.prefer(server);
            }
        }
    }
}

fn unless_held(request: Builder, held: Option<&RevocationList>) -> Builder {
    match held {
        Some(held) => request.header(header::IF_NONE_MATCH, format!("\"{}\"", held.number())),
        None => request,
    }
}

fn accepted(
    mut answer: Answer,
    root: &OrgRoot,
    held: Option<&RevocationList>,
    now: UnixTime,
) -> Result<Option<RevocationList>, Failure> {
    match answer.status() {
        StatusCode::OK => {
            let der = answer.body(MAX_CRL_BYTES).map_err(refused)?;
            let number = held.map(RevocationList::number);
            contained(|| {
                RevocationList::accept(der.into(), root, now, number)
                    .map_err(|error| Failure::new(Exit::NotTrusted, error.to_string()))
            })
            .map(Some)
        }
        StatusCode::NOT_MODIFIED => Ok(None),
        _ => Err(answer.refused()),
    }
}

/// A list that is too long is none, like one that cannot be read.
fn refused(failure: Failure) -> Failure {
    match failure.exit {
        Exit::Other => Failure {
            exit: Exit::NotTrusted,
            ..failure
        },
        _ => failure,
    }
}

/// Whatever a list makes of its reader: the threads that look for lists go on, with the one held.
fn contained<T>(read: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    // Nothing of a list that was not accepted is kept, so nothing is seen half done.
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Err(Failure::new(
            Exit::NotTrusted,
            "the revocation list cannot be read",
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_gives_up_refuses_the_list_and_no_more() {
        let refused = contained::<()>(|| panic!("on purpose")).unwrap_err();
        assert_eq!(refused.exit, Exit::NotTrusted);
        assert_eq!(contained(|| Ok(5)), Ok(5));
    }
}
