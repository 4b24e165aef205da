//! `PUT /v1/uploads/{upload_id}/content`: the bytes of an upload by URL, where the node takes them itself. Whose they are
//! and what they must be stands in the URL, which is signed; nobody is asked for a key.

use axum::extract::{Request, State};
use axum::routing::put;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http::{HeaderMap, Method, StatusCode};
use millrace_domain::UploadName;
use millrace_ports::{UploadGrant, UploadUrlError};
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::body::{BodyOutcome, stream_of};
use crate::context::ApiState;
use crate::operation::{Access, Answer, Operation, Pace, Parameter, RequestBody};
use crate::parameters::UploadPath;
use crate::problem::{Problem, ProblemCode};

pub(super) fn operation() -> Operation {
    let text = || serde_json::json!({ "type": "string" });
    Operation {
        method: Method::PUT,
        path: "/v1/uploads/{upload_id}/content",
        id: "receiveUpload",
        summary: "Take the bytes of an upload, on a single node; use the address and headers that `startUpload` gave.",
        access: Access::Open,
        pace: Pace::Upload,
        parameters: vec![
            Parameter::upload_id(),
            Parameter::query("grant", "What the URL is good for.", text()),
            Parameter::query("signature", "That this server says so.", text()),
        ],
        request: Some(RequestBody { contents: vec![("*/*", any_bytes)] }),
        answers: vec![Answer::bare(200, "Durable; not accepted before the upload is complete.")],
        problems: &[
            ProblemCode::RouteNotFound,
            ProblemCode::UploadUrlInvalid,
            ProblemCode::UploadExpired,
            ProblemCode::UploadNotFound,
            ProblemCode::UploadMismatch,
            ProblemCode::IncompleteBody,
            ProblemCode::BodyTimedOut,
            ProblemCode::Throttled,
            ProblemCode::Unavailable,
        ],
        handler: put(handle),
    }
}

async fn handle(
    State(api): State<ApiState>,
    UploadPath(name): UploadPath,
    request: Request,
) -> Result<StatusCode, Problem> {
    let (head, body) = request.into_parts();
    let outcome = BodyOutcome::default();
    let content = stream_of(body, &outcome, api.settings.body_silence_max);
    let waits =
        head.headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let received = async {
        let receive = api.receive_upload.as_ref().ok_or_else(elsewhere)?;
        let grant = receive.receiver.verify(head.uri.query().unwrap_or_default()).map_err(refused)?;
        check(&grant, name, &head.headers)?;
        receive.run(&grant, content).await.map_err(|error| outcome.problem().unwrap_or_else(|| error.into()))
    };
    match received.await {
        Ok(()) => {
            // Of a repetition nothing was read.
            outcome.linger(waits).await;
            Ok(StatusCode::OK)
        }
        Err(problem) => {
            outcome.linger(waits).await;
            Err(problem)
        }
    }
}

/// Holds the request's head to the grant, before the body comes.
fn check(grant: &UploadGrant, name: UploadName, headers: &HeaderMap) -> Result<(), Problem> {
    let granted = UploadName { document_id: grant.key.document_id, upload_id: grant.upload_id };
    if granted != name {
        return Err(refused(UploadUrlError::Forged));
    }
    if headers.get(CONTENT_TYPE).is_none_or(|value| value.as_bytes() != grant.media_type.as_bytes()) {
        let detail = format!("the URL was signed for the header Content-Type: {}", grant.media_type);
        return Err(Problem::new(ProblemCode::UploadUrlInvalid, detail));
    }
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length != grant.size.get()) {
        let detail = format!("the URL was signed for {} bytes: start an upload of this content", grant.size);
        return Err(Problem::new(ProblemCode::UploadMismatch, detail));
    }
    Ok(())
}

fn refused(error: UploadUrlError) -> Problem {
    match error {
        UploadUrlError::Forged => Problem::new(
            ProblemCode::UploadUrlInvalid,
            "the URL is not as this server signed it: use the `url` of the upload, unchanged",
        ),
        UploadUrlError::Expired => Problem::new(
            ProblemCode::UploadExpired,
            "the URL has expired: start the upload again, with the same idempotency key to continue it",
        ),
    }
}

fn elsewhere() -> Problem {
    Problem::new(ProblemCode::RouteNotFound, "uploads go to the `url` that POST /v1/uploads gives, not here")
}

fn any_bytes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "description": "The document's bytes, exactly those announced." })
}
