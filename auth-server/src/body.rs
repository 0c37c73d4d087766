//! Bodies of requests: JSON of bounded length, and what was read is wiped.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::problem::Problem;

/// Bytes of a body: a request of 8 KiB and a password of 1 KiB, escaped in JSON, many times over.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Reads a body that must be JSON of the form of `T`.
///
/// # Errors
/// When it is something else, or too long.
pub async fn json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Problem> {
    if !is_json(headers) {
        return Err(Problem::NotJson);
    }
    let bytes = bytes(body).await?;
    serde_json::from_slice(&bytes).map_err(|_| Problem::Malformed)
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

async fn bytes(mut body: Body) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BODY_BYTES));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::Malformed)?;
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > MAX_BODY_BYTES {
                return Err(Problem::TooLarge);
            }
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}
