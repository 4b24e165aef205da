//! `GET /v1/documents/{document_id}/timeline`: the document's events, in order, and the steps of its sagas. A deleted document
//! keeps its timeline: it holds no content.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use http::Method;
use millrace_domain::{DocumentError, Version};
use serde::Deserialize;
use serde_json::json;

use crate::caller::Caller;
use crate::context::ApiState;
use crate::operation::{Access, Answer, Operation, Pace, Parameter};
use crate::parameters::{DocumentPath, QueryOf};
use crate::problem::{Problem, ProblemCode};
use crate::responses::TimelineResponse;

const LIMIT_DEFAULT: usize = 100;
/// What the use case cuts a limit to.
const LIMIT_MAX: usize = 500;
/// No history comes this far, and stores count in signed numbers.
const SEQUENCE_MAX: Version = Version::new(i64::MAX as u64);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TimelineParameters {
    after: Option<Version>,
    limit: Option<usize>,
}

pub(super) fn operation() -> Operation {
    Operation {
        method: Method::GET,
        path: "/v1/documents/{document_id}/timeline",
        id: "readTimeline",
        summary: "Everything that happened to a document, and the steps of its sagas.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: vec![
            Parameter::document_id(),
            Parameter::query(
                "after",
                "Only events with a higher sequence than this.",
                json!({ "type": "integer", "minimum": 0 }),
            ),
            Parameter::limit(LIMIT_MAX),
        ],
        request: None,
        answers: vec![Answer::json::<TimelineResponse>(200, "One page.")],
        problems: &[ProblemCode::InvalidDocumentId, ProblemCode::InvalidQuery, ProblemCode::DocumentNotFound],
        handler: get(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    DocumentPath(document_id): DocumentPath,
    QueryOf(parameters): QueryOf<TimelineParameters>,
) -> Result<Json<TimelineResponse>, Problem> {
    let after = parameters.after.unwrap_or(Version::NONE).min(SEQUENCE_MAX);
    let limit = parameters.limit.unwrap_or(LIMIT_DEFAULT);
    let page = api.read_timeline.run(&caller.key(document_id), after, limit).await?;
    Ok(Json(page.ok_or(DocumentError::NotFound)?.into()))
}
