//! How an ingestion can fail: the stage it failed in and a stable code that clients and dashboards group by.
//! Whether a failure is worth another attempt is decided where it is met, not here.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The step of the pipeline that a document is in, or failed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Uploaded; its job waits or its text is being extracted.
    Extract,
    /// Extracted; being split into chunks.
    Chunk,
    /// Chunked and searchable by words; vectors are being made.
    Embed,
    /// Nothing left to do.
    Complete,
}

impl Stage {
    /// The name used in JSON and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Extract => "extract",
            Self::Chunk => "chunk",
            Self::Embed => "embed",
            Self::Complete => "complete",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an ingestion failed. The JSON names are a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// No parser for this content.
    UnsupportedMediaType,
    /// The content breaks the rules of its format.
    Corrupt,
    /// A password is needed.
    Encrypted,
    /// Beyond a bound on bytes, expansion or memory.
    TooLarge,
    /// Beyond the bound on pages.
    TooManyPages,
    /// No text in it.
    Empty,
    /// The parser ran into its time limit.
    TimedOut,
    /// The embedding service refuses the request for good.
    EmbedderRefused,
    /// A stored part of the document is missing or unreadable.
    ContentMissing,
    /// Every permitted attempt failed; the last job lies in the dead-letter queue.
    DeadLettered,
}

impl ErrorCode {
    /// The name used in JSON and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::Corrupt => "corrupt",
            Self::Encrypted => "encrypted",
            Self::TooLarge => "too_large",
            Self::TooManyPages => "too_many_pages",
            Self::Empty => "empty",
            Self::TimedOut => "timed_out",
            Self::EmbedderRefused => "embedder_refused",
            Self::ContentMissing => "content_missing",
            Self::DeadLettered => "dead_lettered",
        }
    }

    /// Whether the same content can succeed later without a change of limits or software.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::DeadLettered | Self::TimedOut | Self::EmbedderRefused => true,
            Self::UnsupportedMediaType
            | Self::Corrupt
            | Self::Encrypted
            | Self::TooLarge
            | Self::TooManyPages
            | Self::Empty
            | Self::ContentMissing => false,
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
