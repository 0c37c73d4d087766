//! `/admin`: what an administrator does from his own device. Each route demands an
//! [`Administrator`]; there is none that does not.

mod audit;
mod certificate;
mod certificates;
mod extract;
mod failed;
mod revoke_certificate;
mod user_add;
mod user_disable;
mod user_enable;
mod user_password;
mod user_remove;
mod user_revoke;
mod user_role;
mod user_show;
mod user_unlock;
mod users;

use axum::Router;
use axum::routing::{get, post, put};

use crate::administration::Local;
use crate::device::Administrator;
use crate::state::{App, Shared};

/// The routes.
pub fn routes() -> Router<Shared> {
    let user = get(user_show::show).delete(user_remove::remove);
    Router::new()
        .route("/admin/users", get(users::list).post(user_add::add))
        .route("/admin/users/{alias}", user)
        .route("/admin/users/{alias}/password", put(user_password::set))
        .route("/admin/users/{alias}/role", put(user_role::set))
        .route("/admin/users/{alias}/enable", post(user_enable::enable))
        .route("/admin/users/{alias}/disable", post(user_disable::disable))
        .route("/admin/users/{alias}/unlock", post(user_unlock::unlock))
        .route("/admin/users/{alias}/revoke", post(user_revoke::revoke))
        .route("/admin/certificates", get(certificates::list))
        .route("/admin/certificates/{serial}", get(certificate::show))
        .route(
            "/admin/certificates/{serial}/revoke",
            post(revoke_certificate::revoke),
        )
        .route("/admin/audit", get(audit::page))
}

/// What the administrator can do, in his name and with a place in the server's queue of hashes.
fn desk(app: &App, administrator: &Administrator) -> Local {
    app.administration(administrator.0.actor().clone())
}
