//! `GET /admin/certificates`: the certificates that a filter lets through, the newest first.

use axum::extract::State;

use super::desk;
use crate::administration::wire::{CertificateQuery, MAX_CERTIFICATES};
use crate::administration::{Administration, CertificateView};
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::routes::query::Query;
use crate::routes::responses::Refusals;
use crate::state::Shared;
use crate::store::CertificateFilter;

/// 200 with the list.
#[utoipa::path(
    get,
    path = "/admin/certificates",
    operation_id = "list_certificates",
    params(CertificateQuery),
    responses(
        (status = 200, description = "the newest first", body = inline(Vec<CertificateView>),
         content_type = "application/json"),
        Refusals,
    ),
    tag = "administration"
)]
pub(super) async fn list(
    State(app): State<Shared>,
    administrator: Administrator,
    Query(query): Query<CertificateQuery>,
) -> Result<Json<Vec<CertificateView>>, Problem> {
    let desk = desk(&app, &administrator);
    if query.limit > MAX_CERTIFICATES {
        return Err(Problem::BadQuery);
    }
    let filter = CertificateFilter {
        alias: query.alias,
        role: query.role,
        device_of: query.device_of,
        ends_after: query.ends_after,
        ends_before: query.ends_before,
        revoked: query.revoked,
        limit: query.limit,
    };
    Ok(Json(desk.certificates(&filter).await?))
}
