//! `POST /verify`: alias, password and certificate request in, certificate out.
//!
//! The order is the defence: what is cheap first, the password before the request is parsed, and
//! for unknown, wrong and disabled the same work and the same answer.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Response;
use common::identity::DeviceName;
use root_ca::{ProvenKey, Serial};
use secrecy::SecretString;
use serde::Deserialize;
use time::OffsetDateTime;

use crate::audit::Actor;
use crate::body;
use crate::device::{Device, ShownDevice};
use crate::issuing;
use crate::login::{self, Claim, LoggedInUser};
use crate::problem::{Problem, ProblemDocument};
use crate::refusal::Refusal;
use crate::state::{App, Remote, Shared};
use crate::store::Issuance;

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
    /// What the device is called, for people: letters a to z, digits and inner hyphens, at most 32.
    device: Option<String>,
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
        (status = 403, description = "right, but given for once: choose another one first",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 413, description = "over 64 KiB", content_type = "application/problem+json",
         body = inline(ProblemDocument)),
        (status = 415, description = "not JSON", content_type = "application/problem+json",
         body = inline(ProblemDocument)),
        (status = 429, description = "too many failed logins, or too many certificates of one person; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 503, description = "more logins than can be checked; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
    ),
    tag = "certificates"
)]
pub async fn verify(
    State(app): State<Shared>,
    Extension(remote): Extension<Remote>,
    device: ShownDevice,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match certificate(&app, remote, &device, &headers, body).await {
        Ok(pem) => issuing::certificate(pem),
        Err(refusal) => refusal.answer(),
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
        device: name,
    } = body::json(headers, body).await?;
    let name: Option<DeviceName> = name
        .map(|name| name.parse().map_err(|_| Problem::Malformed))
        .transpose()?;
    let claim = Claim { alias, password };
    let known = login::check(app, remote, device.0.as_ref(), claim).await?;
    let user = known.log_in(app).await?;
    let key = ProvenKey::from_pem(&csr).map_err(Problem::Request)?;
    let by = Actor::member(user.alias(), remote.source()).on(name);
    let shown = device.0.as_ref();
    let shown = shown.filter(|device| device.alias() == user.alias());
    issue(app, &user, &key, &by, shown.map(Device::serial)).await
}

/// A device that shows a certificate of the person goes on as the same device, so that it is revoked
/// whole; where its line cannot, another one begins: a login is never refused for what was shown.
async fn issue(
    app: &App,
    user: &LoggedInUser,
    key: &ProvenKey,
    by: &Actor,
    shown: Option<Serial>,
) -> Result<String, Refusal> {
    let issue = async |renews, blocked| {
        let now = OffsetDateTime::now_utc();
        let issuance = Issuance { by, renews, now };
        issuing::issue(app, user.alias(), user.role(), key, issuance, blocked).await
    };
    if shown.is_some() {
        match issue(shown, Problem::CertificateRefused).await {
            Err(refusal) if is_of_the_line(refusal.problem()) => {}
            issued => return issued,
        }
    }
    // Disabled between the password and the ledger: the same answer as before it.
    issue(None, Problem::Unauthorized).await
}

/// Whether that stands against the next certificate of a device, and perhaps not against a first one.
fn is_of_the_line(problem: &Problem) -> bool {
    matches!(
        problem,
        Problem::CertificateRefused | Problem::KeyInUse | Problem::TooManyRenewals(_)
    )
}
