//! A search index whose writes and purges break off in the middle, when the weather says so, and are seen by the witness.

use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{ChunkIndex, CollectionName, DocumentKey, Generation, Version};
use millrace_ports::{
    Candidate, Embedding, IndexTarget, IndexUsage, IndexedChunk, IndexedDocument, PortError, SearchIndex,
    SearchQuery,
};

use super::Onlooker;
use crate::label::{Aspect, Kind};
use crate::parting::Parting;

/// The layer.
#[derive(Debug)]
pub(crate) struct SeenIndex {
    inner: Arc<dyn SearchIndex>,
    parting: Parting,
    onlooker: Onlooker,
}

impl SeenIndex {
    pub(crate) fn new(inner: Arc<dyn SearchIndex>, parting: Parting, onlooker: Onlooker) -> Self {
        Self { inner, parting, onlooker }
    }

    /// Something of a document was written or removed, by whoever: still all that is published is found.
    async fn changed<T>(
        &self,
        key: &DocumentKey,
        collection: &CollectionName,
        answer: Result<T, PortError>,
    ) -> Result<T, PortError> {
        self.onlooker.look(&key.tenant_id, collection).await?;
        answer
    }

    /// Whether the deletion saga, or another purge, is at work; else it is a re-embedding, or a worker that tidies up.
    fn is_purge(&self) -> bool {
        self.parting.0.place(Aspect::Part).is_some_and(|place| place.label.kind == Kind::Purge)
    }
}

#[async_trait]
impl SearchIndex for SeenIndex {
    async fn put_words(&self, document: &IndexedDocument, chunks: &[IndexedChunk]) -> Result<(), PortError> {
        let target = &document.target;
        self.onlooker.witness.touched(&target.key);
        let answer = match self.parting.of("search_index.put_words", chunks.len()) {
            None => self.inner.put_words(document, chunks).await,
            Some((done, error)) => {
                self.inner.put_words(document, &chunks[..done]).await?;
                Err(error)
            }
        };
        self.changed(&target.key, &target.collection, answer).await
    }

    async fn put_vectors(
        &self,
        target: &IndexTarget,
        vectors: &[(ChunkIndex, Embedding)],
    ) -> Result<(), PortError> {
        self.onlooker.witness.touched(&target.key);
        let answer = match self.parting.of("search_index.put_vectors", vectors.len()) {
            None => self.inner.put_vectors(target, vectors).await,
            Some((done, error)) => {
                self.inner.put_vectors(target, &vectors[..done]).await?;
                Err(error)
            }
        };
        self.changed(&target.key, &target.collection, answer).await
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
        if generation.is_some() || !self.is_purge() {
            self.onlooker.witness.touched(key);
        }
        if generation.is_some() {
            let answer = self.inner.purge(key, collection, generation, only_at).await;
            return self.changed(key, collection, answer).await;
        }
        let answer = match self.parting.of("search_index.purge", 2) {
            None => self.inner.purge(key, collection, None, only_at).await,
            Some((_, error)) => {
                self.onlooker.witness.touched(key);
                self.inner.purge(key, collection, Some(Generation::FIRST), only_at).await?;
                Err(error)
            }
        };
        self.changed(key, collection, answer).await
    }

    async fn usage(
        &self,
        key: &DocumentKey,
        collection: &CollectionName,
        generation: Option<Generation>,
    ) -> Result<IndexUsage, PortError> {
        let usage = self.inner.usage(key, collection, generation).await?;
        if generation.is_none() {
            self.onlooker.witness.counted_index(key);
        }
        Ok(usage)
    }
}
