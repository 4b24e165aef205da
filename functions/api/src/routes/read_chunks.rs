//! `GET /v1/documents/{document_id}/chunks`: what the current content was split into, page by page.

use axum::Json;
use axum::extract::State;
use axum::routing::get;
use http::Method;
use millrace_domain::DocumentError;
use serde::Deserialize;

use crate::caller::Caller;
use crate::context::ApiState;
use crate::operation::{Access, Answer, Operation, Pace, Parameter};
use crate::paging;
use crate::parameters::{DocumentPath, QueryOf};
use crate::problem::{Problem, ProblemCode, gone};
use crate::responses::ChunksResponse;

const LIMIT_DEFAULT: u32 = 50;
/// What the use case cuts a limit to.
const LIMIT_MAX: usize = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChunkParameters {
    cursor: Option<String>,
    limit: Option<u32>,
}

pub(super) fn operation() -> Operation {
    Operation {
        method: Method::GET,
        path: "/v1/documents/{document_id}/chunks",
        id: "readChunks",
        summary: "The chunks of the current content, in order; none as long as it is not chunked.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: vec![Parameter::document_id(), Parameter::limit(LIMIT_MAX), Parameter::cursor()],
        request: None,
        answers: vec![Answer::json::<ChunksResponse>(200, "One page.")],
        problems: &[
            ProblemCode::InvalidDocumentId,
            ProblemCode::InvalidQuery,
            ProblemCode::InvalidCursor,
            ProblemCode::DocumentNotFound,
            ProblemCode::CursorOutdated,
            ProblemCode::DocumentDeleted,
        ],
        handler: get(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    DocumentPath(document_id): DocumentPath,
    QueryOf(parameters): QueryOf<ChunkParameters>,
) -> Result<Json<ChunksResponse>, Problem> {
    let cursor = parameters.cursor.as_deref().map(paging::chunk_of).transpose()?;
    let first = cursor.map_or(0, |(_, index)| index);
    let limit = parameters.limit.unwrap_or(LIMIT_DEFAULT);
    let read = api.read_chunks.run(&caller.key(document_id), first, limit).await?;
    let (document, page) = read.ok_or(DocumentError::NotFound)?;
    if document.status.is_gone() {
        return Err(gone(&document));
    }
    if cursor.is_some_and(|(generation, _)| generation != page.generation) {
        let detail =
            "the pages before were of an earlier content of this document: begin again without a cursor";
        return Err(Problem::new(ProblemCode::CursorOutdated, detail));
    }
    Ok(Json(page.into()))
}
