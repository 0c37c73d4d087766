//! What several routes answer alike, for the description of the API.

use std::collections::BTreeMap;

use utoipa::openapi::{ContentBuilder, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, PartialSchema};

use crate::problem::ProblemDocument;

type Responses = BTreeMap<String, RefOr<Response>>;

fn problem(description: &str) -> RefOr<Response> {
    let content = ContentBuilder::new().schema(Some(ProblemDocument::schema()));
    ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content.build())
        .build()
        .into()
}

fn problems<const N: usize>(told: [(u16, &str); N]) -> Responses {
    told.map(|(status, description)| (status.to_string(), problem(description)))
        .into()
}

/// What everybody may be told who asks for what is for administrators.
pub(super) struct Refusals;

impl IntoResponses for Refusals {
    fn responses() -> Responses {
        problems([
            (
                400,
                "the path, the query or the body is not what belongs here",
            ),
            (401, "no member's certificate, or it has ended"),
            (
                403,
                "not an administrator now, or not for oneself; the type says which",
            ),
            (503, "the server cannot do it now; see Retry-After"),
        ])
    }
}

/// What is told of a body, beside that it is malformed.
pub(super) struct BodyRefusals;

impl IntoResponses for BodyRefusals {
    fn responses() -> Responses {
        problems([
            (413, "the body is over 64 KiB"),
            (415, "the body is not JSON"),
        ])
    }
}

/// The person or the certificate of the path is not there.
pub(super) struct NoneSuch;

impl IntoResponses for NoneSuch {
    fn responses() -> Responses {
        problems([(404, "there is none")])
    }
}

/// The auth server uses the certificate itself.
pub(super) struct InUse;

impl IntoResponses for InUse {
    fn responses() -> Responses {
        problems([(
            409,
            "the auth server uses this certificate until it is started anew",
        )])
    }
}

/// The order would lock all administrators out.
pub(super) struct LastOne;

impl IntoResponses for LastOne {
    fn responses() -> Responses {
        problems([(409, "no administrator who can log in would be left")])
    }
}
