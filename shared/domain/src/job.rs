//! Jobs: the commands that travel on queues, each to exactly one worker.
//! Their JSON is a contract between releases: a worker of today reads the messages of yesterday.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{BatchIndex, DocumentId, DocumentKey, Generation, IndexSpace, InvalidId, TenantId, Trace};

/// The queues there are. One worker function consumes each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueName {
    /// Documents to extract, chunk and index by words: chunk-worker.
    Ingest,
    /// Batches of chunks to embed: embed-worker.
    Embed,
    /// Generations and documents to purge: sweeper.
    Purge,
    /// Events for the read models: projector.
    Projector,
    /// Notifications of contents that were put by URL: upload-completer.
    Uploads,
}

impl QueueName {
    /// All queues.
    pub const ALL: [Self; 5] = [Self::Ingest, Self::Embed, Self::Purge, Self::Projector, Self::Uploads];

    /// The name in configuration, logs and storage.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Embed => "embed",
            Self::Purge => "purge",
            Self::Projector => "projector",
            Self::Uploads => "uploads",
        }
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for QueueName {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let rule = "ingest, embed, purge, projector or uploads";
        Self::ALL.into_iter().find(|q| q.as_str() == text).ok_or(InvalidId { what: "queue name", rule })
    }
}

/// What a worker is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "job", rename_all = "snake_case")]
pub enum Job {
    /// Extract, chunk and index one generation by words.
    IngestDocument {
        /// Which.
        generation: Generation,
    },
    /// Embed one batch of chunks.
    EmbedChunks {
        /// Which generation.
        generation: Generation,
        /// Which batch.
        batch: BatchIndex,
    },
    /// Write one batch of a live generation into the index space that is being built under another model.
    ReembedBatch {
        /// Which generation.
        generation: Generation,
        /// Which batch.
        batch: BatchIndex,
        /// Which space; of a saga that has ended since, the job is without purpose.
        space: IndexSpace,
    },
    /// Remove what a failed, cancelled or superseded generation left behind.
    PurgeGeneration {
        /// Which.
        generation: Generation,
    },
    /// Remove everything of a deleted document, verify, and write the receipt.
    PurgeDocument {},
}

impl Job {
    /// The queue it travels on.
    pub const fn queue(&self) -> QueueName {
        match self {
            Self::IngestDocument { .. } => QueueName::Ingest,
            Self::EmbedChunks { .. } | Self::ReembedBatch { .. } => QueueName::Embed,
            Self::PurgeGeneration { .. } | Self::PurgeDocument {} => QueueName::Purge,
        }
    }
}

/// A job with its address; the body of a queue message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobEnvelope {
    /// Whose document.
    pub tenant_id: TenantId,
    /// Which document.
    pub document_id: DocumentId,
    /// What to do.
    #[serde(flatten)]
    pub job: Job,
    /// Where it came from.
    #[serde(flatten)]
    pub trace: Trace,
}

impl JobEnvelope {
    /// The document's full name.
    pub fn key(&self) -> DocumentKey {
        DocumentKey { tenant_id: self.tenant_id.clone(), document_id: self.document_id }
    }

    /// The body of its message.
    pub fn to_body(&self) -> String {
        serde_json::to_string(self).expect("a job has string keys and no fallible serializer")
    }
}
