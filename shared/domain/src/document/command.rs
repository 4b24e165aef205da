//! What can be asked of a document. Times and ids arrive inside; nothing is made here.

use crate::{
    BatchIndex, ByteSize, CollectionName, ContentHash, ErrorCode, Generation, JobId, ModelId, Stage,
    Timestamp, UploadId,
};

/// A request to change a document; decided by [`decide`](super::decide).
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Accept the first content of a new document.
    Upload(Content),
    /// Accept another content as the next generation.
    Replace(Content),
    /// Note that the text was extracted.
    RecordExtraction {
        /// Which content.
        generation: Generation,
        /// Media type found by content.
        media_type: String,
        /// Pages, or 0.
        pages: u32,
        /// Length of the text.
        text_bytes: ByteSize,
        /// Title stated in the document.
        title: Option<String>,
        /// Attempts made at the step, this one included, if they were counted.
        attempts: Option<u32>,
    },
    /// Note that the chunks are stored and indexed by words.
    RecordChunks {
        /// Which content.
        generation: Generation,
        /// Which retry of it the worker was at; a worker of an earlier one is stale.
        retry: u32,
        /// How many, at least 1.
        chunks: u32,
        /// Tokens together.
        tokens: u64,
        /// Chunks in a full batch, at least 1.
        batch_size: u32,
        /// Attempts made at the step, this one included, if they were counted.
        attempts: Option<u32>,
    },
    /// Note that a batch's vectors are stored; with the last one the generation is complete.
    RecordEmbeddedBatch {
        /// Which content.
        generation: Generation,
        /// Which retry of it the worker was at; a worker of an earlier one is stale.
        retry: u32,
        /// Which batch.
        batch: BatchIndex,
        /// Vectors that came from the cache.
        cached: u32,
        /// The model.
        model: ModelId,
        /// Attempts made at the step, this one included, if they were counted.
        attempts: Option<u32>,
        /// Now.
        at: Timestamp,
    },
    /// Give the generation up, because of a step that was not recorded: one that was cannot fail any more, whatever its worker
    /// was told.
    FailIngestion {
        /// Which content.
        generation: Generation,
        /// Which retry of it the worker was at; a worker of an earlier one is stale.
        retry: u32,
        /// Where.
        stage: Stage,
        /// Whose step failed, if it was a batch's.
        batch: Option<BatchIndex>,
        /// Why, as a code.
        error_code: ErrorCode,
        /// Why, for a person.
        reason: String,
        /// Attempts made.
        attempts: u32,
    },
    /// Try the current generation again.
    RetryIngestion {
        /// The job that will do it.
        job_id: JobId,
    },
    /// Stop the current generation.
    CancelIngestion,
    /// Note a classifier's verdict.
    Classify {
        /// Which content.
        generation: Generation,
        /// The label.
        label: String,
        /// From 0 to 1.
        confidence: f64,
        /// Which classifier.
        model_version: String,
    },
    /// Delete the document.
    RequestDeletion,
    /// Note that the search index holds nothing of one generation, or of the document, any more.
    RecordVectorsPurged {
        /// The generation, or none for all.
        generation: Option<Generation>,
        /// Chunks removed from the word index.
        chunks: u64,
        /// Vectors removed.
        vectors: u64,
        /// Cached vectors removed.
        cached_vectors: u64,
        /// Attempts made at the purge, this one included, if they were counted.
        attempts: Option<u32>,
    },
    /// Note that the blob store holds nothing of one generation, or of the document, any more.
    RecordContentPurged {
        /// The generation, or none for all.
        generation: Option<Generation>,
        /// Blobs removed.
        blobs: u64,
        /// Bytes removed.
        bytes: ByteSize,
        /// Attempts made at the purge, this one included, if they were counted.
        attempts: Option<u32>,
    },
    /// Finish the deletion after a read-back that found nothing.
    CompleteDeletion {
        /// Attempts made at the purge, this one included, if they were counted.
        attempts: Option<u32>,
        /// Now.
        at: Timestamp,
    },
}

/// A content that was stored durably before the command was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// Names the blob that holds it.
    pub upload_id: UploadId,
    /// The job that will ingest it.
    pub job_id: JobId,
    /// The collection; for a replacement it must be the document's own.
    pub collection: CollectionName,
    /// The name it was uploaded under.
    pub filename: String,
    /// The media type the client declared.
    pub declared_media_type: Option<String>,
    /// Size.
    pub size_bytes: ByteSize,
    /// SHA-256.
    pub sha256: ContentHash,
    /// Client's key-value pairs.
    pub metadata: serde_json::Map<String, serde_json::Value>,
}
