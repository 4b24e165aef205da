//! `SqliteSearchIndex`: the search index of a single node. Rows are durable in the database before memory shows them,
//! and both change in the order of the commits. Searching itself is `scan`'s; publishing is `Publications`'.

use std::sync::Arc;
use std::thread;

use async_trait::async_trait;
use millrace_domain::{ChunkIndex, CollectionName, DocumentKey, Generation, Version};
use millrace_ports::{
    Candidate, Embedding, ErrorKind, IndexTarget, IndexUsage, IndexedChunk, IndexedDocument, PortError,
    SearchIndex, SearchQuery,
};

use super::collection::Collection;
use super::entry::{About, Entry};
use super::filter::Filter;
use super::forward::encode;
use super::load::load;
use super::rows;
use super::scan::{Found, Question, scan};
use super::segment::{Segment, SegmentBuilder};
use super::vector_block::{QueryVector, Row};
use crate::{Database, Publications, QuantisedVector, WorkerPool, corrupt};
use millrace_words::Analyzer;

/// Chunks or vectors in one write, so that an acknowledgement waits for a few milliseconds of it at most.
const SLICE: usize = 128;
/// Times a search is repeated because what it found was purged before its text was read.
const SEARCH_ATTEMPTS_MAX: u32 = 3;

/// The search index on one machine.
#[derive(Debug)]
pub struct SqliteSearchIndex {
    database: Database,
    publications: Arc<Publications>,
    /// Threads that search.
    searchers: WorkerPool,
    /// One thread that analyses texts and merges segments.
    indexer: WorkerPool,
}

impl SqliteSearchIndex {
    /// Loads the index into memory. `publications` must be loaded, and nothing be written meanwhile.
    pub async fn open(database: Database, publications: Arc<Publications>) -> Result<Self, PortError> {
        let (searchers, indexer) = if database.is_in_memory() {
            (WorkerPool::inline(), WorkerPool::inline())
        } else {
            let cores = thread::available_parallelism().map_or(1, usize::from);
            (WorkerPool::start("millrace-search", cores)?, WorkerPool::start("millrace-indexer", 1)?)
        };
        load(&database, &publications, &indexer).await?;
        Ok(Self { database, publications, searchers, indexer })
    }

    /// Bytes of words and vectors in memory, of all collections; without file names and metadata.
    pub fn memory_bytes(&self) -> usize {
        self.publications.all().iter().map(|collection| collection.bytes()).sum()
    }

    async fn put_slice(
        &self,
        document: &IndexedDocument,
        (about, metadata): (&Arc<About>, &Arc<str>),
        chunks: Vec<IndexedChunk>,
    ) -> Result<(), PortError> {
        let attempted = format!("index words of {:?}", document.target.key.document_id);
        let analysed = self.indexer.run(&attempted, move || Ok(analyse(chunks))).await?;
        let Analysed { chunks, terms, segment } = analysed;
        let (target, publications) = (document.target.clone(), Arc::clone(&self.publications));
        let (about, metadata) = (Arc::clone(about), Arc::clone(metadata));
        let filename = about.filename.clone();
        let (document_id, generation) = (target.key.document_id, target.generation);
        let (tenant, name) = (target.key.tenant_id.clone(), target.collection.clone());
        let save = move |connection: &rusqlite::Connection| {
            let entry = rows::save_entry(connection, &target, &filename, &metadata)?;
            for (chunk, terms) in chunks.iter().zip(&terms) {
                rows::save_chunk(connection, entry, chunk, terms)?;
            }
            Ok(entry)
        };
        let show = move |entry: &i64| {
            // Looked up here, on the thread that commits: a space that has emptied meanwhile was forgotten.
            let collection = publications.collection(&tenant, &name);
            collection.put(vec![Entry::new(*entry, document_id, generation, about)], segment);
        };
        self.database.write_bulk_then(attempted, save, show).await.map(drop)
    }

    /// Removes a slice of what is to be purged; whether that was all.
    async fn purge_slice(
        &self,
        key: &DocumentKey,
        collection: &CollectionName,
        generation: Option<Generation>,
        only_at: Option<Version>,
    ) -> Result<(IndexUsage, bool), PortError> {
        let (key, name) = (key.clone(), collection.clone());
        let (document, publications) = (key.document_id, Arc::clone(&self.publications));
        let (tenant, forgotten) = (key.tenant_id.clone(), name.clone());
        let remove = move |connection: &rusqlite::Connection| {
            if let Some(version) = only_at {
                rows::require_head(connection, &key, version)?;
            }
            let entries = rows::entries(connection, &key, &name, generation)?;
            match entries.first() {
                Some(&entry) => Ok((rows::remove_some(connection, entry, SLICE as u32)?, false)),
                None => Ok((IndexUsage::default(), true)),
            }
        };
        let forget = move |_: &(IndexUsage, bool)| {
            if let Some(memory) = publications.find(&tenant, &forgotten) {
                memory.purge(document, generation);
                publications.forget_empty(&tenant, &forgotten);
            }
        };
        self.database.write_bulk_then(format!("purge {document:?}"), remove, forget).await
    }

    async fn upkeep(&self, collection: Arc<Collection>) -> Result<(), PortError> {
        let merge = move || {
            collection.upkeep();
            Ok(())
        };
        self.indexer.run("merge the index", merge).await
    }

    /// The candidates with their texts; `None` if one of them is gone.
    async fn fetch(
        &self,
        found: Vec<Found>,
        last_attempt: bool,
    ) -> Result<Option<Vec<Candidate>>, PortError> {
        let read = move |connection: &rusqlite::Connection| {
            let mut candidates = Vec::with_capacity(found.len());
            for found in found {
                match rows::read_chunk(connection, found.entry.row, found.chunk)? {
                    Some(chunk) => candidates.push(candidate(&found, chunk)),
                    None if last_attempt => {}
                    None => return Ok(None),
                }
            }
            Ok(Some(candidates))
        };
        self.database.read("read the chunks found", read).await
    }
}

#[async_trait]
impl SearchIndex for SqliteSearchIndex {
    async fn put_words(&self, document: &IndexedDocument, chunks: &[IndexedChunk]) -> Result<(), PortError> {
        chunks.iter().try_for_each(|chunk| rows::check_chunk(chunk.index))?;
        let target = &document.target;
        let about = Arc::new(About::from(document));
        let metadata: Arc<str> = serde_json::to_string(&document.metadata).map_err(corrupt)?.into();
        for slice in chunks.chunks(SLICE) {
            self.put_slice(document, (&about, &metadata), slice.to_vec()).await?;
        }
        match self.publications.find(&target.key.tenant_id, &target.collection) {
            Some(collection) => self.upkeep(collection).await,
            None => Ok(()),
        }
    }

    async fn put_vectors(
        &self,
        target: &IndexTarget,
        vectors: &[(ChunkIndex, Embedding)],
    ) -> Result<(), PortError> {
        let collection = self.publications.collection(&target.key.tenant_id, &target.collection);
        let Some(dimensions) = common_dimensions(&collection, vectors)? else { return Ok(()) };
        for slice in vectors.chunks(SLICE) {
            let quantise = |(chunk, vector): &(_, _)| (*chunk, QuantisedVector::from_embedding(vector));
            let quantised: Vec<_> = slice.iter().map(quantise).collect();
            let rows: Vec<_> = quantised.iter().map(|(chunk, v)| (*chunk, Row::new(&v.values))).collect();
            let attempted = format!("index vectors of {:?}", target.key.document_id);
            let (target, publications) = (target.clone(), Arc::clone(&self.publications));
            let (document, generation) = (target.key.document_id, target.generation);
            let (tenant, name) = (target.key.tenant_id.clone(), target.collection.clone());
            let save = move |connection: &rusqlite::Connection| {
                let Some(entry) = rows::find_entry(connection, &target)? else { return Ok(()) };
                quantised.iter().try_for_each(|(chunk, vector)| {
                    rows::save_vector(connection, entry, *chunk, &vector.to_bytes())
                })
            };
            let show = move |_: &()| {
                if let Some(collection) = publications.find(&tenant, &name) {
                    collection.put_vectors(document, generation, dimensions, &rows);
                }
            };
            self.database.write_bulk_then(attempted, save, show).await?;
        }
        Ok(())
    }

    async fn search(&self, query: &SearchQuery) -> Result<Vec<Candidate>, PortError> {
        let Some(collection) = self.publications.find(&query.tenant_id, &query.collection) else {
            return Ok(Vec::new());
        };
        let question = Arc::new(question(&collection, query)?);
        for attempt in 1..=SEARCH_ATTEMPTS_MAX {
            let (collection, question) = (Arc::clone(&collection), Arc::clone(&question));
            let searching = move || Ok(scan(&collection.windows(), &question));
            let found = self.searchers.run("search", searching).await?;
            if let Some(candidates) = self.fetch(found, attempt == SEARCH_ATTEMPTS_MAX).await? {
                return Ok(candidates);
            }
        }
        Ok(Vec::new())
    }

    async fn purge(
        &self,
        key: &DocumentKey,
        collection: &CollectionName,
        generation: Option<Generation>,
        only_at: Option<Version>,
    ) -> Result<IndexUsage, PortError> {
        let mut removed = IndexUsage::default();
        loop {
            let (slice, done) = self.purge_slice(key, collection, generation, only_at).await?;
            removed.chunks += slice.chunks;
            removed.vectors += slice.vectors;
            if done {
                break;
            }
        }
        if let Some(collection) = self.publications.find(&key.tenant_id, collection) {
            self.upkeep(collection).await?;
        }
        Ok(removed)
    }

    async fn usage(
        &self,
        key: &DocumentKey,
        collection: &CollectionName,
        generation: Option<Generation>,
    ) -> Result<IndexUsage, PortError> {
        let (key, collection) = (key.clone(), collection.clone());
        let attempted = format!("count the index of {:?}", key.document_id);
        let count = move |connection: &rusqlite::Connection| {
            let mut usage = IndexUsage::default();
            for entry in rows::entries(connection, &key, &collection, generation)? {
                let of_entry = rows::count(connection, entry)?;
                usage.chunks += of_entry.chunks;
                usage.vectors += of_entry.vectors;
            }
            Ok(usage)
        };
        self.database.read(attempted, count).await
    }
}

struct Analysed {
    chunks: Vec<IndexedChunk>,
    terms: Vec<Vec<u8>>,
    segment: Segment,
}

fn analyse(chunks: Vec<IndexedChunk>) -> Analysed {
    let mut analyzer = Analyzer::new();
    let mut builder = SegmentBuilder::default();
    let mut terms = Vec::with_capacity(chunks.len());
    for chunk in &chunks {
        let found = analyzer.chunk(&chunk.text);
        builder.push(0, chunk.index.get(), &found);
        terms.push(encode(&found));
    }
    Analysed { chunks, terms, segment: builder.build() }
}

/// The length of the vectors, which must be the collection's; `None` if there are none.
fn common_dimensions(
    collection: &Collection,
    vectors: &[(ChunkIndex, Embedding)],
) -> Result<Option<usize>, PortError> {
    let Some(first) = vectors.first().map(|(_, vector)| vector.0.len()) else { return Ok(None) };
    let dimensions = collection.dimensions().unwrap_or(first);
    match vectors.iter().find(|(_, vector)| vector.0.len() != dimensions) {
        Some((_, other)) => Err(wrong_length(other.0.len(), dimensions)),
        None => Ok(Some(dimensions)),
    }
}

fn question(collection: &Collection, query: &SearchQuery) -> Result<Question, PortError> {
    let vector =
        query.vector.as_ref().map(|vector| QueryVector::new(&QuantisedVector::from_embedding(vector)));
    if let (Some(vector), Some(dimensions)) = (&vector, collection.dimensions())
        && vector.dimensions != dimensions
    {
        return Err(wrong_length(vector.dimensions, dimensions));
    }
    Ok(Question {
        terms: Analyzer::new().query(&query.text),
        vector,
        filter: Filter::new(&query.filter),
        candidates: query.candidates,
    })
}

fn wrong_length(found: usize, expected: usize) -> PortError {
    let attempted = format!("compare a vector of {found} numbers with the collection's of {expected}");
    PortError::new(ErrorKind::Invalid, attempted)
}

fn candidate(found: &Found, chunk: IndexedChunk) -> Candidate {
    Candidate {
        document_id: found.entry.document_id,
        generation: found.entry.generation,
        filename: found.entry.about().filename.clone(),
        chunk,
        words: found.words,
        similarity: found.similarity,
    }
}
