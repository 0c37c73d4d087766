//! `GET /root.crl`: the current CRL, DER.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::state::Shared;

/// 200 with the CRL, or 304 when the client has it already.
#[utoipa::path(
    get,
    path = "/root.crl",
    params(("If-None-Match" = Option<String>, Header,
            description = "the CRL's number in quotes, as an ETag told it")),
    responses(
        (status = 200, description = "the current CRL, DER", content_type = "application/pkix-crl"),
        (status = 304, description = "the client has it already"),
    ),
    tag = "root"
)]
pub async fn root_crl(State(app): State<Shared>, headers: HeaderMap) -> Response {
    let crl = app.crl.current();
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .any(|tags| matches_tag(tags, &crl.etag));
    let etag = [
        (header::ETAG, crl.etag.clone()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    if known {
        return (StatusCode::NOT_MODIFIED, etag).into_response();
    }
    let kind = [(header::CONTENT_TYPE, "application/pkix-crl")];
    (etag, kind, crl.der.clone()).into_response()
}

/// The weak comparison of RFC 9110, 13.1.2.
fn matches_tag(tags: &HeaderValue, etag: &str) -> bool {
    tags.to_str().is_ok_and(|tags| {
        tags.split(',')
            .map(|tag| tag.trim())
            .map(|tag| tag.strip_prefix("W/").unwrap_or(tag))
            .any(|tag| tag == "*" || tag == etag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_matches_alone_in_a_list_weak_or_as_a_star() {
        let matches = |tags| matches_tag(&HeaderValue::from_static(tags), "\"7\"");
        for same in ["\"7\"", "\"6\", \"7\"", "W/\"7\"", "*"] {
            assert!(matches(same), "{same}");
        }
        for other in ["\"70\"", "7", "", "\"\""] {
            assert!(!matches(other), "{other}");
        }
    }
}
