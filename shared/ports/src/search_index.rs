//! The port for the search index: words and vectors written under a generation, searched together.
//! Fusing the two kinds of evidence and the final filter by publication are the query's business, not the index's.

use std::fmt;

use async_trait::async_trait;
use millrace_domain::{ChunkIndex, CollectionName, DocumentId, DocumentKey, Generation, TenantId, Version};
use serde_json::Value;

use crate::{Embedding, PortError};

/// Which generation of which document an entry belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexTarget {
    /// The document.
    pub key: DocumentKey,
    /// Its collection; one index per tenant and collection.
    pub collection: CollectionName,
    /// The generation.
    pub generation: Generation,
}

/// What hits say of their document, and filters look at.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexedDocument {
    /// Where it belongs.
    pub target: IndexTarget,
    /// Its file name.
    pub filename: String,
    /// Client's key-value pairs.
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

/// One chunk as it is indexed and given back in hits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedChunk {
    /// Its position.
    pub index: ChunkIndex,
    /// The page it begins on.
    pub page: Option<u32>,
    /// The headings above it.
    pub heading: Option<String>,
    /// Byte offset of its start in the extracted text.
    pub start: u64,
    /// Byte offset of its end.
    pub end: u64,
    /// Its text.
    pub text: String,
}

/// What a search may return.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SearchFilter {
    /// Only these documents, if any are named.
    pub documents: Vec<DocumentId>,
    /// Only documents whose metadata has all these pairs.
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

impl SearchFilter {
    /// Whether a document's metadata has each pair asked for: the same value, or a list that contains it.
    pub fn has_pairs(&self, metadata: &serde_json::Map<String, serde_json::Value>) -> bool {
        self.metadata.iter().all(|(key, asked)| {
            metadata.get(key).is_some_and(|value| match value {
                Value::Array(values) => same(value, asked) || values.iter().any(|value| same(value, asked)),
                value => same(value, asked),
            })
        })
    }
}

/// Equality of JSON values, 1 and 1.0 being the same number.
fn same(a: &Value, b: &Value) -> bool {
    a == b || a.as_f64().is_some_and(|a| Some(a) == b.as_f64())
}

/// A search in one collection.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchQuery {
    /// Whose.
    pub tenant_id: TenantId,
    /// Where.
    pub collection: CollectionName,
    /// The words.
    pub text: String,
    /// Their vector; without it only words count.
    pub vector: Option<Embedding>,
    /// What may be returned.
    pub filter: SearchFilter,
    /// How many candidates to gather by each kind of evidence.
    pub candidates: usize,
}

/// A chunk that may be a hit, with its raw evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The document.
    pub document_id: DocumentId,
    /// The generation it was written under.
    pub generation: Generation,
    /// Its file name.
    pub filename: String,
    /// The chunk.
    pub chunk: IndexedChunk,
    /// BM25 over the collection's visible chunks; 0 if no word matches.
    pub words: f32,
    /// Cosine of the vectors, from -1 to 1; absent if the chunk's vector is not published or none was asked.
    pub similarity: Option<f32>,
}

/// How much the index holds of something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IndexUsage {
    /// Chunks in the word index.
    pub chunks: u64,
    /// Vectors.
    pub vectors: u64,
}

/// Words and vectors, searched together.
///
/// An implementer promises: writing the same entry again replaces it; entries survive a crash after `Ok`; nothing is
/// visible by being written: a candidate is of a generation that the document's head publishes, as of some instant not
/// before the last append that was acknowledged; of each kind of evidence the best `candidates` are among the answer,
/// each with both kinds of evidence filled in; ties are broken by document id and chunk; a purge is idempotent.
#[async_trait]
pub trait SearchIndex: Send + Sync + fmt::Debug {
    /// Writes chunks of a generation into the word index. May be called with a generation's chunks in several parts.
    async fn put_words(&self, document: &IndexedDocument, chunks: &[IndexedChunk]) -> Result<(), PortError>;

    /// Writes vectors of chunks whose words were written before.
    async fn put_vectors(
        &self,
        target: &IndexTarget,
        vectors: &[(ChunkIndex, Embedding)],
    ) -> Result<(), PortError>;

    /// Gathers candidates.
    async fn search(&self, query: &SearchQuery) -> Result<Vec<Candidate>, PortError>;

    /// Removes one generation, or all if none is named, and says what was removed.
    ///
    /// `only_at` is for a generation that may be written again: nothing is removed unless the document's head is at this
    /// version still, else `Conflict`. So a caller that stood still cannot remove what was written since. Where entries and
    /// heads share a transaction that holds exactly; elsewhere up to the time that one call to the store may take.
    async fn purge(
        &self,
        key: &DocumentKey,
        collection: &CollectionName,
        generation: Option<Generation>,
        only_at: Option<Version>,
    ) -> Result<IndexUsage, PortError>;

    /// Counts what one generation, or all, has in the index.
    async fn usage(
        &self,
        key: &DocumentKey,
        collection: &CollectionName,
        generation: Option<Generation>,
    ) -> Result<IndexUsage, PortError>;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pairs_are_equal_values_or_members_of_lists() {
        let metadata = json!({ "year": 2024, "tags": ["a", 7], "draft": false, "none": null });
        let passes = |asked: Value| {
            let filter = SearchFilter { documents: Vec::new(), metadata: asked.as_object().unwrap().clone() };
            filter.has_pairs(metadata.as_object().unwrap())
        };
        for asked in [
            json!({}),
            json!({ "year": 2024.0 }),
            json!({ "tags": "a" }),
            json!({ "tags": 7, "draft": false }),
            json!({ "tags": ["a", 7] }),
            json!({ "none": null }),
        ] {
            assert!(passes(asked.clone()), "{asked}");
        }
        for asked in [
            json!({ "year": "2024" }),
            json!({ "tags": ["a"] }),
            json!({ "tags": "b" }),
            json!({ "draft": true }),
            json!({ "missing": null }),
            json!({ "year": 2024, "draft": true }),
        ] {
            assert!(!passes(asked.clone()), "{asked}");
        }
    }
}
