//! `POST /verify`: alias, password and certificate request in, certificate out.
//!
//! The order is the defence: what is cheap first, the password before the request is parsed, and
//! for unknown, wrong and disabled the same work and the same answer.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use root_ca::{IssueError, ProvenKey, Subject};
use secrecy::SecretString;
use serde::Deserialize;
use time::OffsetDateTime;

use crate::audit::Actor;
use crate::body;
use crate::device::ShownDevice;
use crate::login::{self, Claim, LoggedInUser};
use crate::problem::Problem;
use crate::refusal::Refusal;
use crate::state::{App, Remote, RequestId, Shared};
use crate::store::{Issuance, StoreLedger};

#[derive(Deserialize)]
struct Login {
    alias: String,
    password: SecretString,
    csr: String,
}

/// 200 with the certificate in PEM, or a problem.
pub async fn verify(
    State(app): State<Shared>,
    Extension(remote): Extension<Remote>,
    Extension(id): Extension<RequestId>,
    device: ShownDevice,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match certificate(&app, remote, &device, &headers, body).await {
        Ok(pem) => (
            StatusCode::OK,
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            pem,
        )
            .into_response(),
        Err(refusal) => refusal.answer(&id),
    }
}

async fn certificate(
    app: &App,
    remote: Remote,
    device: &ShownDevice,
    headers: &HeaderMap,
    body: Body,
) -> Result<String, Refusal> {
    let Login {
        alias,
        password,
        csr,
    } = body::json(headers, body).await?;
    let claim = Claim { alias, password };
    let known = login::check(app, remote, device.0.as_ref(), claim).await?;
    let user = known.log_in(app).await?;
    let key = ProvenKey::from_pem(&csr).map_err(Problem::Request)?;
    let by = Actor::member(user.alias(), remote.source());
    issue(app, &user, &key, &by).await
}

async fn issue(
    app: &App,
    user: &LoggedInUser,
    key: &ProvenKey,
    by: &Actor,
) -> Result<String, Refusal> {
    let now = OffsetDateTime::now_utc();
    let subject = Subject::Member {
        alias: user.alias().clone(),
        role: user.role().clone(),
    };
    let prepared = app
        .authority
        .prepare(&app.profile, &subject, key, now)
        .map_err(Refusal::internal)?;
    let ledger = StoreLedger {
        store: app.store.as_ref(),
        issuance: Issuance {
            by,
            renews: None,
            now,
        },
    };
    let issued = match app.authority.issue(prepared, &ledger).await {
        Ok(issued) => issued,
        Err(IssueError::Ledger(error)) => return Err(error.into()),
        Err(IssueError::Key(error)) => return Err(Refusal::internal(error)),
    };
    tracing::info!(
        alias = %user.alias(),
        serial = %issued.entry().serial,
        not_after = issued.entry().not_after.unix_timestamp(),
        "issued a certificate"
    );
    issued.to_pem().map_err(Refusal::internal)
}
