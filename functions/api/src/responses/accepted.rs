//! The answer to an accepted content.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{ETAG, LOCATION};
use http::{HeaderName, HeaderValue, StatusCode};
use millrace_application::Accepted;
use millrace_domain::{CorrelationId, DocumentId, Generation, JobId, Stage};
use schemars::JsonSchema;
use serde::Serialize;

use super::document::status_schema;
use crate::conditional::version_etag;

pub(super) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A content that is durable and on its way.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Accepted")]
pub(crate) struct AcceptedResponse {
    /// Names the document; where to follow it stands in `Location`.
    document_id: DocumentId,
    /// The job that ingests this content.
    job_id: JobId,
    /// Where the document stood when it was accepted.
    #[schemars(schema_with = "status_schema")]
    status: &'static str,
    /// What came next then.
    stage: Stage,
    /// Which content of the document this is, from 1.
    generation: Generation,
    /// Links everything that the upload set in motion.
    correlation_id: CorrelationId,
    /// The name under which the content is kept.
    filename: String,
}

impl AcceptedResponse {
    /// The whole answer.
    pub(crate) fn answer(accepted: &Accepted, filename: String) -> Response {
        let location = format!("/v1/documents/{}", accepted.key.document_id);
        let body = Self {
            document_id: accepted.key.document_id,
            job_id: accepted.job_id,
            status: accepted.status.as_str(),
            stage: accepted.stage,
            generation: accepted.generation,
            correlation_id: accepted.trace.correlation_id,
            filename,
        };
        let mut response = (StatusCode::ACCEPTED, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(LOCATION, HeaderValue::try_from(location).expect("a path and a UUID are ASCII"));
        headers.insert(ETAG, version_etag(accepted.version));
        if accepted.replayed {
            headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
