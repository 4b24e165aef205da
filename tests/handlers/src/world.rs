//! `World`: what a single node composes, over adapters in memory. The use cases reach every port through a fault decorator;
//! a test looks at the adapters behind. Driving it is in `driving`, looking at it in `looking`.
#![expect(clippy::expect_used, reason = "a world that cannot be made is a broken test")]

use std::collections::HashMap;
use std::sync::Arc;

use millrace_adapters_local::{
    Database, EventPattern, JournalStream, LocalEventBus, LocalUploadUrls, MemoryBlobStore, Publications,
    Rule, SqliteEmbeddingCache, SqliteEventStore, SqliteJobLedger, SqliteJobQueue, SqliteReadModel,
    SqliteSearchIndex, SqliteSettings,
};
use millrace_application::{
    AcceptContent, CachedVectors, CancelIngestion, CompleteUpload, DeleteDocument, Documents, EmbedChunks,
    FailIngestion, IngestDocument, Jobs, Leftovers, ListDeadLetters, ProjectDocuments, PublishEvents,
    PurgeDocument, PurgeGeneration, ReceiveUpload, RedriveDeadLetters, ReplaceDocument, RetryIngestion,
    SUBSCRIPTIONS, SearchDocuments, StartUpload, StepPolicy, Steps, Sweep, SweepPolicy, UploadDocument,
    UploadHistory, queue_policy,
};
use millrace_chunking::{ChunkingPolicy, TokenCounting};
use millrace_domain::{ByteSize, QueueName};
use millrace_ports::{
    BlobStore, Clock, CollectionStore, DeadLetters, Embedder, EmbeddingCache, EventBus, EventStore,
    IdGenerator, JobConsumer, JobLedger, JobQueue, ReadModel, SearchIndex, UploadReceiver, UploadUrls,
};
use millrace_sweeper::Purges;
use millrace_test_support::{
    FaultPlan, FaultyBlobStore, FaultyEmbeddingCache, FaultyEventBus, FaultyEventStore, FaultyJobLedger,
    FaultyJobQueue, FaultyReadModel, FaultySearchIndex, FaultyUploadUrls, SeededIds, SimClock, WordTokenizer,
};

use crate::{TinyEmbedder, TinyExtractor};

/// Chunks of one embedding batch: few, so that short texts have several.
pub const BATCH_SIZE: usize = 2;
/// Most tokens, here words, of a chunk.
const TOKENS_MAX: u16 = 32;
/// Largest content.
const CONTENT_BYTES_MAX: ByteSize = ByteSize::new(1 << 20);

/// The adapters, without faults.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The histories.
    pub store: Arc<dyn EventStore>,
    /// The claims.
    pub ledger: Arc<dyn JobLedger>,
    /// Sending and steering messages.
    pub queue: Arc<dyn JobQueue>,
    /// Receiving them.
    pub consumer: Arc<dyn JobConsumer>,
    /// What was given up on them.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// The contents.
    pub blobs: Arc<dyn BlobStore>,
    /// Vectors already paid for.
    pub cache: Arc<dyn EmbeddingCache>,
    /// The index.
    pub index: Arc<dyn SearchIndex>,
    /// The lists.
    pub views: Arc<dyn ReadModel>,
    /// The bus.
    pub bus: Arc<dyn EventBus>,
    /// The collections.
    pub collections: Arc<dyn CollectionStore>,
    /// URLs for uploads.
    pub urls: Arc<dyn UploadUrls>,
    /// Their receiving end.
    pub receiver: Arc<dyn UploadReceiver>,
}

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
    /// What lies behind the faults.
    pub behind: Parts,
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
    /// chunk-worker's use case.
    pub ingest: IngestDocument,
    /// embed-worker's use case.
    pub embed: EmbedChunks,
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
        let clock = Arc::new(SimClock::default());
        let database = Database::open_in_memory().expect("memory suffices");
        let (behind, journal) = open(&database, &clock).await;
        let (faults, ids) = (Arc::new(FaultPlan::new()), Arc::new(SeededIds::new(7)));
        let used = behind.with_faults(&faults);
        compose(clock, ids, faults, Arc::new(embedder), (behind, used), journal)
    }

    /// The API's parts with another model, over the same adapters: a server that was started anew.
    pub fn upload_with_model(&self, embedder: &TinyEmbedder) -> UploadDocument {
        UploadDocument::new(accept(&self.behind, &self.documents, self.ids.clone(), embedder))
    }
}

async fn open(database: &Database, clock: &Arc<SimClock>) -> (Parts, JournalStream) {
    let clock: Arc<dyn Clock> = clock.clone();
    let publications =
        Arc::new(Publications::load(database).await.expect("an empty database publishes nothing"));
    let store = Arc::new(SqliteEventStore::new(database.clone(), publications.clone()));
    let policies: HashMap<_, _> =
        QueueName::ALL.map(|queue| (queue, queue_policy(queue, StepPolicy::default()))).into();
    let queue = Arc::new(SqliteJobQueue::new(database.clone(), clock.clone(), policies));
    let rules = SUBSCRIPTIONS.map(|subscription| Rule {
        subscriber: subscription.queue,
        pattern: EventPattern::Prefix(subscription.event_type_prefix.into()),
    });
    let index = SqliteSearchIndex::open(database.clone(), publications).await.expect("an empty index opens");
    let journal = JournalStream::new(database.clone(), &store);
    let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobStore::new(clock.clone()));
    let urls = LocalUploadUrls::open(database, [7; 32], blobs.clone(), queue.clone(), clock.clone());
    let urls = Arc::new(urls.await.expect("an empty database takes a secret"));
    let parts = Parts {
        store,
        ledger: Arc::new(SqliteJobLedger::new(database.clone(), clock.clone())),
        bus: Arc::new(LocalEventBus::new(queue.clone(), &rules)),
        consumer: queue.clone(),
        dead_letters: queue.clone(),
        queue,
        blobs,
        urls: urls.clone(),
        receiver: urls,
        cache: Arc::new(SqliteEmbeddingCache::new(database.clone(), 10_000)),
        index: Arc::new(index),
        views: Arc::new(SqliteReadModel::new(database.clone())),
        collections: Arc::new(SqliteSettings::new(database.clone())),
    };
    (parts, journal)
}

impl Parts {
    /// The same parts behind a plan of faults.
    fn with_faults(&self, plan: &Arc<FaultPlan>) -> Self {
        Self {
            store: Arc::new(FaultyEventStore::new(self.store.clone(), plan.clone())),
            ledger: Arc::new(FaultyJobLedger::new(self.ledger.clone(), plan.clone())),
            queue: Arc::new(FaultyJobQueue::new(self.queue.clone(), plan.clone())),
            consumer: Arc::new(FaultyJobQueue::new(self.consumer.clone(), plan.clone())),
            dead_letters: Arc::new(FaultyJobQueue::new(self.dead_letters.clone(), plan.clone())),
            blobs: Arc::new(FaultyBlobStore::new(self.blobs.clone(), plan.clone())),
            cache: Arc::new(FaultyEmbeddingCache::new(self.cache.clone(), plan.clone())),
            index: Arc::new(FaultySearchIndex::new(self.index.clone(), plan.clone())),
            views: Arc::new(FaultyReadModel::new(self.views.clone(), plan.clone())),
            bus: Arc::new(FaultyEventBus::new(self.bus.clone(), plan.clone())),
            collections: self.collections.clone(),
            urls: Arc::new(FaultyUploadUrls::new(self.urls.clone(), plan.clone())),
            receiver: self.receiver.clone(),
        }
    }
}

fn accept(
    parts: &Parts,
    documents: &Documents,
    ids: Arc<dyn IdGenerator>,
    embedder: &TinyEmbedder,
) -> AcceptContent {
    AcceptContent {
        documents: documents.clone(),
        jobs: Jobs::new(parts.queue.clone()),
        ledger: parts.ledger.clone(),
        blobs: parts.blobs.clone(),
        collections: parts.collections.clone(),
        ids,
        model: embedder.model().clone(),
        content_bytes_max: CONTENT_BYTES_MAX,
    }
}

fn compose(
    clock: Arc<SimClock>,
    ids: Arc<SeededIds>,
    faults: Arc<FaultPlan>,
    embedder: Arc<TinyEmbedder>,
    (behind, used): (Parts, Parts),
    journal: JournalStream,
) -> World {
    let documents = Documents::new(used.store.clone(), clock.clone(), ids.clone());
    let jobs = Jobs::new(used.queue.clone());
    let steps = Steps::new(used.ledger.clone(), clock.clone(), ids.clone(), StepPolicy::default());
    let fail = FailIngestion::new(documents.clone(), jobs.clone());
    let accept = accept(&used, &documents, ids.clone(), &embedder);
    let leftovers = Leftovers {
        documents: documents.clone(),
        steps: steps.clone(),
        blobs: used.blobs.clone(),
        index: used.index.clone(),
    };
    let purges = purges(&used, &documents, &steps);
    let history = UploadHistory::new(used.store.clone());
    let complete =
        CompleteUpload { accept: accept.clone(), history: history.clone(), urls: used.urls.clone() };
    World {
        start: StartUpload {
            accept: accept.clone(),
            history: history.clone(),
            urls: used.urls.clone(),
            content_bytes_max: CONTENT_BYTES_MAX,
        },
        receive: ReceiveUpload { blobs: used.blobs.clone(), history, receiver: used.receiver.clone() },
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
            embedder: embedder.clone(),
            collections: behind.collections.clone(),
        },
        ingest: IngestDocument {
            documents: documents.clone(),
            jobs: jobs.clone(),
            steps: steps.clone(),
            fail: fail.clone(),
            blobs: used.blobs.clone(),
            extractor: Arc::new(TinyExtractor::default()),
            tokenizer: Arc::new(WordTokenizer),
            index: used.index.clone(),
            leftovers: leftovers.clone(),
            ids: ids.clone(),
            policy: ChunkingPolicy::new(TOKENS_MAX, 4)
                .expect("the bounds are within range")
                .with_counting(TokenCounting::AddsUpAtWhiteSpace),
            batch_size: BATCH_SIZE,
        },
        embed: EmbedChunks {
            documents: documents.clone(),
            jobs: jobs.clone(),
            steps,
            fail,
            blobs: used.blobs.clone(),
            embedder: embedder.clone(),
            cache: used.cache.clone(),
            index: used.index.clone(),
            leftovers,
            ids: ids.clone(),
        },
        purges,
        sweep: Sweep {
            documents: documents.clone(),
            store: used.store.clone(),
            jobs,
            ledger: used.ledger.clone(),
            blobs: used.blobs.clone(),
            complete,
            ids: ids.clone(),
            policy: SweepPolicy::default(),
        },
        project: ProjectDocuments::new(documents, used.views.clone()),
        publish: PublishEvents::new(used.bus.clone()),
        consumer: used.consumer,
        behind,
        clock,
        ids,
        faults,
        embedder,
    }
}

fn cached_vectors(used: &Parts) -> CachedVectors {
    CachedVectors::new(used.blobs.clone(), used.cache.clone())
}

fn purges(used: &Parts, documents: &Documents, steps: &Steps) -> Purges {
    Purges {
        document: PurgeDocument {
            documents: documents.clone(),
            steps: steps.clone(),
            blobs: used.blobs.clone(),
            vectors: cached_vectors(used),
            index: used.index.clone(),
        },
        generation: PurgeGeneration {
            documents: documents.clone(),
            steps: steps.clone(),
            blobs: used.blobs.clone(),
            vectors: cached_vectors(used),
            index: used.index.clone(),
        },
    }
}
