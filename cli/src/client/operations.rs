//! What an operator asks of a server: how its queues stand, what was given up, and to put that back to work.

use http::Method;
use serde::{Deserialize, Serialize};

use super::ClientError;
use super::api::{Client, read_json};
use super::document::Fetched;
use super::transport::Call;

/// How all queues stand.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Queues {
    pub(crate) queues: Vec<QueueFigures>,
}

/// How one queue stands.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct QueueFigures {
    pub(crate) queue: String,
    pub(crate) visible: u64,
    pub(crate) in_flight: u64,
    pub(crate) delayed: u64,
    pub(crate) dead: u64,
    pub(crate) oldest_age_ms: Option<u64>,
    pub(crate) oldest_dead_age_ms: Option<u64>,
}

/// Which dead letters. As a request's filter only what is set is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct DeadLetterFilter {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) document_id: Option<String>,
}

/// One page of dead letters, and the groups of all of them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DeadLetterPage {
    pub(crate) groups: Vec<DeadLetterGroup>,
    pub(crate) dead_letters: Vec<DeadLetter>,
    pub(crate) next_cursor: Option<String>,
}

/// Dead letters that died of the same.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DeadLetterGroup {
    pub(crate) error_code: String,
    pub(crate) count: u64,
    pub(crate) oldest_at: String,
    pub(crate) newest_at: String,
    pub(crate) sample_reason: String,
}

/// A message that was given up.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DeadLetter {
    pub(crate) message_id: String,
    pub(crate) queue: String,
    pub(crate) kind: Option<String>,
    pub(crate) document_id: Option<String>,
    pub(crate) error_code: String,
    pub(crate) reason: String,
    pub(crate) sent_at: String,
}

/// A redrive as the server takes it: exactly one of the first three is set.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Redrive {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_ids: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<DeadLetterFilter>,
    pub(crate) all: bool,
    pub(crate) dry_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_per_second: Option<u32>,
}

/// What a redrive did, or would do.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Redriven {
    pub(crate) matched: u64,
    pub(crate) moved: u64,
    pub(crate) more: bool,
    pub(crate) lasting_ms: u64,
    pub(crate) dead_letters: Vec<DeadLetter>,
}

impl Client {
    /// How the queues stand.
    pub(crate) async fn queues(&self) -> Result<Fetched<Queues>, ClientError> {
        let address = self.address(&["v1", "operations", "queues"], &[]);
        self.fetch(Call::new(Method::GET, address), "the figures of the queues").await
    }

    /// One page of dead letters.
    pub(crate) async fn dead_letters(
        &self,
        filter: &DeadLetterFilter,
        limit: u16,
        cursor: Option<String>,
    ) -> Result<Fetched<DeadLetterPage>, ClientError> {
        let query = [
            ("queue", filter.queue.clone()),
            ("error_code", filter.error_code.clone()),
            ("reason", filter.reason.clone()),
            ("document_id", filter.document_id.clone()),
            ("limit", Some(limit.to_string())),
            ("cursor", cursor),
        ];
        let address = self.address(&["v1", "operations", "dead-letters"], &query);
        self.fetch(Call::new(Method::GET, address), "the dead letters").await
    }

    /// Puts dead letters back, or says which it would be.
    pub(crate) async fn redrive(&self, redrive: &Redrive) -> Result<Fetched<Redriven>, ClientError> {
        let body = serde_json::to_string(redrive).map_err(|source| ClientError::Unreadable {
            what: "the redrive itself".into(),
            source: Box::new(source),
        })?;
        let address = self.address(&["v1", "operations", "dead-letters", "redrive"], &[]);
        // Repeating it moves nothing twice, yet its answer would no longer tell what the first one moved.
        self.fetch(Call::new(Method::POST, address).json(body), "the redrive").await
    }

    async fn fetch<T: serde::de::DeserializeOwned>(
        &self,
        call: Call,
        what: &str,
    ) -> Result<Fetched<T>, ClientError> {
        let response = self.answer_to(&call).await?;
        read_json(&self.text(response).await?, what)
    }
}
