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

use axum::routing::{delete, get, post, put};

use crate::administration::Local;
use crate::device::Administrator;
use crate::openapi::{Endpoint, endpoint};
use crate::state::App;

/// The endpoints.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint::<users::__path_list>(get(users::list)),
        endpoint::<user_add::__path_add>(post(user_add::add)),
        endpoint::<user_show::__path_show>(get(user_show::show)),
        endpoint::<user_remove::__path_remove>(delete(user_remove::remove)),
        endpoint::<user_password::__path_set>(put(user_password::set)),
        endpoint::<user_role::__path_set>(put(user_role::set)),
        endpoint::<user_enable::__path_enable>(post(user_enable::enable)),
        endpoint::<user_disable::__path_disable>(post(user_disable::disable)),
        endpoint::<user_unlock::__path_unlock>(post(user_unlock::unlock)),
        endpoint::<user_revoke::__path_revoke>(post(user_revoke::revoke)),
        endpoint::<certificates::__path_list>(get(certificates::list)),
        endpoint::<certificate::__path_show>(get(certificate::show)),
        endpoint::<revoke_certificate::__path_revoke>(post(revoke_certificate::revoke)),
        endpoint::<audit::__path_page>(get(audit::page)),
    ]
}

/// What the administrator can do, in his name and with a place in the server's queue of hashes.
fn desk(app: &App, administrator: &Administrator) -> Local {
    app.administration(administrator.0.actor().clone())
}
