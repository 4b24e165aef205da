//! A tenant's collections, and the steps of their moves to another model.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use millrace_application::{CollectionList, CollectionState};
use millrace_domain::{
    CollectionName, CorrelationId, DocumentId, ErrorCode, ModelId, Reembedding, ReembeddingStatus,
    ReembeddingStep, ReembeddingStepName, ReembeddingStepOutcome, Timestamp,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::paging;

/// One page of collections, in the order of their names.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CollectionPage")]
pub(crate) struct CollectionsResponse {
    collections: Vec<CollectionResponse>,
    /// To be passed as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

/// A collection.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Collection")]
pub(crate) struct CollectionResponse {
    collection: CollectionName,
    /// The model that searches use.
    model: ModelId,
    /// Length of its vectors.
    dimensions: u16,
    /// When it was first used.
    created_at: Timestamp,
    /// Documents that are not deleted; a moment behind what is accepted.
    documents: u64,
    /// The move to another model that is under way.
    reembedding: Option<ReembeddingResponse>,
    /// The last one that ended.
    last_reembedding: Option<ReembeddingResponse>,
}

/// A move of a collection to another model: built beside, verified, switched, the old dropped. Given up or aborted before the
/// switch, what was built is dropped instead.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Reembedding")]
pub(crate) struct ReembeddingResponse {
    status: ReembeddingStatus,
    /// The current step; null once it has ended.
    step: Option<ReembeddingStepName>,
    from_model: ModelId,
    from_dimensions: u16,
    model: ModelId,
    dimensions: u16,
    correlation_id: CorrelationId,
    started_at: Timestamp,
    /// Null while it is under way.
    ended_at: Option<Timestamp>,
    /// Null while it is under way.
    duration_ms: Option<u64>,
    /// Documents that the current step is done with.
    documents_done: u64,
    /// Documents that there were when the current step began.
    documents_total: u64,
    /// Why it was given up. While it is `running`: what holds it up after the switch, when it can no longer be given up; it goes
    /// on by itself once that is mended, or the document deleted.
    error_code: Option<ErrorCode>,
    /// The same for a person.
    reason: Option<String>,
    /// The document at which that was noticed.
    document_id: Option<DocumentId>,
    /// In the order in which they began.
    steps: Vec<ReembeddingStepResponse>,
}

/// One step.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ReembeddingStep")]
pub(crate) struct ReembeddingStepResponse {
    step: ReembeddingStepName,
    /// Whether it takes back what was built.
    compensates: bool,
    started_at: Timestamp,
    /// Null while it runs.
    ended_at: Option<Timestamp>,
    /// Null while it runs.
    duration_ms: Option<u64>,
    /// 1, and one more for each time that something had to be sent again.
    attempts: u32,
    /// Null while it runs.
    outcome: Option<ReembeddingStepOutcome>,
}

impl CollectionResponse {
    /// The collection as an answer with this status.
    pub(crate) fn answer(status: StatusCode, state: CollectionState) -> Response {
        (status, Json(Self::from(state))).into_response()
    }
}

impl From<CollectionList> for CollectionsResponse {
    fn from(list: CollectionList) -> Self {
        Self {
            collections: list.collections.into_iter().map(CollectionResponse::from).collect(),
            next_cursor: list.next.as_ref().map(paging::after_collection),
        }
    }
}

impl From<CollectionState> for CollectionResponse {
    fn from(CollectionState { collection, documents }: CollectionState) -> Self {
        Self {
            collection: collection.name,
            model: collection.model,
            dimensions: collection.dimensions,
            created_at: collection.created_at,
            documents,
            reembedding: collection.reembedding.map(ReembeddingResponse::from),
            last_reembedding: collection.last_reembedding.map(ReembeddingResponse::from),
        }
    }
}

impl From<Reembedding> for ReembeddingResponse {
    fn from(saga: Reembedding) -> Self {
        let (error_code, reason, document_id) = match saga.failure.as_ref().or(saga.held_up_by.as_ref()) {
            Some(failure) => (Some(failure.error_code), Some(failure.reason.clone()), failure.document_id),
            None => (None, None, None),
        };
        Self {
            status: saga.status(),
            step: saga.step_name().filter(|_| saga.ended_at.is_none()),
            from_model: saga.from.model,
            from_dimensions: saga.from.dimensions,
            model: saga.to.model,
            dimensions: saga.to.dimensions,
            correlation_id: saga.trace.correlation_id,
            started_at: saga.started_at,
            ended_at: saga.ended_at,
            duration_ms: saga.ended_at.map(|ended_at| ended_at.millis_since(saga.started_at)),
            documents_done: saga.documents_done,
            documents_total: saga.documents_total,
            error_code,
            reason,
            document_id,
            steps: saga.steps.into_iter().map(ReembeddingStepResponse::from).collect(),
        }
    }
}

impl From<ReembeddingStep> for ReembeddingStepResponse {
    fn from(step: ReembeddingStep) -> Self {
        Self {
            step: step.step,
            compensates: step.step.compensates(),
            started_at: step.started_at,
            ended_at: step.ended_at,
            duration_ms: step.ended_at.map(|ended_at| ended_at.millis_since(step.started_at)),
            attempts: step.attempts,
            outcome: step.outcome,
        }
    }
}
