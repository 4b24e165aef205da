//! A search index whose writes and purges break off in the middle, when the weather says so, and are seen by the witness.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{ChunkIndex, CollectionName, DocumentKey, Generation, Version};
use millrace_ports::{
    Candidate, Embedding, IndexTarget, IndexUsage, IndexedChunk, IndexedDocument, PortError, SearchIndex,
    SearchQuery,
};

use crate::parting::Parting;
use crate::witness::Witness;

/// The layer.
#[derive(Debug)]
pub(crate) struct SeenIndex {
    inner: Arc<dyn SearchIndex>,
    parting: Parting,
    witness: Arc<Witness>,
}

impl SeenIndex {
    pub(crate) fn new(inner: Arc<dyn SearchIndex>, parting: Parting, witness: Arc<Witness>) -> Self {
        Self { inner, parting, witness }
    }
}

#[async_trait]
impl SearchIndex for SeenIndex {
    async fn put_words(&self, document: &IndexedDocument, chunks: &[IndexedChunk]) -> Result<(), PortError> {
        self.witness.touched(&document.target.key);
        match self.parting.of("search_index.put_words", chunks.len()) {
            None => self.inner.put_words(document, chunks).await,
            Some((done, error)) => {
                self.inner.put_words(document, &chunks[..done]).await?;
                Err(error)
            }
        }
    }

    async fn put_vectors(
        &self,
        target: &IndexTarget,
        vectors: &[(ChunkIndex, Embedding)],
    ) -> Result<(), PortError> {
        self.witness.touched(&target.key);
        match self.parting.of("search_index.put_vectors", vectors.len()) {
            None => self.inner.put_vectors(target, vectors).await,
            Some((done, error)) => {
                self.inner.put_vectors(target, &vectors[..done]).await?;
                Err(error)
            }
        }
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Candidate>, PortError> {
        self.inner.search(query).await
    }

    async fn purge(
        &self,
        key: &DocumentKey,
        collection: &CollectionName,
        generation: Option<Generation>,
        only_at: Option<Version>,
    ) -> Result<IndexUsage, PortError> {
        if generation.is_some() {
            self.witness.touched(key);
            return self.inner.purge(key, collection, generation, only_at).await;
        }
        match self.parting.of("search_index.purge", 2) {
            None => self.inner.purge(key, collection, None, only_at).await,
            Some((_, error)) => {
                self.witness.touched(key);
                self.inner.purge(key, collection, Some(Generation::FIRST), only_at).await?;
                Err(error)
            }
        }
    }

    async fn usage(
        &self,
        key: &DocumentKey,
        collection: &CollectionName,
        generation: Option<Generation>,
    ) -> Result<IndexUsage, PortError> {
        self.inner.usage(key, collection, generation).await
    }
}
