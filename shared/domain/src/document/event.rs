//! What can happen to a document: the events of its history and the shape of their data.
//! A shape once written is never edited: a new optional field, or a new schema version with an upcaster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    BatchIndex, ByteSize, CollectionName, ContentHash, ErrorCode, Generation, JobId, ModelId, Stage,
    Timestamp, UploadId,
};

/// A new content was stored durably; the document is accepted. Also begins each later generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentUploaded {
    /// Which content this is.
    pub generation: Generation,
    /// Names the blob that holds it.
    pub upload_id: UploadId,
    /// The ingestion job it starts.
    pub job_id: JobId,
    /// The collection it belongs to; the same in all generations.
    pub collection: CollectionName,
    /// The name it was uploaded under.
    pub filename: String,
    /// The media type the client declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_media_type: Option<String>,
    /// Size of the content.
    pub size_bytes: ByteSize,
    /// SHA-256 of the content.
    pub sha256: ContentHash,
    /// Client's own key-value pairs, for filters.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub metadata: serde_json::Map<String, Value>,
}

/// The text was extracted and stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TextExtracted {
    /// Which content.
    pub generation: Generation,
    /// Media type found by content.
    pub media_type: String,
    /// Pages, sheets, slides or chapters; 0 for formats that have none.
    pub pages: u32,
    /// Length of the text.
    pub text_bytes: ByteSize,
    /// Title stated in the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How many attempts its step took. Not known of those that releases before this field recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// The text was split, stored, and indexed by words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentChunked {
    /// Which content.
    pub generation: Generation,
    /// How many chunks; at least 1.
    pub chunks: u32,
    /// How many tokens they have together.
    pub tokens: u64,
    /// Chunks in each embedding batch but the last.
    pub batch_size: u32,
    /// How many attempts its step took. Not known of those that releases before this field recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// One batch of chunks has its vectors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChunksEmbedded {
    /// Which content.
    pub generation: Generation,
    /// Which batch.
    pub batch: BatchIndex,
    /// Chunks in it.
    pub chunks: u32,
    /// How many of their vectors came from the cache.
    pub cached: u32,
    /// The model.
    pub model: ModelId,
    /// How many attempts its step took. Not known of those that releases before this field recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// All chunks have vectors; the generation is published whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IngestionCompleted {
    /// Which content.
    pub generation: Generation,
    /// How many chunks.
    pub chunks_created: u32,
    /// From the upload of this generation (or its retry) to now.
    pub processing_time_ms: u64,
    /// The model.
    pub model: ModelId,
}

/// The generation cannot be finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IngestionFailed {
    /// Which content.
    pub generation: Generation,
    /// Where it failed.
    pub stage: Stage,
    /// Why, as a stable code.
    pub error_code: ErrorCode,
    /// Why, for a person. Holds no content of the document.
    pub reason: String,
    /// How many attempts were made at the step that failed.
    pub attempts: u32,
}

/// Somebody asked to try a failed or cancelled generation again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IngestionRetried {
    /// Which content.
    pub generation: Generation,
    /// The job that continues it.
    pub job_id: JobId,
    /// Where it goes on.
    pub stage: Stage,
    /// 1 for the first retry of this generation.
    pub retry: u32,
}

/// Somebody asked to stop a running generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IngestionCancelled {
    /// Which content.
    pub generation: Generation,
    /// Where it stood.
    pub stage: Stage,
}

/// A classifier gave the document a label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentClassified {
    /// Which content.
    pub generation: Generation,
    /// The label.
    pub label: String,
    /// From 0 to 1.
    pub confidence: f64,
    /// Which classifier.
    pub model_version: String,
}

/// The tombstone: from here on no query returns the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeletionRequested {
    /// The last generation there was.
    pub generation: Generation,
}

/// Words, vectors and cached vectors are gone from the index; read back as none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VectorsPurged {
    /// The one generation that was purged; absent for a deletion, which purges all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// Chunks removed from the word index.
    pub chunks: u64,
    /// Vectors removed.
    pub vectors: u64,
    /// Cached vectors removed.
    pub cached_vectors: u64,
    /// At which attempt of its purge this was done. Not known of those that releases before this field recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// Source, text and chunk blobs are gone; read back as none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContentPurged {
    /// The one generation that was purged; absent for a deletion, which purges all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// Blobs removed.
    pub blobs: u64,
    /// Bytes removed.
    pub bytes: ByteSize,
    /// At which attempt of its purge this was done. Not known of those that releases before this field recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// What a deletion removed, for the client's own records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeletionReceipt {
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When the read-back found nothing left.
    pub verified_at: Timestamp,
    /// Chunks removed from the word index.
    pub chunks: u64,
    /// Vectors removed.
    pub vectors: u64,
    /// Cached vectors removed.
    pub cached_vectors: u64,
    /// Blobs removed.
    pub blobs: u64,
    /// Bytes of blobs removed.
    pub bytes: ByteSize,
}

/// The deletion is complete and verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentDeleted {
    /// What was removed.
    pub receipt: DeletionReceipt,
    /// At which attempt of its purge this was done. Not known of those that releases before this field recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

macro_rules! document_events {
    ($($variant:ident = $type_name:literal,)*) => {
        /// One event of a document's history.
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "each variant carries the struct of its name, documented there")]
        pub enum DocumentEvent {
            $($variant($variant),)*
        }

        impl DocumentEvent {
            /// Every event type, as it stands in envelopes.
            pub const TYPES: &'static [&'static str] = &[$($type_name,)*];

            /// The CloudEvents `type` of this event.
            pub const fn type_name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $type_name,)* }
            }

            /// The event's data as JSON.
            pub fn to_data(&self) -> Value {
                let data = match self { $(Self::$variant(data) => serde_json::to_value(data),)* };
                data.expect("event data has string keys and no fallible serializer")
            }

            /// Reads the data of an event of the current schema version.
            pub(crate) fn from_current(type_name: &str, data: Value) -> Option<Result<Self, serde_json::Error>> {
                match type_name {
                    $($type_name => Some(serde_json::from_value(data).map(Self::$variant)),)*
                    _ => None,
                }
            }

            /// The JSON Schema of each event type's data.
            pub fn schemas() -> Vec<(&'static str, schemars::Schema)> {
                vec![$(($type_name, schemars::schema_for!($variant)),)*]
            }
        }

        $(impl From<$variant> for DocumentEvent {
            fn from(data: $variant) -> Self { Self::$variant(data) }
        })*
    };
}

document_events! {
    DocumentUploaded = "millrace.document.uploaded",
    TextExtracted = "millrace.document.text_extracted",
    DocumentChunked = "millrace.document.chunked",
    ChunksEmbedded = "millrace.document.chunks_embedded",
    IngestionCompleted = "millrace.document.ingestion_completed",
    IngestionFailed = "millrace.document.ingestion_failed",
    IngestionRetried = "millrace.document.ingestion_retried",
    IngestionCancelled = "millrace.document.ingestion_cancelled",
    DocumentClassified = "millrace.document.classified",
    DeletionRequested = "millrace.document.deletion_requested",
    VectorsPurged = "millrace.document.vectors_purged",
    ContentPurged = "millrace.document.content_purged",
    DocumentDeleted = "millrace.document.deleted",
}

impl DocumentEvent {
    /// The schema version this code writes.
    pub const fn schema_version(&self) -> u32 {
        1
    }
}
