//! The whole HTTP API on one screen.

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Response, Version, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, get, post};

use crate::problem::Problem;
use crate::routes::{admin, healthz, me, password, renew, root_crl, root_crt, verify};
use crate::state::{Remote, RequestId, Shared};
use crate::ui::ACCESS;

/// From the end of a request's header to the answer: the longest queue for passwords, and a body
/// of 64 KiB over a bad line.
const REQUEST_SECS: u64 = 30;

/// Bytes of a path and of a method in a log.
pub(crate) const MAX_LOGGED_PATH: usize = 256;
pub(crate) const MAX_LOGGED_METHOD: usize = 32;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The routes, with their limits and the access log around them.
pub fn router(app: Shared) -> Router {
    Router::new()
        .route("/verify", route(post(verify::verify)))
        .route("/renew", route(post(renew::renew)))
        .route("/password", route(post(password::password)))
        .route("/me", route(get(me::show).put(me::change)))
        .route("/root.crt", route(get(root_crt::root_crt)))
        .route("/root.crl", route(get(root_crl::root_crl)))
        .route("/healthz", route(get(healthz::healthz)))
        .merge(admin::routes())
        .fallback(|| std::future::ready(Problem::NotFound))
        .layer(from_fn(time_limit))
        .layer(from_fn(one_host))
        .layer(from_fn_with_state(app.clone(), access_log))
        .with_state(app)
}

/// A resource, which says so when it has no such method.
pub(crate) fn route(method: MethodRouter<Shared>) -> MethodRouter<Shared> {
    method.fallback(|| std::future::ready(Problem::MethodNotAllowed))
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

async fn access_log(
    State(_app): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response<axum::body::Body> {
    let began = Instant::now();
    let id = request_id();
    let remote = request.extensions().get::<Remote>().copied();
    let method = cut(request.method().as_str(), MAX_LOGGED_METHOD);
    let path = cut(request.uri().path(), MAX_LOGGED_PATH).replace('"', "%22");
    let version = request.version();
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    let remote = remote.map_or_else(
        || "-".to_owned(),
        |remote| remote.0.ip().to_canonical().to_string(),
    );
    tracing::info!(
        target: ACCESS,
        remote = %remote,
        method = %method,
        path = %path,
        version = ?version,
        status = response.status().as_u16(),
        request_id = %id,
        micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
    );
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
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
