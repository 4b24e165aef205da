//! What a test sees of a world: histories, hits, what the index and the blob store hold. It looks behind the faults and
//! changes nothing.
#![expect(clippy::expect_used, reason = "the adapters behind do not fail")]

use std::sync::Arc;

use millrace_application::{ChunkFile, SearchRequest};
use millrace_domain::{
    CollectionName, ContentHash, Document, DocumentKey, EventEnvelope, Generation, QueueName, Version,
    check_document, evolve,
};
use millrace_ports::{BlobKey, BlobPrefix, DeadLetter, JobQueue, QueueDepth, SearchFilter};
use millrace_test_support::FaultyJobQueue;
use serde_json::Value;

use crate::World;

/// What is stored of a document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Chunks in the word index.
    pub chunks: u64,
    /// Vectors in the index.
    pub vectors: u64,
    /// Blobs.
    pub blobs: u64,
}

/// The last part of an event's type: `text_extracted` of `millrace.document.text_extracted`.
pub fn event_type(envelope: &EventEnvelope) -> String {
    let name = envelope.event.type_name();
    name.rsplit('.').next().unwrap_or(name).to_owned()
}

impl World {
    /// The queues as handlers use them, with faults.
    pub(crate) fn ingest_queue(&self) -> Arc<dyn JobQueue> {
        Arc::new(FaultyJobQueue::new(self.behind.queue.clone(), self.faults.clone()))
    }

    /// The document's state.
    pub async fn document(&self, key: &DocumentKey) -> Document {
        self.documents.load(key).await.expect("the history can be read").expect("the document exists")
    }

    /// The whole history.
    pub async fn history(&self, key: &DocumentKey) -> Vec<EventEnvelope> {
        self.behind.store.read(key, Version::NONE, 10_000).await.expect("the history can be read")
    }

    /// The types of the events, in order.
    pub async fn types(&self, key: &DocumentKey) -> Vec<String> {
        self.history(key).await.iter().map(event_type).collect()
    }

    /// Holds the history to be without gaps, its events to be different ones and every state on the way to be sound.
    ///
    /// # Panics
    /// If it is not so.
    pub async fn check_history(&self, key: &DocumentKey) {
        let history = self.history(key).await;
        let mut state = None;
        for (envelope, position) in history.iter().zip(1..) {
            assert_eq!(envelope.sequence, Version::new(position), "a gap or a fork");
            let document = evolve(state.take(), &envelope.event, envelope.time);
            assert_eq!(check_document(&document), [], "after event {position}");
            state = Some(document);
        }
        let mut ids: Vec<_> = history.iter().map(|envelope| envelope.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), history.len(), "two events have one id");
        assert_eq!(
            state.as_ref(),
            Some(&self.document(key).await),
            "the state is not the fold of the events"
        );
    }

    /// The history without what differs from run to run: times, new ids, attempts, and which vectors came from the cache.
    /// Sorted, since batches may be embedded in any order.
    pub async fn essence(&self, key: &DocumentKey) -> Vec<String> {
        let essence = |envelope: &EventEnvelope| {
            let mut data = envelope.event.to_data();
            strip(&mut data);
            format!("{} {data}", event_type(envelope))
        };
        let mut all: Vec<_> = self.history(key).await.iter().map(essence).collect();
        all.sort_unstable();
        all
    }

    /// What is stored of the document, of one generation or of all.
    pub async fn stored(&self, key: &DocumentKey, generation: Option<Generation>) -> Leftovers {
        let collection = CollectionName::default();
        let index = self.behind.index.usage(key, &collection, generation).await.expect("usage works");
        let prefix = match generation {
            Some(generation) => BlobPrefix::chunks(key, generation),
            None => BlobPrefix::document(key),
        };
        let blobs = self.behind.blobs.usage(&prefix).await.expect("usage works");
        Leftovers { chunks: index.chunks, vectors: index.vectors, blobs: blobs.blobs }
    }

    /// The cache's keys for the chunks of a generation, as far as their blobs are there.
    pub async fn chunk_hashes(&self, key: &DocumentKey, generation: Generation) -> Vec<ContentHash> {
        let mut hashes = Vec::new();
        for batch in 0.. {
            let blob = BlobKey::chunk_batch(key, generation, batch);
            let Ok(bytes) = self.behind.blobs.get(&blob).await else { break };
            let file = ChunkFile::from_bytes(&bytes).expect("a chunk file reads");
            hashes.extend(file.chunks.iter().map(|chunk| chunk.content_hash()));
        }
        hashes
    }

    /// How many of these hashes have a cached vector.
    pub async fn cached(&self, key: &DocumentKey, hashes: &[ContentHash]) -> usize {
        let model = &millrace_ports::Embedder::model(&*self.embedder).id;
        let vectors = self.behind.cache.get(&key.tenant_id, model, hashes).await.expect("the cache works");
        vectors.iter().flatten().count()
    }

    /// How many hits a search for a word has, of this document, whose text holds the word.
    pub async fn hits(&self, key: &DocumentKey, word: &str) -> usize {
        let request = SearchRequest {
            tenant_id: key.tenant_id.clone(),
            collection: CollectionName::default(),
            query: word.into(),
            limit: 100,
            hits_per_document_max: None,
            filter: SearchFilter { documents: vec![key.document_id], ..SearchFilter::default() },
        };
        let hits = self.search.run(request).await.expect("the search works").hits;
        hits.iter().filter(|hit| hit.chunk.text.contains(word)).count()
    }

    /// How many messages a queue has.
    pub async fn depth(&self, queue: QueueName) -> QueueDepth {
        self.behind.consumer.depth(queue).await.expect("depth works")
    }

    /// The dead letters of a queue.
    pub async fn dead_letters(&self, queue: QueueName) -> Vec<DeadLetter> {
        self.behind.dead_letters.list(queue, None, 100).await.expect("dead letters can be listed").letters
    }
}

/// What differs from run to run, or depends on what was cached when a worker died.
const STRIPPED: [&str; 8] = [
    "attempts",
    "cached",
    "cached_vectors",
    "job_id",
    "processing_time_ms",
    "requested_at",
    "upload_id",
    "verified_at",
];

fn strip(data: &mut Value) {
    let Value::Object(fields) = data else { return };
    for name in STRIPPED {
        fields.remove(name);
    }
    fields.values_mut().for_each(strip);
}
