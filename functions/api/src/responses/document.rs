//! A document as clients see it.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::ETAG;
use millrace_domain::{
    ByteSize, CollectionName, ContentHash, Document, DocumentId, ErrorCode, Failure, Generation, JobId,
    SearchableBy, Stage, Status, Timestamp, Version,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::conditional::version_etag;

/// A document as it is now.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Document")]
pub(crate) struct DocumentResponse {
    document_id: DocumentId,
    /// The job of the current content.
    job_id: JobId,
    collection: CollectionName,
    filename: String,
    /// Found by content, once extracted.
    media_type: Option<String>,
    /// As the client declared it.
    declared_media_type: Option<String>,
    /// Stated in the content, once extracted.
    title: Option<String>,
    #[schemars(schema_with = "status_schema")]
    status: &'static str,
    /// What is to be done next for the current content.
    stage: Stage,
    /// Which content is the current one, from 1.
    generation: Generation,
    /// How many events the document has; its entity tag.
    version: Version,
    /// By what it can be found now, through the current or an earlier content.
    #[schemars(schema_with = "searchable_by_schema")]
    searchable_by: &'static [SearchableBy],
    /// Which content can be found now.
    published_generation: Option<Generation>,
    progress: Progress,
    /// Why the current content failed.
    error: Option<IngestionError>,
    /// Retries of the current content.
    retries: u32,
    size_bytes: ByteSize,
    sha256: ContentHash,
    /// The client's own key-value pairs.
    metadata: Map<String, Value>,
    /// A classifier's verdict.
    label: Option<String>,
    /// First upload.
    created_at: Timestamp,
    /// Upload or last retry of the current content.
    started_at: Timestamp,
    /// Last event.
    updated_at: Timestamp,
}

/// How far the current content is; absent numbers are not known yet.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Progress {
    /// Pages, sheets, slides or chapters; 0 for formats without.
    pages_total: Option<u32>,
    /// Chunks that have their vectors.
    chunks_embedded: u32,
    /// Chunks there are.
    chunks_total: Option<u32>,
}

/// Why a content failed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct IngestionError {
    /// Where.
    stage: Stage,
    /// Why, for programs.
    code: ErrorCode,
    /// Why, for a person.
    reason: String,
    /// Attempts made at the step that failed.
    attempts: u32,
    /// Whether a retry of the same content can succeed.
    retryable: bool,
}

impl DocumentResponse {
    /// The document as clients see it.
    pub(crate) fn of(document_id: DocumentId, document: Document) -> Self {
        let searchable_by = document.searchable_by();
        Self {
            document_id,
            job_id: document.job_id,
            collection: document.collection,
            filename: document.filename,
            media_type: document.media_type,
            declared_media_type: document.declared_media_type,
            title: document.title,
            status: document.status.as_str(),
            stage: document.stage,
            generation: document.generation,
            version: document.version,
            searchable_by,
            published_generation: document.published.map(|published| published.generation),
            progress: Progress {
                pages_total: document.pages,
                chunks_embedded: document.embedded_chunks,
                chunks_total: document.plan.map(|plan| plan.chunks),
            },
            error: document.failure.map(IngestionError::of),
            retries: document.retries,
            size_bytes: document.size_bytes,
            sha256: document.sha256,
            metadata: document.metadata,
            label: document.classification.map(|classification| classification.label),
            created_at: document.created_at,
            started_at: document.started_at,
            updated_at: document.updated_at,
        }
    }

    /// The whole answer, with the version as its entity tag.
    pub(crate) fn answer(status: StatusCode, document_id: DocumentId, document: Document) -> Response {
        let etag = version_etag(document.version);
        let mut response = (status, Json(Self::of(document_id, document))).into_response();
        response.headers_mut().insert(ETAG, etag);
        response
    }
}

impl IngestionError {
    fn of(failure: Failure) -> Self {
        Self {
            stage: failure.stage,
            code: failure.error_code,
            reason: failure.reason,
            attempts: failure.attempts,
            retryable: failure.error_code.is_retryable(),
        }
    }
}

/// The names of the states.
pub(crate) fn status_schema(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
    json_schema!({ "type": "string", "enum": names, "description": "Where the document stands." })
}

fn searchable_by_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "enum": ["words", "meaning"] } })
}
