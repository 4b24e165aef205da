//! `PUT /v1/documents/{document_id}`: accepts another content as the document's next generation.

use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::put;
use http::Method;
use millrace_domain::{Document, DocumentError};

use super::upload_document::{UploadQuery, accepted, collection, content_body, content_parameters};
use crate::body::Intake;
use crate::caller::Caller;
use crate::conditional::IfMatch;
use crate::context::ApiState;
use crate::operation::{Access, Operation, Pace, Parameter};
use crate::parameters::{DocumentPath, QueryOf};
use crate::problem::{Problem, ProblemCode, gone};
use crate::responses::AcceptedResponse;

pub(super) fn operation() -> Operation {
    let mut parameters = vec![
        Parameter::document_id(),
        collection("Where the document belongs; it cannot move."),
        Parameter::header("If-Match", "The entity tag of the version that may be replaced."),
    ];
    parameters.extend(content_parameters());
    Operation {
        method: Method::PUT,
        path: "/v1/documents/{document_id}",
        id: "replaceDocument",
        summary: "Accept another content; the earlier one stays searchable until the new one is complete.",
        access: Access::Tenant,
        pace: Pace::Upload,
        parameters,
        request: Some(content_body()),
        answers: vec![accepted()],
        problems: &[
            ProblemCode::InvalidDocumentId,
            ProblemCode::InvalidQuery,
            ProblemCode::InvalidHeader,
            ProblemCode::MalformedJson,
            ProblemCode::MalformedMultipart,
            ProblemCode::IncompleteBody,
            ProblemCode::BodyTimedOut,
            ProblemCode::DocumentNotFound,
            ProblemCode::OtherCollection,
            ProblemCode::DocumentDeleted,
            ProblemCode::VersionDiffers,
            ProblemCode::ContentTooLarge,
            ProblemCode::EmptyContent,
            ProblemCode::InvalidMember,
            ProblemCode::IdempotencyInProgress,
            ProblemCode::IdempotencyKeyReused,
            ProblemCode::ModelMismatch,
            ProblemCode::ConcurrentChange,
        ],
        handler: put(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    caller: Caller,
    DocumentPath(document_id): DocumentPath,
    QueryOf(query): QueryOf<UploadQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let condition = IfMatch::of(request.headers())?;
    let key = caller.key(document_id);
    let intake = Intake::open(&api.settings, query.collection, request).await?;
    let document = match api.get_document.run(&key).await {
        Ok(Some(document)) => document,
        Ok(None) => return Err(intake.refuse(DocumentError::NotFound.into()).await),
        Err(error) => return Err(intake.refuse(error.into()).await),
    };
    if let Err(problem) = admit(&intake, &condition, &document) {
        return Err(intake.refuse(problem).await);
    }
    let filename = intake.filename.clone();
    let (upload, reception) = intake.into_upload(document.collection, caller.trace);
    let accepted = api.replace_document.run(key, condition.expect(document.version), upload).await;
    Ok(AcceptedResponse::answer(&reception.finish(accepted).await?, filename))
}

/// What can be refused before the content is stored. A request under an idempotency key may repeat one that was carried
/// out, and is owed the first answer whatever became of the document since; the use case decides about it.
fn admit(intake: &Intake, condition: &IfMatch, document: &Document) -> Result<(), Problem> {
    if intake.collection.as_ref().is_some_and(|collection| *collection != document.collection) {
        return Err(DocumentError::OtherCollection { actual: document.collection.clone() }.into());
    }
    if intake.idempotency_key.is_some() {
        return Ok(());
    }
    if document.status.is_gone() {
        return Err(gone(document));
    }
    condition.require(document.version).map(drop)
}
