//! `POST /v1/collections/{collection}/re-embedding`: moves a collection to another model. Searches use the old one until all
//! of it is there under the new.

use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use http::{Method, StatusCode};
use millrace_application::ReembedRequest;
use millrace_domain::ModelId;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;

use crate::caller::Caller;
use crate::context::ApiState;
use crate::operation::{Access, Answer, Operation, Pace, Parameter, RequestBody};
use crate::parameters::{CollectionPath, JsonOrNothing};
use crate::problem::{Problem, ProblemCode};
use crate::responses::CollectionResponse;

/// Under which model.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reembed {
    /// One that an embedder of this server has; without it, that of new collections.
    #[serde(default)]
    model: Option<ModelId>,
}

pub(super) fn operation() -> Operation {
    Operation {
        method: Method::POST,
        path: "/v1/collections/{collection}/re-embedding",
        id: "startReembedding",
        summary: "Re-embed a collection under another model.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: vec![Parameter::collection()],
        request: Some(RequestBody {
            contents: vec![("application/json", SchemaGenerator::subschema_for::<Reembed>)],
        }),
        answers: vec![Answer::json::<CollectionResponse>(202, "Begun; the collection tells how far it is.")],
        problems: &[
            ProblemCode::MalformedJson,
            ProblemCode::IncompleteBody,
            ProblemCode::ContentTooLarge,
            ProblemCode::UnsupportedContentType,
            ProblemCode::InvalidMember,
            ProblemCode::CollectionNotFound,
            ProblemCode::ReembeddingInProgress,
            ProblemCode::ConcurrentChange,
        ],
        handler: post(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    CollectionPath(collection): CollectionPath,
    JsonOrNothing(reembed): JsonOrNothing<Reembed>,
) -> Result<Response, Problem> {
    let Caller { tenant_id, trace } = caller;
    let request = ReembedRequest { tenant_id, collection, model: reembed.model, trace };
    let state = api.start_reembedding.run(request).await?;
    Ok(CollectionResponse::answer(StatusCode::ACCEPTED, state))
}
