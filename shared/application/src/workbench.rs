//! `Workbench`: the use cases that change documents, put together over ports in the one way they fit. Functions, the single
//! node and tests compose with it; which adapters there are and what a deployment's bounds are, they decide. Nothing is run
//! here. Use cases of one port need no workbench.

use std::sync::Arc;

use millrace_chunking::ChunkingPolicy;
use millrace_domain::ByteSize;
use millrace_ports::{
    BlobStore, Clock, CollectionStore, EmbeddingCache, EventStore, IdGenerator, JobLedger, JobQueue,
    ReadModel, TextExtractor, Tokenizer, UploadUrls,
};

use crate::{
    AcceptContent, AdvanceReembeddings, CachedVectors, CompleteUpload, Documents, EmbedChunks, Embedders,
    EmbeddingModels, FailIngestion, IndexSpaces, IngestDocument, Jobs, Leftovers, PurgeDocument,
    PurgeGeneration, ReembedBatch, ReembedPolicy, Reembeddings, StalledDocuments, StepPolicy, Steps, Sweep,
    SweepPolicy, UploadHistory,
};

/// The ports beneath all of these use cases.
#[derive(Debug, Clone)]
pub struct WorkbenchPorts {
    /// The histories.
    pub events: Arc<dyn EventStore>,
    /// The claims.
    pub ledger: Arc<dyn JobLedger>,
    /// The queues.
    pub queue: Arc<dyn JobQueue>,
    /// The contents.
    pub blobs: Arc<dyn BlobStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
}

/// How a deployment makes chunks of a content.
#[derive(Debug, Clone)]
pub struct Chunking {
    /// The parsers.
    pub extractor: Arc<dyn TextExtractor>,
    /// The embedder's tokenizer.
    pub tokenizer: Arc<dyn Tokenizer>,
    /// Bounds of chunks.
    pub policy: ChunkingPolicy,
    /// Chunks of one embedding batch.
    pub batch_size: usize,
}

/// Makes use cases. What only some of them need is an argument of theirs, so that a function without it need not have it.
#[derive(Debug, Clone)]
pub struct Workbench {
    ports: WorkbenchPorts,
    /// The documents over their histories.
    pub documents: Documents,
    /// Sending jobs.
    pub jobs: Jobs,
    /// Steps claimed in the ledger.
    pub steps: Steps,
    /// Where accepted uploads are found.
    pub history: UploadHistory,
}

impl Workbench {
    /// A workbench over these ports.
    pub fn new(ports: WorkbenchPorts) -> Self {
        let WorkbenchPorts { events, ledger, queue, clock, ids, .. } = ports.clone();
        Self {
            documents: Documents::new(events.clone(), clock.clone(), ids.clone()),
            jobs: Jobs::new(queue),
            steps: Steps::new(ledger, clock, ids, StepPolicy::default()),
            history: UploadHistory::new(events),
            ports,
        }
    }

    /// What all ways in have in common, for contents of this size at most.
    pub fn accept(
        &self,
        collections: Arc<dyn CollectionStore>,
        models: EmbeddingModels,
        content_bytes_max: ByteSize,
    ) -> AcceptContent {
        AcceptContent {
            documents: self.documents.clone(),
            jobs: self.jobs.clone(),
            ledger: self.ports.ledger.clone(),
            blobs: self.ports.blobs.clone(),
            collections,
            ids: self.ports.ids.clone(),
            models,
            content_bytes_max,
        }
    }

    /// Completes uploads by URL.
    pub fn complete_upload(&self, accept: AcceptContent, urls: Arc<dyn UploadUrls>) -> CompleteUpload {
        CompleteUpload { accept, history: self.history.clone(), urls }
    }

    /// The chunk-worker's step.
    pub fn ingest_document(&self, index: IndexSpaces, chunking: Chunking) -> IngestDocument {
        let Chunking { extractor, tokenizer, policy, batch_size } = chunking;
        IngestDocument {
            documents: self.documents.clone(),
            jobs: self.jobs.clone(),
            steps: self.steps.clone(),
            fail: self.fail_ingestion(),
            blobs: self.ports.blobs.clone(),
            extractor,
            tokenizer,
            leftovers: self.leftovers(index.clone()),
            index,
            ids: self.ports.ids.clone(),
            policy,
            batch_size: batch_size.max(1),
        }
    }

    /// The embed-worker's step.
    pub fn embed_chunks(
        &self,
        index: IndexSpaces,
        embedders: Embedders,
        cache: Arc<dyn EmbeddingCache>,
    ) -> EmbedChunks {
        EmbedChunks {
            documents: self.documents.clone(),
            jobs: self.jobs.clone(),
            steps: self.steps.clone(),
            fail: self.fail_ingestion(),
            blobs: self.ports.blobs.clone(),
            embedders,
            cache,
            reembeddings: self.reembeddings(index.collections().clone()),
            leftovers: self.leftovers(index.clone()),
            index,
            ids: self.ports.ids.clone(),
        }
    }

    /// The embed-worker's other step, of a re-embedding.
    pub fn reembed_batch(
        &self,
        index: IndexSpaces,
        embedders: Embedders,
        cache: Arc<dyn EmbeddingCache>,
    ) -> ReembedBatch {
        ReembedBatch {
            documents: self.documents.clone(),
            store: self.ports.events.clone(),
            steps: self.steps.clone(),
            blobs: self.ports.blobs.clone(),
            embedders,
            cache,
            reembeddings: self.reembeddings(index.collections().clone()),
            leftovers: self.leftovers(index.clone()),
            index,
        }
    }

    /// The records of collections that move to another model.
    pub fn reembeddings(&self, collections: Arc<dyn CollectionStore>) -> Reembeddings {
        Reembeddings::new(collections, self.ports.clock.clone())
    }

    /// The saga that moves them.
    pub fn advance_reembeddings(
        &self,
        index: IndexSpaces,
        views: Arc<dyn ReadModel>,
        policy: ReembedPolicy,
    ) -> AdvanceReembeddings {
        AdvanceReembeddings {
            documents: self.documents.clone(),
            views,
            reembeddings: self.reembeddings(index.collections().clone()),
            index,
            blobs: self.ports.blobs.clone(),
            jobs: self.jobs.clone(),
            ledger: self.ports.ledger.clone(),
            ids: self.ports.ids.clone(),
            policy,
        }
    }

    /// The deletion saga.
    pub fn purge_document(&self, index: IndexSpaces, cache: Arc<dyn EmbeddingCache>) -> PurgeDocument {
        PurgeDocument {
            documents: self.documents.clone(),
            steps: self.steps.clone(),
            blobs: self.ports.blobs.clone(),
            vectors: self.cached_vectors(cache),
            index,
        }
    }

    /// The compensation of what a generation left behind.
    pub fn purge_generation(&self, index: IndexSpaces, cache: Arc<dyn EmbeddingCache>) -> PurgeGeneration {
        PurgeGeneration {
            documents: self.documents.clone(),
            steps: self.steps.clone(),
            blobs: self.ports.blobs.clone(),
            vectors: self.cached_vectors(cache),
            index,
        }
    }

    /// The sweeper's schedule.
    pub fn sweep(&self, complete: CompleteUpload, reembeddings: AdvanceReembeddings) -> Sweep {
        Sweep {
            documents: self.documents.clone(),
            stalled: StalledDocuments::new(
                self.documents.clone(),
                self.ports.events.clone(),
                self.jobs.clone(),
                self.ports.ledger.clone(),
                self.ports.ids.clone(),
            ),
            ledger: self.ports.ledger.clone(),
            blobs: self.ports.blobs.clone(),
            complete,
            reembeddings,
            policy: SweepPolicy::default(),
        }
    }

    fn fail_ingestion(&self) -> FailIngestion {
        FailIngestion::new(self.documents.clone(), self.jobs.clone())
    }

    fn cached_vectors(&self, cache: Arc<dyn EmbeddingCache>) -> CachedVectors {
        CachedVectors::new(self.ports.blobs.clone(), cache)
    }

    fn leftovers(&self, index: IndexSpaces) -> Leftovers {
        Leftovers {
            documents: self.documents.clone(),
            steps: self.steps.clone(),
            blobs: self.ports.blobs.clone(),
            index,
        }
    }
}
