//! `World`: what a single node composes, over adapters in memory. The use cases reach every port through a fault decorator;
//! a test looks at the adapters behind. Driving it is in `driving`, looking at it in `looking`.

use std::sync::Arc;

use millrace_adapters_local::{Database, JournalStream};
use millrace_application::{
    AbortReembedding, CancelIngestion, CompleteUpload, DeleteDocument, Documents, Embedders, EmbeddingModels,
    IndexSpaces, IngestDocument, ListDeadLetters, ProjectDocuments, PublishEvents, ReceiveUpload,
    RedriveDeadLetters, ReembedPolicy, ReplaceDocument, RetryIngestion, SearchDocuments, StartReembedding,
    StartUpload, Sweep, UploadDocument,
};
use millrace_embed_worker::Embeds;
use millrace_memory_node::{CONTENT_BYTES_MAX, MemoryNode, Parts, small_chunks};
use millrace_ports::{Embedder, JobConsumer};
use millrace_sweeper::Purges;
use millrace_test_support::{FaultPlan, SeededIds, SimClock};

use crate::{FURTHER_MODEL, TinyEmbedder, TinyExtractor};

/// All of it.
#[derive(Debug)]
pub struct World {
    /// The time.
    pub clock: Arc<SimClock>,
    /// The ids.
    pub ids: Arc<SeededIds>,
    /// What goes wrong in calls of the use cases and of the queues' consumer.
    pub faults: Arc<FaultPlan>,
    /// The model.
    pub embedder: Arc<TinyEmbedder>,
    /// The model to move collections to.
    pub further: Arc<TinyEmbedder>,
    /// What lies behind the faults.
    pub behind: Parts,
    /// What lies beneath.
    pub database: Database,
    /// The queues' consumer, with faults.
    pub consumer: Arc<dyn JobConsumer>,
    /// The journal as a stream.
    pub journal: JournalStream,
    /// Histories, for tests that make one by hand; without faults.
    pub documents: Documents,
    /// Uploading.
    pub upload: UploadDocument,
    /// Replacing.
    pub replace: ReplaceDocument,
    /// Starting uploads by URL.
    pub start: StartUpload,
    /// Taking their bytes.
    pub receive: ReceiveUpload,
    /// Completing them.
    pub complete: CompleteUpload,
    /// Cancelling.
    pub cancel: CancelIngestion,
    /// Deleting.
    pub delete: DeleteDocument,
    /// Retrying.
    pub retry: RetryIngestion,
    /// Looking at dead letters.
    pub list_dead_letters: ListDeadLetters,
    /// Putting them back.
    pub redrive: RedriveDeadLetters,
    /// Searching.
    pub search: SearchDocuments,
    /// Moving a collection to another model.
    pub start_reembedding: StartReembedding,
    /// Stopping that.
    pub abort_reembedding: AbortReembedding,
    /// chunk-worker's use case.
    pub ingest: IngestDocument,
    /// embed-worker's use case.
    pub embed: Embeds,
    /// The sweeper's sagas.
    pub purges: Purges,
    /// The sweeper's schedule.
    pub sweep: Sweep,
    /// projector's use case.
    pub project: ProjectDocuments,
    /// event-relay's use case.
    pub publish: PublishEvents,
}

impl World {
    /// An empty world.
    pub async fn new() -> Self {
        Self::with_embedder(TinyEmbedder::default()).await
    }

    /// An empty world with another embedder.
    pub async fn with_embedder(embedder: TinyEmbedder) -> Self {
        Self::with_embedders(embedder, TinyEmbedder::of_dimensions(FURTHER_MODEL, 16)).await
    }

    /// An empty world with another embedder, and another one to move collections to.
    pub async fn with_embedders(embedder: TinyEmbedder, further: TinyEmbedder) -> Self {
        let clock = Arc::new(SimClock::default());
        let node = MemoryNode::open(clock.clone()).await;
        let (faults, ids) = (Arc::new(FaultPlan::new()), Arc::new(SeededIds::new(7)));
        compose(clock, ids, faults, (Arc::new(embedder), Arc::new(further)), node)
    }

    /// The API's parts with another model, over the same adapters: a server that was started anew.
    pub fn upload_with_model(&self, embedder: &TinyEmbedder) -> UploadDocument {
        let bench = self.behind.workbench(self.clock.clone(), self.ids.clone());
        let collections = self.behind.collections.clone();
        let models = EmbeddingModels::only(embedder.model().clone());
        UploadDocument::new(bench.accept(collections, models, CONTENT_BYTES_MAX))
    }
}

fn compose(
    clock: Arc<SimClock>,
    ids: Arc<SeededIds>,
    faults: Arc<FaultPlan>,
    (embedder, further): (Arc<TinyEmbedder>, Arc<TinyEmbedder>),
    MemoryNode { parts: behind, journal, database, .. }: MemoryNode,
) -> World {
    let used = behind.behind_faults(&faults);
    let bench = used.workbench(clock.clone(), ids.clone());
    let (documents, jobs) = (&bench.documents, &bench.jobs);
    let embedders = Embedders::only(embedder.clone()).with(further.clone());
    let (index, cache) = (IndexSpaces::new(used.index.clone(), used.collections.clone()), &used.cache);
    let accept = bench.accept(used.collections.clone(), embedders.models(), CONTENT_BYTES_MAX);
    let reembeddings = bench.reembeddings(used.collections.clone());
    // One document, or one transition, in each slice: so that tests can come between any two.
    let policy = ReembedPolicy { slice_ms: 0, page: 1, ..ReembedPolicy::default() };
    let advance = bench.advance_reembeddings(index.clone(), used.views.clone(), policy);
    let complete = bench.complete_upload(accept.clone(), used.urls.clone());
    let purges = Purges::new(&bench, index.clone(), cache.clone());
    World {
        start: StartUpload {
            accept: accept.clone(),
            history: bench.history.clone(),
            urls: used.urls.clone(),
            content_bytes_max: CONTENT_BYTES_MAX,
        },
        receive: ReceiveUpload {
            blobs: used.blobs.clone(),
            history: bench.history.clone(),
            receiver: used.receiver.clone(),
        },
        complete: complete.clone(),
        journal,
        documents: Documents::new(behind.store.clone(), clock.clone(), ids.clone()),
        upload: UploadDocument::new(accept.clone()),
        replace: ReplaceDocument::new(accept),
        cancel: CancelIngestion::new(documents.clone(), jobs.clone()),
        delete: DeleteDocument::new(documents.clone(), jobs.clone()),
        retry: RetryIngestion::new(documents.clone(), jobs.clone(), purges.generation.clone(), ids.clone()),
        list_dead_letters: ListDeadLetters::new(used.dead_letters.clone()),
        redrive: RedriveDeadLetters::new(used.dead_letters.clone()),
        search: SearchDocuments {
            store: behind.store.clone(),
            index: behind.index.clone(),
            embedders: embedders.clone(),
            collections: behind.collections.clone(),
        },
        ingest: bench.ingest_document(index.clone(), small_chunks(Arc::new(TinyExtractor::default()))),
        embed: Embeds::new(&bench, index.clone(), embedders.clone(), cache.clone()),
        start_reembedding: StartReembedding {
            reembeddings: reembeddings.clone(),
            models: embedders.models(),
            views: used.views.clone(),
        },
        abort_reembedding: AbortReembedding::new(reembeddings, used.views.clone()),
        purges,
        sweep: bench.sweep(complete, advance),
        project: ProjectDocuments::new(documents.clone(), used.views.clone()),
        publish: PublishEvents::new(used.bus.clone()),
        consumer: used.consumer,
        behind,
        database,
        clock,
        ids,
        faults,
        embedder,
        further,
    }
}
