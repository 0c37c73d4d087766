//! From a proven key to a member's certificate in PEM.

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse;
use common::identity::{Alias, Role};
use root_ca::{IssueError, ProvenKey, Subject};

use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::App;
use crate::store::{Issuance, StoreError, StoreLedger};

/// Issues a certificate for `key` to a member whose right to it was checked a moment ago; the
/// ledger checks it again. `blocked` is what the client is told when that right has gone
/// meanwhile.
///
/// # Errors
/// When the ledger refuses, or the server cannot do it.
pub async fn issue(
    app: &App,
    alias: &Alias,
    role: &Role,
    key: &ProvenKey,
    issuance: Issuance<'_>,
    blocked: Problem,
) -> Result<String, Refusal> {
    let subject = Subject::Member {
        alias: alias.clone(),
        role: role.clone(),
    };
    let prepared = app
        .authority
        .prepare(&app.profile, &subject, key, issuance.now)
        .map_err(Refusal::internal)?;
    let ledger = StoreLedger {
        store: app.store.as_ref(),
        issuance,
    };
    let issued = match app.authority.issue(prepared, &ledger).await {
        Ok(issued) => issued,
        Err(IssueError::Ledger(error)) => return Err(refused(error, blocked)),
        Err(IssueError::Key(error)) => return Err(Refusal::internal(error)),
    };
    issued.to_pem().map_err(Refusal::internal)
}

fn refused(error: StoreError, blocked: Problem) -> Refusal {
    match error {
        StoreError::IssueBlocked => blocked.into(),
        StoreError::KeyInUse => Problem::KeyInUse.into(),
        StoreError::TooManyRenewals { wait } => Problem::TooManyRenewals(wait).into(),
        StoreError::TooManyCertificates { wait } => Problem::TooManyCertificates(wait).into(),
        error => Refusal::internal(error),
    }
}

/// The answer that carries a certificate.
pub fn certificate(pem: String) -> Response<Body> {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (StatusCode::OK, kind, pem).into_response()
}
