//! One step of a saga as people read it: what was done, when, how often it was tried and what came of it.
//! Nothing is stored in this shape; `SagaHistory` derives it from the events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ErrorCode, Generation, Timestamp};

/// Which saga a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Saga {
    /// From an upload to a generation that is found by meaning.
    Ingestion,
    /// From the tombstone to the receipt.
    Deletion,
    /// Removes what an ingestion left behind that stopped or was replaced.
    Compensation,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SagaStepName {
    /// Ingestion: the content is stored durably and accepted.
    Upload,
    /// Ingestion: waits for its worker and extracts the text.
    Extract,
    /// Ingestion: splits the text and indexes it by words.
    Chunk,
    /// Ingestion: makes the vectors, batch by batch.
    Embed,
    /// Ingestion: the generation is published whole.
    Complete,
    /// Deletion: the document is hidden from every query.
    Tombstone,
    /// Deletion: removes words, vectors and cached vectors.
    PurgeIndex,
    /// Deletion: removes the contents.
    PurgeContent,
    /// Deletion: reads back that nothing is left, and writes the receipt.
    Verify,
    /// Compensation: removes one generation from the index and, if it was superseded, its content.
    PurgeGeneration,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SagaStepOutcome {
    /// Not ended: it waits, is worked on, or waits for another attempt.
    Running,
    /// Ended well.
    Done,
    /// Given up; the error code says why.
    Failed,
    /// Stopped by a cancellation or a deletion.
    Cancelled,
    /// Done, and later undone by a compensation, since its ingestion did not end well.
    Compensated,
    /// Ended by what took its place: a later generation, or for a compensation the deletion of the whole.
    Superseded,
}

/// What made a compensation necessary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CompensationCause {
    /// The generation failed.
    Failure,
    /// The generation was cancelled.
    Cancellation,
    /// A later generation took its place.
    Supersession,
}

/// Numbers that belong to a step; only those that it has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SagaStepDetails {
    /// Pages of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<u32>,
    /// Chunks that were made, that have their vectors, or that were removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunks: Option<u64>,
    /// Batches that have their vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches_done: Option<u32>,
    /// Batches there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches_total: Option<u32>,
    /// Vectors that were removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<u64>,
    /// Cached vectors that were taken, or that were removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_vectors: Option<u64>,
    /// Blobs that were removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blobs: Option<u64>,
    /// Bytes that were uploaded, extracted, or removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// One step of a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SagaStep {
    /// Which saga.
    pub saga: Saga,
    /// What it does.
    pub step: SagaStepName,
    /// Which content; for a deletion the last one.
    pub generation: Generation,
    /// Which retry of that content, from 0; for a compensation the one whose leftovers it removes.
    pub retry: u32,
    /// When the event came that made it due.
    pub started_at: Timestamp,
    /// When the event came that ended it.
    pub ended_at: Option<Timestamp>,
    /// What came of it.
    pub outcome: SagaStepOutcome,
    /// Why it failed.
    pub error_code: Option<ErrorCode>,
    /// Attempts it took, where the history tells; of several batches the most that one took.
    pub attempts: Option<u32>,
    /// Of a compensation: what made it necessary.
    pub cause: Option<CompensationCause>,
    /// Its numbers.
    pub details: SagaStepDetails,
}

impl SagaStep {
    /// How long it took, in milliseconds; none while it runs.
    pub fn duration_ms(&self) -> Option<u64> {
        self.ended_at.map(|ended_at| ended_at.millis_since(self.started_at))
    }

    /// Whether it has not ended.
    pub fn is_running(&self) -> bool {
        self.outcome == SagaStepOutcome::Running
    }
}
