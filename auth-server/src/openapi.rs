//! The description of the API (OpenAPI 3.1), made of the same table as the router.

use axum::routing::MethodRouter;
use utoipa::Path;
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApiBuilder, PathItem, PathsBuilder};

use crate::state::Shared;

/// One method of one path: its handler and its description.
pub struct Endpoint {
    path: String,
    methods: Vec<HttpMethod>,
    operation: Operation,
    handler: MethodRouter<Shared>,
}

/// The endpoint that `P` describes and `handler` serves.
pub fn endpoint<P: Path>(handler: MethodRouter<Shared>) -> Endpoint {
    Endpoint {
        path: P::path(),
        methods: P::methods(),
        operation: P::operation(),
        handler,
    }
}

impl Endpoint {
    /// The path's template and what serves it.
    pub fn into_route(self) -> (String, MethodRouter<Shared>) {
        (self.path, self.handler)
    }
}

/// The document that describes the endpoints, JSON.
///
/// # Errors
/// When it has no form in JSON, which does not happen.
pub fn document(endpoints: &[Endpoint]) -> Result<String, serde_json::Error> {
    let paths = endpoints.iter().fold(PathsBuilder::new(), |paths, one| {
        let item = PathItem::from_http_methods(one.methods.clone(), one.operation.clone());
        paths.path(one.path.clone(), item)
    });
    let info = InfoBuilder::new()
        .title("orgshare auth server")
        .description(Some(
            "Logins and certificates of an organisation. HTTPS with TLS 1.3 only; the root \
             certificate is the one to believe. Who needs a certificate shows a member's in the \
             TLS handshake.",
        ))
        .version(env!("CARGO_PKG_VERSION"))
        .license(Some(
            LicenseBuilder::new()
                .name("MIT OR Apache-2.0")
                .identifier(Some("MIT OR Apache-2.0"))
                .build(),
        ));
    OpenApiBuilder::new()
        .info(info)
        .paths(paths)
        .build()
        .to_json()
}
