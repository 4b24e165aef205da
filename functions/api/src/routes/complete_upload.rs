//! `POST /v1/uploads/{upload_id}/complete`: accepts the content that was put to an upload's URL. The store's own notice of
//! it does the same; this call is for the answer.

use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use http::Method;
use millrace_application::CompleteError;

use super::upload_document::accepted;
use crate::caller::Caller;
use crate::context::ApiState;
use crate::operation::{Access, Operation, Pace, Parameter};
use crate::parameters::UploadPath;
use crate::problem::{Problem, ProblemCode};
use crate::responses::AcceptedResponse;

pub(super) fn operation() -> Operation {
    Operation {
        method: Method::POST,
        path: "/v1/uploads/{upload_id}/complete",
        id: "completeUpload",
        summary: "Accept what was put to the upload's URL; repeating it gives the same answer.",
        access: Access::Tenant,
        pace: Pace::Ordinary,
        parameters: vec![Parameter::upload_id()],
        request: None,
        answers: vec![accepted()],
        problems: &[
            ProblemCode::UploadNotFound,
            ProblemCode::UploadNotReceived,
            ProblemCode::UploadExpired,
            ProblemCode::UploadMismatch,
            ProblemCode::DocumentNotFound,
            ProblemCode::OtherCollection,
            ProblemCode::DocumentDeleted,
            ProblemCode::VersionDiffers,
            ProblemCode::ModelMismatch,
            ProblemCode::ConcurrentChange,
        ],
        handler: post(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    UploadPath(name): UploadPath,
) -> Result<Response, Problem> {
    let key = caller.key(name.document_id);
    let completed = match api.complete_upload.run(&key, name.upload_id).await {
        Err(CompleteError::Unfinished { completed, error }) => {
            tracing::warn!(%error, document.id = %key.document_id, "accepted; the rest is left to the sweeper");
            *completed
        }
        completed => completed?,
    };
    Ok(AcceptedResponse::answer(&completed.accepted, completed.filename))
}
