//! `POST /verify`: alias, password and certificate request in, certificate out.
//!
//! The order is the defence: what is cheap first, the password before the request is parsed, and
//! for unknown, wrong and disabled the same work and the same answer.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use common::identity::Alias;
use http_body_util::BodyExt;
use root_ca::{IssueError, ProvenKey, Subject};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::audit::Actor;
use crate::password::{self, MAX_PASSWORD_BYTES, PasswordError};
use crate::problem::{Problem, ProblemDocument};
use crate::state::{App, LoggedInUser, Remote, Shared};
use crate::store::{Issuance, PasswordHash, StoreError, StoreLedger, UserState};
use crate::throttle::Attempt;

/// Bytes of a body: a request of 8 KiB and a password of 1 KiB, escaped in JSON, many times over.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A login.
#[derive(Deserialize, utoipa::ToSchema)]
struct Login {
    /// Who.
    alias: String,
    /// The password, at most 1024 bytes.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
    /// The certificate request, PEM; its public key alone is taken.
    csr: String,
}

/// Why there is no certificate: what the client is told, and what the log is told besides.
struct Refusal {
    problem: Problem,
    cause: Option<String>,
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            cause: None,
        }
    }
}

impl Refusal {
    fn internal(cause: impl std::fmt::Display) -> Self {
        Self {
            problem: Problem::Unavailable,
            cause: Some(cause.to_string()),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            // Disabled between the password and the ledger.
            StoreError::IssueBlocked => Problem::Unauthorized.into(),
            error => Self::internal(error),
        }
    }
}

impl From<PasswordError> for Refusal {
    fn from(error: PasswordError) -> Self {
        Self::internal(error)
    }
}

/// 200 with the certificate in PEM, or a problem.
#[utoipa::path(
    post,
    path = "/verify",
    request_body(content = inline(Login), content_type = "application/json"),
    responses(
        (status = 200, description = "the certificate, PEM", content_type = "text/plain"),
        (status = 400, description = "malformed", content_type = "application/problem+json",
         body = inline(ProblemDocument)),
        (status = 401, description = "alias or password is wrong",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 413, description = "over 64 KiB", content_type = "application/problem+json",
         body = inline(ProblemDocument)),
        (status = 415, description = "not JSON", content_type = "application/problem+json",
         body = inline(ProblemDocument)),
        (status = 429, description = "too many failed logins; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 503, description = "more logins than can be checked; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
    ),
    tag = "certificates"
)]
pub async fn verify(
    State(app): State<Shared>,
    Extension(remote): Extension<Remote>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match certificate(&app, remote, &headers, body).await {
        Ok(pem) => (
            StatusCode::OK,
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            pem,
        )
            .into_response(),
        Err(refusal) => {
            if let Some(cause) = refusal.cause {
                tracing::error!(%cause, "a login failed here");
            }
            refusal.problem.into_response()
        }
    }
}

async fn certificate(
    app: &App,
    remote: Remote,
    headers: &HeaderMap,
    body: Body,
) -> Result<String, Refusal> {
    if !is_json(headers) {
        return Err(Problem::NotJson.into());
    }
    let login = read_login(body).await?;
    let user = check_password(app, remote, &login).await?;
    let key = ProvenKey::from_pem(&login.csr).map_err(Problem::Request)?;
    let by = Actor::member(user.alias(), remote.source());
    issue(app, &user, &key, &by).await
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

async fn read_login(mut body: Body) -> Result<Login, Problem> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BODY_BYTES));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::Malformed)?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > MAX_BODY_BYTES {
                return Err(Problem::TooLarge);
            }
            bytes.extend_from_slice(&data);
        }
    }
    let login: Login = serde_json::from_slice(&bytes).map_err(|_| Problem::Malformed)?;
    if login.password.expose_secret().len() > MAX_PASSWORD_BYTES {
        return Err(Problem::Malformed);
    }
    Ok(login)
}

/// One answer and one amount of work for unknown, wrong and disabled.
async fn check_password(app: &App, remote: Remote, login: &Login) -> Result<LoggedInUser, Refusal> {
    let alias: Option<Alias> = login.alias.parse().ok();
    let attempt = Attempt::new(alias.as_ref(), remote.source());
    demand_patience(app, &attempt).await?;
    let place = app.passwords.place().await?;
    // Again, with the place in hand: no more guesses run at once than there are places.
    demand_patience(app, &attempt).await?;
    let user = match &alias {
        Some(alias) => app.store.user(alias).await?,
        None => None,
    };
    // A removed person has no password left, and gets the work of an unknown one.
    let user = user.filter(|user| user.state != UserState::Removed);
    let hash = user.as_ref().map(|user| user.password.hash.clone());
    let (matches, place) = app
        .passwords
        .matches(place, login.password.clone(), hash)
        .await?;
    match user {
        Some(user) if matches && user.state == UserState::Active => {
            attempt
                .succeeded(app.store.as_ref(), OffsetDateTime::now_utc())
                .await?;
            if password::needs_rehash(&user.password.hash) {
                rehash(app, &user.alias, &user.password.hash, &login.password).await?;
            }
            drop(place);
            Ok(LoggedInUser::new(user.alias, user.role))
        }
        user => {
            let outcome = match user {
                None => "no such user",
                Some(_) if !matches => "wrong password",
                Some(_) => "disabled",
            };
            attempt
                .failed(app.store.as_ref(), outcome, OffsetDateTime::now_utc())
                .await?;
            drop(place);
            Err(Problem::Unauthorized.into())
        }
    }
}

async fn demand_patience(app: &App, attempt: &Attempt) -> Result<(), Refusal> {
    let now = OffsetDateTime::now_utc();
    match attempt.must_wait(app.store.as_ref(), now).await? {
        Some(wait) => Err(Problem::TooManyAttempts(wait).into()),
        None => Ok(()),
    }
}

/// Brings a stored hash up to today's work, now that the password is at hand.
async fn rehash(
    app: &App,
    alias: &Alias,
    old: &PasswordHash,
    password: &SecretString,
) -> Result<(), Refusal> {
    let password = password.clone();
    let hash = tokio::task::spawn_blocking(move || password::hash(&password))
        .await
        .map_err(Refusal::internal)??;
    Ok(app.store.rehash(alias, old, &hash).await?)
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
