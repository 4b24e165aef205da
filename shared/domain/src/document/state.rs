//! The state of a document: the fold of its events and nothing else.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{BatchSet, DeletionReceipt};
use crate::{
    BatchIndex, ByteSize, CollectionName, ContentHash, ErrorCode, Generation, JobId, ModelId, Stage,
    Timestamp, UploadId, Version,
};

/// Where a document stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The current generation is on its way.
    Processing,
    /// The current generation is published whole.
    Ready,
    /// The current generation was given up; an earlier one may still be published.
    Failed,
    /// The current generation was stopped; an earlier one may still be published.
    Cancelled,
    /// The tombstone is set; no query returns the document; the purge is under way.
    Deleting,
    /// Purged and verified.
    Deleted,
}

impl Status {
    /// The name used in JSON and in filters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
        }
    }

    /// All states, in the order of a document's life.
    pub const ALL: [Self; 6] =
        [Self::Processing, Self::Ready, Self::Failed, Self::Cancelled, Self::Deleting, Self::Deleted];

    /// Whether the tombstone is set.
    pub const fn is_gone(self) -> bool {
        matches!(self, Self::Deleting | Self::Deleted)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What queries may see of a document (guarantee G5). At most one generation is visible at any instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// The visible generation; its words are visible.
    pub generation: Generation,
    /// Names the blob of its content.
    pub upload_id: UploadId,
    /// Whether its vectors are visible too, that is, whether it was completed.
    pub vectors: bool,
}

/// By what a document can be found now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchableBy {
    /// By BM25.
    Words,
    /// By vector similarity.
    Meaning,
}

/// How a generation was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkPlan {
    /// Chunks, at least 1.
    pub chunks: u32,
    /// Tokens in all chunks together.
    pub tokens: u64,
    /// Chunks in every batch but the last.
    pub batch_size: u32,
}

impl ChunkPlan {
    /// How many batches there are.
    pub const fn batches(&self) -> u32 {
        self.chunks.div_ceil(self.batch_size)
    }

    /// The chunks of one batch, as first index and number; none beyond the last batch.
    pub fn batch(&self, batch: BatchIndex) -> Option<(u32, u32)> {
        let first = batch.get().checked_mul(self.batch_size)?;
        (first < self.chunks).then(|| (first, self.batch_size.min(self.chunks - first)))
    }
}

/// Why the current generation failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Where.
    pub stage: Stage,
    /// Why, as a code.
    pub error_code: ErrorCode,
    /// Why, for a person.
    pub reason: String,
    /// Attempts made at the step.
    pub attempts: u32,
}

/// A generation whose leftovers are still to be purged. Queries do not see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Residue {
    /// Which.
    pub generation: Generation,
    /// Names the blob of its content.
    pub upload_id: UploadId,
    /// Whether its words and vectors are still to go.
    pub index: bool,
    /// Whether its blobs are still to go: those of a superseded generation are, while those of a failed or cancelled one
    /// stay for a retry.
    pub content: bool,
}

/// A classifier's verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Classification {
    /// The label.
    pub label: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// Which classifier.
    pub model_version: String,
}

/// A deletion under way or done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// Chunks, vectors and cached vectors removed, once the index is purged.
    pub index: Option<(u64, u64, u64)>,
    /// Blobs and bytes removed, once the blobs are purged.
    pub content: Option<(u64, ByteSize)>,
    /// The receipt, once verified.
    pub receipt: Option<DeletionReceipt>,
}

/// A document. `None` of it exists before `DocumentUploaded`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// How many events it has.
    pub version: Version,
    /// Where it stands.
    pub status: Status,
    /// What is to be done next for the current generation.
    pub stage: Stage,
    /// The current content's number.
    pub generation: Generation,
    /// Names the blob of the current content.
    pub upload_id: UploadId,
    /// The job of the current generation.
    pub job_id: JobId,
    /// The collection; never changes.
    pub collection: CollectionName,
    /// Name of the current content.
    pub filename: String,
    /// Media type the client declared.
    pub declared_media_type: Option<String>,
    /// Media type found by content, once extracted.
    pub media_type: Option<String>,
    /// Title stated in the content, once extracted.
    pub title: Option<String>,
    /// Size of the current content.
    pub size_bytes: ByteSize,
    /// SHA-256 of the current content.
    pub sha256: ContentHash,
    /// Client's key-value pairs.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// Pages, once extracted.
    pub pages: Option<u32>,
    /// Length of the text, once extracted.
    pub text_bytes: Option<ByteSize>,
    /// How it was cut, once chunked.
    pub plan: Option<ChunkPlan>,
    /// Batches that have their vectors.
    pub embedded_batches: BatchSet,
    /// Chunks that have their vectors.
    pub embedded_chunks: u32,
    /// The model of those vectors.
    pub model: Option<ModelId>,
    /// What queries may see.
    pub published: Option<Publication>,
    /// Why the current generation failed.
    pub failure: Option<Failure>,
    /// Retries of the current generation.
    pub retries: u32,
    /// What is to be purged; bounded by the number of generations in flight.
    pub residue: Vec<Residue>,
    /// A classifier's verdict on the current generation.
    pub classification: Option<Classification>,
    /// The deletion.
    pub deletion: Option<Deletion>,
    /// First upload.
    pub created_at: Timestamp,
    /// Upload or last retry of the current generation.
    pub started_at: Timestamp,
    /// Last event.
    pub updated_at: Timestamp,
}

impl Document {
    /// By what it can be found now.
    pub fn searchable_by(&self) -> &'static [SearchableBy] {
        match self.published {
            None => &[],
            Some(Publication { vectors: false, .. }) => &[SearchableBy::Words],
            Some(Publication { vectors: true, .. }) => &[SearchableBy::Words, SearchableBy::Meaning],
        }
    }

    /// Whether work is still owed: the sweeper looks at these.
    pub fn is_unsettled(&self) -> bool {
        matches!(self.status, Status::Processing | Status::Deleting) || !self.residue.is_empty()
    }

    /// Whether the given generation is the current one and still being worked on.
    pub fn is_processing(&self, generation: Generation) -> bool {
        self.status == Status::Processing && self.generation == generation
    }
}
