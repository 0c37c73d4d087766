//! `GET /peers`: who is online.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use common::identity::Alias;
use serde::Deserialize;

use crate::device::ValidDevice;
use crate::presence::Online;
use crate::problem::{Problem, ProblemDocument};
use crate::routes::query::Query;
use crate::state::Shared;

/// Who is online.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes what the directory writes")]
struct Peers {
    /// By alias, then by time.
    #[schema(inline)]
    peers: Vec<Online>,
}

/// The query of `GET /peers`.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PeersQuery {
    /// The devices of one person alone: at most 64 KiB, else 16 MiB.
    alias: Option<String>,
}

/// 200 with the devices that are online.
#[utoipa::path(
    get,
    path = "/peers",
    operation_id = "peers",
    params(PeersQuery),
    responses(
        (status = 200, description = "the devices that are online and not unlisted",
         body = inline(Peers), content_type = "application/json"),
        (status = 400, description = "a query other than one alias",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 401, description = "no member's certificate, or it has ended",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 403, description = "the certificate was revoked, or its member is blocked",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
        (status = 503, description = "the server cannot do it now; see Retry-After",
         content_type = "application/problem+json", body = inline(ProblemDocument)),
    ),
    tag = "events"
)]
pub async fn peers(
    State(app): State<Shared>,
    ValidDevice(_): ValidDevice,
    Query(query): Query<PeersQuery>,
) -> Result<Response, Problem> {
    let of: Option<Alias> = match query.alias {
        Some(alias) => Some(alias.parse().map_err(|_| Problem::BadQuery)?),
        None => None,
    };
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, app.events.listing(of.as_ref())?).into_response())
}
