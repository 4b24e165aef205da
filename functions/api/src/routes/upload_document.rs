//! `POST /v1/documents`: accepts the first content of a new document.

use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use http::Method;
use millrace_domain::CollectionName;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::body::Intake;
use crate::caller::Caller;
use crate::context::ApiState;
use crate::operation::{Access, Answer, Operation, Pace, Parameter, RequestBody};
use crate::parameters::QueryOf;
use crate::problem::{Problem, ProblemCode};
use crate::responses::AcceptedResponse;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadQuery {
    pub(super) collection: Option<CollectionName>,
}

const PROBLEMS: &[ProblemCode] = &[
    ProblemCode::InvalidQuery,
    ProblemCode::InvalidHeader,
    ProblemCode::MalformedJson,
    ProblemCode::MalformedMultipart,
    ProblemCode::IncompleteBody,
    ProblemCode::BodyTimedOut,
    ProblemCode::ContentTooLarge,
    ProblemCode::EmptyContent,
    ProblemCode::InvalidMember,
    ProblemCode::IdempotencyInProgress,
    ProblemCode::IdempotencyKeyReused,
    ProblemCode::ModelMismatch,
    ProblemCode::ConcurrentChange,
];

pub(super) fn operation() -> Operation {
    let mut parameters = vec![collection("Where the document shall belong; `default` if nothing is said.")];
    parameters.extend(content_parameters());
    Operation {
        method: Method::POST,
        path: "/v1/documents",
        id: "uploadDocument",
        summary: "Accept a new document; after the answer it is durable and on its way.",
        access: Access::Tenant,
        pace: Pace::Upload,
        parameters,
        request: Some(content_body()),
        answers: vec![accepted()],
        problems: PROBLEMS,
        handler: post(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    QueryOf(query): QueryOf<UploadQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let intake = Intake::open(&api.settings, query.collection, request).await?;
    let collection = intake.collection.clone().unwrap_or_default();
    let filename = intake.filename.clone();
    let (upload, reception) = intake.into_upload(collection, caller.trace);
    let accepted = api.upload_document.run(caller.tenant_id, upload).await;
    Ok(AcceptedResponse::answer(&reception.finish(accepted).await?, filename))
}

/// The collection in the query.
pub(super) fn collection(about: &'static str) -> Parameter {
    let schema = serde_json::json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$" });
    Parameter::query("collection", about, schema)
}

/// The headers that describe a content.
pub(super) fn content_parameters() -> Vec<Parameter> {
    vec![
        Parameter::header("X-Filename", "The content's name, UTF-8, percent-encoded."),
        Parameter::header("X-Metadata", "Key-value pairs for filters: a JSON object, 4096 bytes, 32 keys."),
        Parameter::header("Idempotency-Key", "Repeating a request with the same key has one effect."),
    ]
}

/// A content, as itself or as a form.
pub(super) fn content_body() -> RequestBody {
    RequestBody { contents: vec![("*/*", any_bytes), ("multipart/form-data", form)] }
}

/// The answer to an accepted content.
pub(super) fn accepted() -> Answer {
    Answer::json::<AcceptedResponse>(202, "Durable and on its way.").with_headers(&[
        ("Location", "Where to follow the document."),
        ("ETag", "The document's version."),
        ("Idempotency-Replayed", "`true` if this repeats the answer to an earlier request."),
    ])
}

fn any_bytes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "description": "The document's bytes, of any supported type." })
}

fn form(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "description": "The file comes last.",
        "properties": {
            "collection": { "type": "string" },
            "metadata": { "type": "string", "description": "A JSON object." },
            "file": { "type": "string", "contentMediaType": "application/octet-stream" },
        },
        "required": ["file"],
    })
}
