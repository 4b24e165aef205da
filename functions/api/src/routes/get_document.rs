//! `GET /v1/documents/{document_id}`: where a document stands. One that is being deleted answers with that state; one that
//! is deleted is gone, with the receipt.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::ETAG;
use http::{HeaderMap, Method, StatusCode};
use millrace_domain::{DocumentError, Status};

use crate::caller::Caller;
use crate::conditional::{is_unmodified, version_etag};
use crate::context::ApiState;
use crate::operation::{Access, Answer, Operation, Pace, Parameter};
use crate::parameters::DocumentPath;
use crate::problem::{Problem, ProblemCode, gone};
use crate::responses::DocumentResponse;

pub(super) fn operation() -> Operation {
    Operation {
        method: Method::GET,
        path: "/v1/documents/{document_id}",
        id: "getDocument",
        summary: "Where a document stands; sees everything that was acknowledged.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: vec![
            Parameter::document_id(),
            Parameter::header("If-None-Match", "An entity tag; if it is the current one, the answer is 304."),
        ],
        request: None,
        answers: vec![
            Answer::json::<DocumentResponse>(200, "The document.").with_headers(&[("ETag", "Its version.")]),
            Answer::bare(304, "The document is as the client has it."),
        ],
        problems: &[
            ProblemCode::InvalidDocumentId,
            ProblemCode::InvalidHeader,
            ProblemCode::DocumentNotFound,
            ProblemCode::DocumentDeleted,
        ],
        handler: get(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    DocumentPath(document_id): DocumentPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let document = api.get_document.run(&caller.key(document_id)).await?.ok_or(DocumentError::NotFound)?;
    if document.status == Status::Deleted {
        return Err(gone(&document));
    }
    let etag = version_etag(document.version);
    if is_unmodified(&headers, &etag)? {
        return Ok((StatusCode::NOT_MODIFIED, [(ETAG, etag)]).into_response());
    }
    Ok(DocumentResponse::answer(StatusCode::OK, document_id, document))
}
