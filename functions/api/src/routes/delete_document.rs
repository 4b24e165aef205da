//! `DELETE /v1/documents/{document_id}`: sets the tombstone. Repeating it is harmless; once the purge is verified the answer
//! is 410 with the receipt.

use axum::extract::State;
use axum::response::Response;
use axum::routing::delete;
use http::{HeaderMap, Method, StatusCode};
use millrace_domain::{DocumentError, Status};

use crate::caller::Caller;
use crate::conditional::IfMatch;
use crate::context::ApiState;
use crate::operation::{Access, Answer, Operation, Pace, Parameter};
use crate::parameters::DocumentPath;
use crate::problem::{Problem, ProblemCode, gone, refusal};
use crate::responses::DocumentResponse;

pub(super) fn operation() -> Operation {
    Operation {
        method: Method::DELETE,
        path: "/v1/documents/{document_id}",
        id: "deleteDocument",
        summary: "Delete a document; from the answer on no query returns it.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: vec![
            Parameter::document_id(),
            Parameter::header("If-Match", "The entity tag of the version that may be deleted."),
        ],
        request: None,
        answers: vec![Answer::json::<DocumentResponse>(202, "The tombstone is set, the purge under way.")],
        problems: &[
            ProblemCode::InvalidDocumentId,
            ProblemCode::InvalidHeader,
            ProblemCode::DocumentNotFound,
            ProblemCode::DocumentDeleted,
            ProblemCode::VersionDiffers,
            ProblemCode::ConcurrentChange,
        ],
        handler: delete(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    DocumentPath(document_id): DocumentPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = caller.key(document_id);
    let condition = IfMatch::of(&headers)?;
    let if_version = if condition == IfMatch::Anything {
        None
    } else {
        let current = api.get_document.run(&key).await?.ok_or(DocumentError::NotFound)?;
        // What the condition protects is gone already; the repetition gets the answer of the first.
        if current.status.is_gone() { None } else { condition.require(current.version)? }
    };
    match api.delete_document.run(&key, if_version, &caller.trace).await {
        Ok(document) if document.status == Status::Deleted => Err(gone(&document)),
        Ok(document) => Ok(DocumentResponse::answer(StatusCode::ACCEPTED, document_id, document)),
        Err(error) => Err(refusal(&api, &key, error).await),
    }
}
