//! `POST /v1/documents/{document_id}/retry`: tries a failed or cancelled content again. On a document that
//! is being processed it changes nothing.

use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use http::{Method, StatusCode};

use crate::caller::Caller;
use crate::context::ApiState;
use crate::operation::{Access, Answer, Operation, Pace, Parameter};
use crate::parameters::DocumentPath;
use crate::problem::{Problem, ProblemCode, refusal};
use crate::responses::DocumentResponse;

pub(super) fn operation() -> Operation {
    Operation {
        method: Method::POST,
        path: "/v1/documents/{document_id}/retry",
        id: "retryIngestion",
        summary: "Try a failed or cancelled content again, from the last step that is still good.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: vec![Parameter::document_id()],
        request: None,
        answers: vec![Answer::json::<DocumentResponse>(202, "On its way again.")],
        problems: &[
            ProblemCode::InvalidDocumentId,
            ProblemCode::DocumentNotFound,
            ProblemCode::DocumentDeleted,
            ProblemCode::NotPossible,
            ProblemCode::NotYetPossible,
            ProblemCode::ConcurrentChange,
        ],
        handler: post(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    DocumentPath(document_id): DocumentPath,
) -> Result<Response, Problem> {
    let key = caller.key(document_id);
    match api.retry_ingestion.run(&key, &caller.trace).await {
        Ok(document) => Ok(DocumentResponse::answer(StatusCode::ACCEPTED, document_id, document)),
        Err(error) => Err(refusal(&api, &key, error).await),
    }
}
