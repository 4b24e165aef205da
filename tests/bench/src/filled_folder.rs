//! Fills a data folder with made-up chunks before a server is started on it, through the adapters the server itself
//! uses. The vectors carry the built-in model's name, so that the server searches them with real query vectors.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use millrace_adapters_local::synthetic::{self, SyntheticCorpus};
use millrace_adapters_local::{
    DataFolder, Database, Publications, SqliteEventStore, SqliteSearchIndex, SqliteSettings,
};
use millrace_domain::{
    ChunkIndex, Collection, CollectionName, DocumentKey, Generation, ModelId, TenantId, Timestamp, Version,
};
use millrace_ports::{
    Candidate, CollectionStore as _, Embedding, IndexTarget, IndexUsage, IndexedChunk, IndexedDocument,
    PortError, SearchIndex, SearchQuery,
};

/// The built-in model. Should it change, the server refuses to search and says so.
const MODEL: &str = "all-MiniLM-L6-v2-int8";
const DIMENSIONS: u16 = 384;
const CHUNKS_PER_DOCUMENT: u32 = 100;
const SEED: u64 = 3;
const QUESTIONS_SEED: u64 = 4;

/// Fills the folder and gives the texts of the chunks, for whoever indexes the same otherwise.
pub(crate) async fn fill(folder: &Path, collection: &str, chunks: u32) -> Result<Vec<String>> {
    let folder = DataFolder::open(folder)?;
    let database = Database::open(&folder.database())?;
    let publications = Arc::new(Publications::load(&database).await?);
    let events = SqliteEventStore::new(database.clone(), Arc::clone(&publications));
    let index = SqliteSearchIndex::open(database.clone(), publications).await?;
    let corpus = SyntheticCorpus {
        tenant_id: TenantId::local_default(),
        collection: CollectionName::new(collection).context("name the collection")?,
        chunks,
        chunks_per_document: CHUNKS_PER_DOCUMENT,
        dimensions: usize::from(DIMENSIONS),
        seed: SEED,
    };
    let model = (ModelId::new(MODEL).context("name the model")?, DIMENSIONS);
    let (tenant_id, name) = (corpus.tenant_id.clone(), corpus.collection.clone());
    let used = Collection::new(tenant_id, name, model, Timestamp::from_millis(0));
    SqliteSettings::new(database).create_if_absent(used).await?;
    let overheard = Overheard { index, texts: Mutex::default() };
    synthetic::fill(&overheard, &events, &corpus).await?;
    Ok(overheard.texts.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Questions in the words of those chunks.
pub(crate) fn questions(count: usize) -> Vec<String> {
    let questions = synthetic::questions(QUESTIONS_SEED, count, usize::from(DIMENSIONS));
    questions.into_iter().map(|(text, _)| text).collect()
}

/// The index, with a copy of every text that is written to it.
#[derive(Debug)]
struct Overheard {
    index: SqliteSearchIndex,
    texts: Mutex<Vec<String>>,
}

#[async_trait]
impl SearchIndex for Overheard {
    async fn put_words(&self, document: &IndexedDocument, chunks: &[IndexedChunk]) -> Result<(), PortError> {
        self.index.put_words(document, chunks).await?;
        let texts = chunks.iter().map(|chunk| chunk.text.clone());
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).extend(texts);
        Ok(())
    }

    async fn put_vectors(
        &self,
        target: &IndexTarget,
        vectors: &[(ChunkIndex, Embedding)],
    ) -> Result<(), PortError> {
        self.index.put_vectors(target, vectors).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Candidate>, PortError> {
        self.index.search(query).await
    }

    async fn purge(
        &self,
        key: &DocumentKey,
        collection: &CollectionName,
        generation: Option<Generation>,
        only_at: Option<Version>,
    ) -> Result<IndexUsage, PortError> {
        self.index.purge(key, collection, generation, only_at).await
    }

    async fn usage(
        &self,
        key: &DocumentKey,
        collection: &CollectionName,
        generation: Option<Generation>,
    ) -> Result<IndexUsage, PortError> {
        self.index.usage(key, collection, generation).await
    }
}
