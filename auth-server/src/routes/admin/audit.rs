//! `GET /admin/audit`: a page of the audit log.

use axum::extract::State;

use super::desk;
use crate::administration::wire::AuditQuery;
use crate::administration::{AUDIT_PAGE, Administration};
use crate::audit::AuditPage;
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::routes::query::Query;
use crate::routes::responses::Refusals;
use crate::state::Shared;

/// 200 with the entries, their checkpoints and the number of the last entry.
#[utoipa::path(
    get,
    path = "/admin/audit",
    operation_id = "audit",
    params(AuditQuery),
    responses(
        (status = 200, description = "a page of the log", body = inline(AuditPage),
         content_type = "application/json"),
        Refusals,
    ),
    tag = "administration"
)]
pub(super) async fn page(
    State(app): State<Shared>,
    administrator: Administrator,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditPage>, Problem> {
    let desk = desk(&app, &administrator);
    if query.limit > AUDIT_PAGE {
        return Err(Problem::BadQuery);
    }
    Ok(Json(desk.audit(query.after, query.limit).await?))
}
