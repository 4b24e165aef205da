//! A search index whose calls go wrong by a plan. It keeps nothing and changes no answer but the lost ones.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{ChunkIndex, CollectionName, DocumentKey, Generation, Version};
use millrace_ports::{
    Candidate, Embedding, IndexTarget, IndexUsage, IndexedChunk, IndexedDocument, PortError, SearchIndex,
    SearchQuery,
};

use crate::FaultPlan;

/// The decorator.
#[derive(Debug, Clone)]
pub struct FaultySearchIndex {
    inner: Arc<dyn SearchIndex>,
    plan: Arc<FaultPlan>,
}

impl FaultySearchIndex {
    /// An index behind a plan.
    pub fn new(inner: Arc<dyn SearchIndex>, plan: Arc<FaultPlan>) -> Self {
        Self { inner, plan }
    }
}

#[async_trait]
impl SearchIndex for FaultySearchIndex {
    async fn put_words(&self, document: &IndexedDocument, chunks: &[IndexedChunk]) -> Result<(), PortError> {
        self.plan.call("search_index.put_words", self.inner.put_words(document, chunks)).await
    }

    async fn put_vectors(
        &self,
        target: &IndexTarget,
        vectors: &[(ChunkIndex, Embedding)],
    ) -> Result<(), PortError> {
        self.plan.call("search_index.put_vectors", self.inner.put_vectors(target, vectors)).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Candidate>, PortError> {
        self.plan.call("search_index.search", self.inner.search(query)).await
    }

    async fn purge(
        &self,
        key: &DocumentKey,
        collection: &CollectionName,
        generation: Option<Generation>,
        only_at: Option<Version>,
    ) -> Result<IndexUsage, PortError> {
        self.plan.call("search_index.purge", self.inner.purge(key, collection, generation, only_at)).await
    }

    async fn usage(
        &self,
        key: &DocumentKey,
        collection: &CollectionName,
        generation: Option<Generation>,
    ) -> Result<IndexUsage, PortError> {
        self.plan.call("search_index.usage", self.inner.usage(key, collection, generation)).await
    }
}
