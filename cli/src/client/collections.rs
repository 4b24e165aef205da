//! A server's collections, and their moves to another model.

use http::Method;
use serde::{Deserialize, Serialize};

use super::ClientError;
use super::api::{Client, read_json};
use super::document::Fetched;
use super::transport::Call;

/// One page of collections.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct CollectionPage {
    pub(crate) collections: Vec<Collection>,
    pub(crate) next_cursor: Option<String>,
}

/// A collection.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Collection {
    pub(crate) collection: String,
    pub(crate) model: String,
    pub(crate) dimensions: u16,
    pub(crate) documents: u64,
    pub(crate) reembedding: Option<Reembedding>,
    pub(crate) last_reembedding: Option<Reembedding>,
}

/// A move to another model.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Reembedding {
    pub(crate) status: String,
    pub(crate) step: Option<String>,
    pub(crate) from_model: String,
    pub(crate) model: String,
    pub(crate) started_at: String,
    pub(crate) duration_ms: Option<i64>,
    pub(crate) documents_done: u64,
    pub(crate) documents_total: u64,
    pub(crate) error_code: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) document_id: Option<String>,
    pub(crate) steps: Vec<ReembeddingStep>,
}

/// One step of it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReembeddingStep {
    pub(crate) step: String,
    pub(crate) compensates: bool,
    pub(crate) started_at: String,
    pub(crate) duration_ms: Option<i64>,
    pub(crate) attempts: u32,
    pub(crate) outcome: Option<String>,
}

#[derive(Serialize)]
struct Reembed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
}

impl Client {
    /// One page of collections.
    pub(crate) async fn collections(
        &self,
        cursor: Option<String>,
    ) -> Result<Fetched<CollectionPage>, ClientError> {
        let address = self.address(&["v1", "collections"], &[("cursor", cursor)]);
        let response = self.answer_to(&Call::new(Method::GET, address)).await?;
        read_json(&self.text(response).await?, "the collections")
    }

    /// One collection.
    pub(crate) async fn collection(&self, name: &str) -> Result<Fetched<Collection>, ClientError> {
        let address = self.address(&["v1", "collections", name], &[]);
        self.collection_of(Call::new(Method::GET, address)).await
    }

    /// Begins to move a collection. Repeating it would be refused, since it is under way.
    pub(crate) async fn reembed(
        &self,
        name: &str,
        model: Option<&str>,
    ) -> Result<Fetched<Collection>, ClientError> {
        let body = serde_json::to_string(&Reembed { model }).map_err(|source| ClientError::Unreadable {
            what: "the request itself".into(),
            source: Box::new(source),
        })?;
        let address = self.address(&["v1", "collections", name, "re-embedding"], &[]);
        self.collection_of(Call::new(Method::POST, address).json(body)).await
    }

    /// Stops that.
    pub(crate) async fn abort_reembedding(&self, name: &str) -> Result<Fetched<Collection>, ClientError> {
        let address = self.address(&["v1", "collections", name, "re-embedding"], &[]);
        self.collection_of(Call::new(Method::DELETE, address).repeatable()).await
    }

    async fn collection_of(&self, call: Call) -> Result<Fetched<Collection>, ClientError> {
        let response = self.answer_to(&call).await?;
        read_json(&self.text(response).await?, "the collection")
    }
}
