//! `S3VectorsIndex`: the `SearchIndex` port. Writing, purging and counting are here; searching is `search`'s.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use millrace_domain::{ChunkIndex, CollectionName, DocumentKey, Generation, Version};
use millrace_ports::{
    Candidate, Clock, Embedding, ErrorKind, EventStore, IndexTarget, IndexUsage, IndexedChunk,
    IndexedDocument, PortError, SearchIndex, SearchQuery,
};

use super::index_name::index_name;
use super::search::{Searching, Stores, WINDOW};
use super::vector_key::VectorKey;
use super::vector_metadata::metadata_of;
use super::vector_store::{NewVector, VectorStore};
use super::word_key::ExtentKey;
use super::word_part::WordPart;
#[cfg(test)]
use super::word_records::Window;
use super::word_records::{Place, WordRecords};
use crate::dynamodb::TableName;

/// How long it is remembered how far a purged generation reached: as long as a worker that knows nothing of the purge
/// could still write vectors, and many times more than any message lives.
const PURGED_REMEMBERED_MS: i64 = 30 * 24 * 60 * 60 * 1_000;

/// Where the index keeps things.
#[derive(Debug, Clone)]
pub struct SearchTables {
    /// The bucket of the vector indexes. It exists; the indexes in it are made when they are needed.
    pub vector_bucket: String,
    /// The table of the words (`schema::words`).
    pub words: TableName,
}

/// The search index of all tenants.
pub struct S3VectorsIndex {
    vectors: VectorStore,
    words: WordRecords,
    events: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    searching: Searching,
}

impl fmt::Debug for S3VectorsIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3VectorsIndex").field("words", &self.words).finish_non_exhaustive()
    }
}

impl S3VectorsIndex {
    /// An index over these clients. `events` says what is published.
    pub fn new(
        vectors: aws_sdk_s3vectors::Client,
        dynamodb: aws_sdk_dynamodb::Client,
        tables: SearchTables,
        events: Arc<dyn EventStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            vectors: VectorStore::new(vectors, tables.vector_bucket),
            words: WordRecords::new(dynamodb, tables.words),
            events,
            clock,
            searching: Searching::over(WINDOW),
        }
    }

    /// The same index, searching fewer words.
    #[cfg(test)]
    pub(super) fn with_window(self, window: Window) -> Self {
        Self { searching: Searching::over(window), ..self }
    }

    /// The words of these chunks, as far as there are any.
    async fn words_of(
        &self,
        target: &IndexTarget,
        chunks: impl Iterator<Item = ChunkIndex>,
    ) -> Result<BTreeMap<ChunkIndex, (IndexedDocument, IndexedChunk)>, PortError> {
        let key = ExtentKey { document_id: target.key.document_id, generation: target.generation };
        let parts = self.words.parts_of(place(&target.key, &target.collection), key, chunks).await?;
        let mut words = BTreeMap::new();
        for part in parts {
            let WordPart { filename, metadata, chunks } = part.unpack("read stored words")?;
            let document = IndexedDocument { target: target.clone(), filename, metadata };
            words.extend(chunks.into_iter().map(|(index, chunk)| (index, (document.clone(), chunk))));
        }
        Ok(words)
    }

    /// What one generation has.
    async fn usage_of(
        &self,
        place: Place<'_>,
        generation: ExtentKey,
        keys: &[VectorKey],
    ) -> Result<IndexUsage, PortError> {
        let index = index_name(place.tenant, place.collection);
        let chunks = self.words.count(place, generation).await?;
        let vectors = self.vectors.count(&index, keys).await?;
        Ok(IndexUsage { chunks, vectors })
    }

    /// Refuses as `Conflict` if the document's head is not at this version. What follows within one call's timeout counts
    /// as the same instant.
    async fn require_head(&self, key: &DocumentKey, version: Version) -> Result<(), PortError> {
        let heads = self.events.heads(std::slice::from_ref(key)).await?;
        if heads.first().and_then(Option::as_ref).is_some_and(|head| head.version == version) {
            return Ok(());
        }
        let attempted = format!("purge document {} at version {version}", key.document_id);
        Err(PortError::new(ErrorKind::Conflict, attempted))
    }
}

fn place<'a>(key: &'a DocumentKey, collection: &'a CollectionName) -> Place<'a> {
    Place { tenant: &key.tenant_id, collection }
}

/// The keys of all vectors that a generation can have.
fn keys_of(generation: ExtentKey, chunks: u32) -> Vec<VectorKey> {
    let ExtentKey { document_id, generation } = generation;
    (0..chunks).map(|chunk| VectorKey { document_id, generation, chunk: ChunkIndex::new(chunk) }).collect()
}

fn add(sum: IndexUsage, one: IndexUsage) -> IndexUsage {
    IndexUsage { chunks: sum.chunks + one.chunks, vectors: sum.vectors + one.vectors }
}

#[async_trait]
impl SearchIndex for S3VectorsIndex {
    async fn put_words(&self, document: &IndexedDocument, chunks: &[IndexedChunk]) -> Result<(), PortError> {
        let target = &document.target;
        // Refused now rather than when its vector comes: nobody waits for the embedding of a chunk that cannot be stored.
        for chunk in chunks {
            metadata_of(document, chunk).map_err(|error| {
                let attempted = format!("index chunk {} of document {}", chunk.index, target.key.document_id);
                PortError::caused(ErrorKind::Invalid, attempted, error)
            })?;
        }
        self.words.put(place(&target.key, &target.collection), document, chunks).await
    }

    /// A vector without words is not stored: its words were purged, or never came.
    async fn put_vectors(
        &self,
        target: &IndexTarget,
        vectors: &[(ChunkIndex, Embedding)],
    ) -> Result<(), PortError> {
        let words = self.words_of(target, vectors.iter().map(|(chunk, _)| *chunk)).await?;
        let (document_id, generation) = (target.key.document_id, target.generation);
        let mut new = Vec::with_capacity(vectors.len());
        for (chunk, values) in vectors {
            let Some((document, words)) = words.get(chunk) else { continue };
            let metadata = metadata_of(document, words).map_err(|error| {
                let attempted = format!("index chunk {chunk} of document {document_id}");
                PortError::caused(ErrorKind::Invalid, attempted, error)
            })?;
            let metadata_bytes = serde_json::to_vec(&metadata).map_or(0, |json| json.len());
            let key = VectorKey { document_id, generation, chunk: *chunk };
            new.push(NewVector { key, values: values.clone(), metadata, metadata_bytes });
        }
        self.vectors.put(&index_name(&target.key.tenant_id, &target.collection), new).await
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Candidate>, PortError> {
        let stores = Stores { vectors: &self.vectors, words: &self.words, events: &*self.events };
        self.searching.run(stores, query).await
    }

    /// Words go first, so that a worker that is late finds none and stores no vector any more.
    async fn purge(
        &self,
        key: &DocumentKey,
        collection: &CollectionName,
        generation: Option<Generation>,
        only_at: Option<Version>,
    ) -> Result<IndexUsage, PortError> {
        let place = place(key, collection);
        let index = index_name(place.tenant, place.collection);
        let mut removed = IndexUsage::default();
        for (extent, chunks) in self.words.extents(place, key.document_id, generation).await? {
            if let Some(version) = only_at {
                self.require_head(key, version).await?;
            }
            let keys = keys_of(extent, chunks);
            removed = add(removed, self.usage_of(place, extent, &keys).await?);
            self.words.remove(place, extent).await?;
            self.vectors.delete(&index, &keys).await?;
            let forgotten = self.clock.now().plus_millis(PURGED_REMEMBERED_MS);
            self.words.expire(place, extent, forgotten).await?;
        }
        Ok(removed)
    }

    async fn usage(
        &self,
        key: &DocumentKey,
        collection: &CollectionName,
        generation: Option<Generation>,
    ) -> Result<IndexUsage, PortError> {
        let place = place(key, collection);
        let mut usage = IndexUsage::default();
        for (extent, chunks) in self.words.extents(place, key.document_id, generation).await? {
            usage = add(usage, self.usage_of(place, extent, &keys_of(extent, chunks)).await?);
        }
        Ok(usage)
    }
}
