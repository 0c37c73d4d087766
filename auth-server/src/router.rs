//! The whole HTTP API on one screen.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, Version, header};
use axum::middleware::{Next, from_fn};
use axum::routing::{delete, get, post, put};

use crate::metrics::metrics;
use crate::openapi::{Endpoint, document, endpoint};
use crate::problem::{Problem, Reason};
use crate::routes::{
    admin, events, healthz, me, metrics, openapi, password, peers, presence, renew, root_crl,
    root_crt, verify,
};
use crate::state::{BY_MEMBER, REQUEST, Remote, RequestId, Shared};
use crate::ui::ACCESS;

/// From the end of a request's header to the answer: the longest queue for passwords, and a body
/// of 64 KiB over a bad line.
const REQUEST_SECS: u64 = 30;

/// Bytes of a path and of a method in a log.
pub(crate) const MAX_LOGGED_PATH: usize = 256;
pub(crate) const MAX_LOGGED_METHOD: usize = 32;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Every endpoint, one a line: what the router serves and `/openapi.json` describes.
fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = vec![
        endpoint::<verify::__path_verify>(post(verify::verify)),
        endpoint::<renew::__path_renew>(post(renew::renew)),
        endpoint::<password::__path_password>(post(password::password)),
        endpoint::<me::__path_show>(get(me::show)),
        endpoint::<me::__path_change>(put(me::change)),
        // A stream is for who reads it: HEAD, which `get` answers too, has none.
        endpoint::<events::__path_events>(get(events::events).head(no_stream)),
        endpoint::<presence::__path_announce>(put(presence::announce)),
        endpoint::<presence::__path_withdraw>(delete(presence::withdraw)),
        endpoint::<peers::__path_peers>(get(peers::peers)),
        endpoint::<root_crt::__path_root_crt>(get(root_crt::root_crt)),
        endpoint::<root_crl::__path_root_crl>(get(root_crl::root_crl)),
        endpoint::<healthz::__path_healthz>(get(healthz::healthz)),
        endpoint::<metrics::__path_metrics>(get(metrics::metrics)),
        endpoint::<openapi::__path_openapi>(get(openapi::openapi)),
    ];
    endpoints.extend(admin::endpoints());
    endpoints
}

/// The API in OpenAPI.
pub static DESCRIPTION: LazyLock<String> =
    LazyLock::new(|| document(&endpoints()).expect("the document holds texts and numbers alone"));

/// The routes, with their limits and the access log around them.
pub fn router(app: Shared) -> Router {
    serving(endpoints(), app)
}

/// What the plain listener of this machine serves: nothing that somebody could log in with.
pub fn local_router(app: Shared) -> Router {
    let local = vec![
        endpoint::<healthz::__path_healthz>(get(healthz::healthz)),
        endpoint::<metrics::__path_metrics>(get(metrics::metrics)),
    ];
    serving(local, app).layer(from_fn(local_host))
}

fn serving(endpoints: Vec<Endpoint>, app: Shared) -> Router {
    let routes = endpoints
        .into_iter()
        .map(Endpoint::into_route)
        .fold(Router::new(), |routes, (path, handler)| {
            routes.route(&path, handler)
        });
    routes
        .fallback(|| std::future::ready(Problem::NotFound))
        .method_not_allowed_fallback(|| std::future::ready(Problem::MethodNotAllowed))
        .layer(from_fn(time_limit))
        .layer(from_fn(one_host))
        .layer(from_fn(access_log))
        .with_state(app)
}

async fn no_stream() -> Problem {
    Problem::MethodNotAllowed
}

/// A web page elsewhere can make a browser on this machine ask under a name of its own; it cannot
/// make it say that the host is this machine.
async fn local_host(request: Request, next: Next) -> Response<axum::body::Body> {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let is_local = match host.parse::<SocketAddr>() {
        Ok(address) => address.ip().is_loopback(),
        Err(_) => {
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
    };
    if !is_local {
        return Problem::Host.response();
    }
    next.run(request).await
}

/// RFC 9112, 3.2: who speaks HTTP/1.1 names one host.
async fn one_host(request: Request, next: Next) -> Response<axum::body::Body> {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
        return Problem::Host.response();
    }
    next.run(request).await
}

async fn time_limit(request: Request, next: Next) -> Response<axum::body::Body> {
    tokio::time::timeout(Duration::from_secs(REQUEST_SECS), next.run(request))
        .await
        .unwrap_or_else(|_| Problem::Timeout.response())
}

async fn access_log(mut request: Request, next: Next) -> Response<axum::body::Body> {
    let began = Instant::now();
    let id = RequestId(request_id());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let entry = AccessEntry::of(&request);
    request.extensions_mut().insert(id.clone());
    let answered = async {
        let response = next.run(request).await;
        entry.write(response.status(), began.elapsed());
        response
    };
    let answered = BY_MEMBER.scope(Cell::new(false), answered);
    let mut response = REQUEST.scope(id.clone(), answered).await;
    let route = route.as_ref().map(MatchedPath::as_str);
    let status = response.status().as_u16();
    metrics().request(route, &entry.method, status, began.elapsed());
    if let Some(Reason(reason)) = response.extensions_mut().remove() {
        metrics().refused(route, reason);
    }
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// What the log tells of a request.
struct AccessEntry {
    remote: String,
    method: String,
    path: String,
    version: Version,
}

impl AccessEntry {
    fn of(request: &Request) -> Self {
        let remote = request.extensions().get::<Remote>();
        Self {
            remote: remote.map_or_else(
                || "-".to_owned(),
                |remote| remote.0.ip().to_canonical().to_string(),
            ),
            method: cut(request.method().as_str(), MAX_LOGGED_METHOD),
            path: cut(request.uri().path(), MAX_LOGGED_PATH).replace('"', "%22"),
            version: request.version(),
        }
    }

    /// As a line of the request at hand.
    fn write(&self, status: StatusCode, took: Duration) {
        tracing::info!(
            target: ACCESS,
            remote = %self.remote,
            method = %self.method,
            path = %self.path,
            version = ?self.version,
            status = status.as_u16(),
            micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        );
    }
}

/// The first so many bytes of a text, and a sign that there was more.
pub(crate) fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = (0..=max).rev().find(|at| text.is_char_boundary(*at));
    format!("{}...", &text[..end.unwrap_or(0)])
}

/// Sixteen random hexadecimal digits.
fn request_id() -> String {
    let mut bytes = [0; 8];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Err(_) => "0".repeat(16),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_logged_is_cut_between_characters() {
        assert_eq!(cut("/root.crt", MAX_LOGGED_PATH), "/root.crt");
        assert_eq!(cut("abcd", 4), "abcd");
        assert_eq!(cut("abcde", 4), "abcd...");
        assert_eq!(cut("abc\u{f6}", 4), "abc...");
    }
}
