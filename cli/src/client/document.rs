//! The server's answers as the commands read them. Lenient on purpose: a member that is missing or new is no error,
//! so that an older client works with a newer server. The answer's own text is kept beside it for `--json`.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Something read from an answer, with the text it was read from.
#[derive(Debug, Clone)]
pub(crate) struct Fetched<T> {
    pub(crate) value: T,
    pub(crate) text: String,
}

impl<T: DeserializeOwned> Fetched<T> {
    pub(crate) fn read(text: &str) -> Result<Self, serde_json::Error> {
        Ok(Self { value: serde_json::from_str(text)?, text: text.to_owned() })
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Fetched<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        Self::read(raw.get()).map_err(serde::de::Error::custom)
    }
}

/// A document as `GET /v1/documents/{id}` describes it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct DocumentState {
    pub(crate) document_id: String,
    pub(crate) collection: String,
    pub(crate) filename: String,
    pub(crate) media_type: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) status: String,
    pub(crate) stage: String,
    pub(crate) generation: u64,
    pub(crate) searchable_by: Vec<String>,
    pub(crate) progress: IngestionProgress,
    pub(crate) error: Option<IngestionError>,
    pub(crate) size_bytes: Option<u64>,
    pub(crate) sha256: Option<String>,
    pub(crate) metadata: Option<serde_json::Map<String, serde_json::Value>>,
    pub(crate) label: Option<String>,
    pub(crate) created_at: Option<String>,
    pub(crate) updated_at: Option<String>,
}

/// How far the current generation is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct IngestionProgress {
    pub(crate) pages_total: Option<u64>,
    pub(crate) chunks_embedded: Option<u64>,
    pub(crate) chunks_total: Option<u64>,
}

/// Why an ingestion failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct IngestionError {
    pub(crate) stage: String,
    pub(crate) code: String,
    pub(crate) reason: String,
    pub(crate) attempts: Option<u64>,
    pub(crate) retryable: bool,
}

impl DocumentState {
    /// One line that says where it failed and why.
    pub(crate) fn failure(&self) -> String {
        match (&self.error, self.status.as_str()) {
            (Some(error), _) => format!("{} ({} in {})", error.reason, error.code, error.stage),
            (None, "cancelled") => format!("cancelled in {}", self.stage),
            (None, status) => format!("{status}, no reason given"),
        }
    }

    /// Whether another attempt at the same content can succeed: cancelled, or failed for a reason that passes.
    pub(crate) fn is_worth_a_retry(&self) -> bool {
        match self.status.as_str() {
            "cancelled" => true,
            "failed" => self.error.as_ref().is_some_and(|error| error.retryable),
            _ => false,
        }
    }

    /// Whether the tombstone is set.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.status.as_str(), "deleting" | "deleted")
    }
}

/// What a deletion removed, from the 410.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Receipt {
    pub(crate) requested_at: Option<String>,
    pub(crate) verified_at: Option<String>,
    pub(crate) chunks: u64,
    pub(crate) vectors: u64,
    pub(crate) cached_vectors: u64,
    pub(crate) blobs: u64,
    pub(crate) bytes: u64,
}

/// One page of a list.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct DocumentPage {
    pub(crate) documents: Vec<Fetched<DocumentState>>,
    #[serde(default)]
    pub(crate) next_cursor: Option<String>,
}

/// One event of a timeline.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Event {
    pub(crate) sequence: u64,
    #[serde(rename = "type")]
    pub(crate) type_name: String,
    pub(crate) time: String,
    pub(crate) data: serde_json::Value,
}

/// One step of a document's sagas.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct SagaStep {
    pub(crate) saga: String,
    pub(crate) step: String,
    pub(crate) generation: u64,
    pub(crate) retry: u64,
    pub(crate) started_at: String,
    pub(crate) duration_ms: Option<i64>,
    pub(crate) outcome: String,
    pub(crate) error_code: Option<String>,
    pub(crate) attempts: Option<u64>,
    pub(crate) cause: Option<String>,
    pub(crate) details: serde_json::Map<String, serde_json::Value>,
}

/// One page of a timeline.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct EventPage {
    pub(crate) events: Vec<Fetched<Event>>,
    #[serde(default)]
    pub(crate) next_after: Option<u64>,
    /// With the first page, of the whole history.
    #[serde(default)]
    pub(crate) steps: Option<Vec<Fetched<SagaStep>>>,
}

/// One chunk of a document's text.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Chunk {
    pub(crate) index: u64,
    pub(crate) page: Option<u64>,
    pub(crate) heading: Option<String>,
    pub(crate) text: String,
}

/// One page of chunks.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ChunkPage {
    pub(crate) chunks: Vec<Fetched<Chunk>>,
    #[serde(default)]
    pub(crate) next_cursor: Option<String>,
}

/// One passage that a search found.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct Hit {
    pub(crate) document_id: String,
    pub(crate) filename: String,
    pub(crate) page: Option<u64>,
    pub(crate) heading: Option<String>,
    pub(crate) text: String,
    pub(crate) score: f64,
}

/// What a search found, best first.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct SearchAnswer {
    pub(crate) hits: Vec<Hit>,
    /// Whether meaning counted; if not, the embedder was out of reach and only words did.
    pub(crate) by_meaning: Option<bool>,
}

/// Counts by collection.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub(crate) struct Stats {
    pub(crate) collections: Vec<CollectionStats>,
}

/// Counts of one collection.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct CollectionStats {
    pub(crate) collection: String,
    /// By status.
    pub(crate) documents: BTreeMap<String, u64>,
    pub(crate) chunks: u64,
    pub(crate) bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_the_text_of_each_document() {
        let page: DocumentPage = serde_json::from_str(
            r#"{"documents":[{"document_id":"a","zeta":1,"status":"ready"}],"next_cursor":null}"#,
        )
        .unwrap();
        assert_eq!(page.documents[0].text, r#"{"document_id":"a","zeta":1,"status":"ready"}"#);
        assert_eq!(page.documents[0].value.status, "ready");
    }

    #[test]
    fn only_what_can_succeed_is_worth_a_retry() {
        let failed = |retryable| DocumentState {
            status: "failed".into(),
            error: Some(IngestionError { retryable, ..IngestionError::default() }),
            ..DocumentState::default()
        };
        assert!(failed(true).is_worth_a_retry());
        assert!(!failed(false).is_worth_a_retry());
        assert!(DocumentState { status: "cancelled".into(), ..DocumentState::default() }.is_worth_a_retry());
        assert!(!DocumentState { status: "ready".into(), ..DocumentState::default() }.is_worth_a_retry());
    }
}
