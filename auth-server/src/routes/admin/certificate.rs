//! `GET /admin/certificates/{serial}`: one certificate.

use axum::extract::State;
use root_ca::Serial;

use super::desk;
use super::extract::Named;
use crate::administration::{Administration, CertificateView};
use crate::body::Json;
use crate::device::Administrator;
use crate::problem::Problem;
use crate::routes::responses::{NoneSuch, Refusals};
use crate::state::Shared;

/// 200 with the certificate.
#[utoipa::path(
    get,
    path = "/admin/certificates/{serial}",
    operation_id = "show_certificate",
    params(("serial" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 200, description = "the certificate", body = inline(CertificateView),
         content_type = "application/json"),
        Refusals,
        NoneSuch,
    ),
    tag = "administration"
)]
pub(super) async fn show(
    State(app): State<Shared>,
    administrator: Administrator,
    Named(serial): Named<Serial>,
) -> Result<Json<CertificateView>, Problem> {
    let desk = desk(&app, &administrator);
    Ok(Json(desk.certificate(&serial).await?))
}
