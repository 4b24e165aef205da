//! `World`: what a single node composes, over adapters in memory, with the simulation's layers between them and the use
//! cases: weather and turns outermost, then what breaks off batches and lets the witness see, then the adapter.
#![expect(clippy::expect_used, reason = "a world that cannot be made is a broken simulation")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures::FutureExt as _;
use millrace_adapters_local::{
    Database, EventPattern, JournalStream, LocalEventBus, LocalUploadUrls, MemoryBlobStore, Publications,
    Rule, SqliteEmbeddingCache, SqliteEventStore, SqliteJobLedger, SqliteJobQueue, SqliteReadModel,
    SqliteSearchIndex, SqliteSettings,
};
use millrace_api::{ApiContext, ApiKeyAuthenticator, ApiPorts, ApiSettings, router};
use millrace_application::{
    AcceptContent, CachedVectors, CompleteUpload, Documents, EmbedChunks, FailIngestion, IngestDocument,
    Jobs, Leftovers, ProjectDocuments, PublishEvents, PurgeDocument, PurgeGeneration, SUBSCRIPTIONS,
    SearchDocuments, StepPolicy, Steps, Sweep, SweepPolicy, UploadHistory, hash_secret, queue_policy,
};
use millrace_chunking::{ChunkingPolicy, TokenCounting};
use millrace_domain::{ByteSize, QueueName, TenantId};
use millrace_ports::{
    ApiKey, ApiKeyStore, BlobStore, Clock, CollectionStore, DeadLetters, Embedder, EmbeddingCache, EventBus,
    EventStore, IdGenerator, JobConsumer, JobLedger, JobQueue, ReadModel, SearchIndex, UploadReceiver,
    UploadUrls,
};
use millrace_sweeper::Purges;
use millrace_test_support::{
    FaultPlan, FaultyBlobStore, FaultyEmbeddingCache, FaultyEventBus, FaultyEventStore, FaultyJobLedger,
    FaultyJobQueue, FaultyReadModel, FaultySearchIndex, FaultyUploadUrls, SeededIds, SimClock, WordTokenizer,
};

use crate::parting::Parting;
use crate::ports::{
    Deleted, LossyQueue, PartedBlobStore, PartedCache, QuickEmbedder, QuickExtractor, SeenBus, SeenConsumer,
    SeenEventStore, SeenIndex, SeenLedger, WaitingCollections,
};
use crate::scheduler::{Scheduler, WorkerClock};
use crate::witness::Witness;

/// Chunks of one embedding batch: few, so that short texts have several.
const BATCH_SIZE: usize = 2;
/// Most tokens, here words, of a chunk.
const TOKENS_MAX: u16 = 32;
/// Largest content.
const CONTENT_BYTES_MAX: ByteSize = ByteSize::new(1 << 20);
/// Longer than any run takes: time in a run is the scheduler's.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// One of each port.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) ledger: Arc<dyn JobLedger>,
    pub(crate) queue: Arc<dyn JobQueue>,
    /// The same, for handlers that steer messages.
    pub(crate) steering: Arc<dyn JobQueue>,
    pub(crate) consumer: Arc<dyn JobConsumer>,
    pub(crate) dead_letters: Arc<dyn DeadLetters>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) urls: Arc<dyn UploadUrls>,
    pub(crate) receiver: Arc<dyn UploadReceiver>,
    pub(crate) cache: Arc<dyn EmbeddingCache>,
    pub(crate) index: Arc<dyn SearchIndex>,
    pub(crate) views: Arc<dyn ReadModel>,
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) collections: Arc<dyn CollectionStore>,
}

/// The functions, as an event source calls them.
#[derive(Debug)]
pub(crate) struct Functions {
    pub(crate) router: Router,
    pub(crate) ingest: IngestDocument,
    pub(crate) embed: EmbedChunks,
    pub(crate) purges: Purges,
    pub(crate) complete: CompleteUpload,
    pub(crate) sweep: Sweep,
    pub(crate) project: ProjectDocuments,
    pub(crate) publish: PublishEvents,
    /// Through which handlers steer messages.
    pub(crate) jobs: Arc<dyn JobQueue>,
    /// Through which event sources delete them.
    pub(crate) consumer: Arc<dyn JobConsumer>,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) functions: Arc<Functions>,
    /// Which messages were deleted.
    pub(crate) deleted: Deleted,
    /// The adapters, without layers.
    pub(crate) behind: Parts,
    pub(crate) journal: Arc<JournalStream>,
    pub(crate) search_behind: SearchDocuments,
    pub(crate) documents_behind: Documents,
}

/// What the layers report to.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    pub(crate) clock: Arc<SimClock>,
    pub(crate) scheduler: Arc<Scheduler>,
    pub(crate) witness: Arc<Witness>,
}

impl World {
    /// An empty world, in which these tenants have these secrets.
    pub(crate) fn new(seed: u64, layers: &Layers, tenants: &[(TenantId, String)]) -> Self {
        let making = async {
            let (behind, journal, settings) = open(layers).await;
            for (tenant, secret) in tenants {
                settings.create(api_key(tenant, secret)).await.expect("memory suffices");
            }
            (behind, journal, settings)
        };
        let (behind, journal, settings) = making.now_or_never().expect("memory does not wait");
        let ids = Arc::new(SeededIds::new(seed));
        let plan = Arc::new(FaultPlan::directed(layers.scheduler.clone()));
        let deleted = Deleted::default();
        let used = seen(&behind, layers, &deleted).behind_faults(&plan);
        let functions = Arc::new(compose(layers, ids.clone(), &plan, &used, settings));
        let search_behind = SearchDocuments {
            store: behind.store.clone(),
            index: behind.index.clone(),
            embedder: Arc::new(QuickEmbedder::new(Arc::new(FaultPlan::new()))),
            collections: behind.collections.clone(),
        };
        let documents_behind = Documents::new(behind.store.clone(), layers.clock.clone(), ids);
        Self { functions, deleted, behind, journal: Arc::new(journal), search_behind, documents_behind }
    }
}

fn api_key(tenant: &TenantId, secret: &str) -> ApiKey {
    ApiKey {
        secret_sha256: hash_secret(secret),
        tenant_id: tenant.clone(),
        label: "simulated".into(),
        created_at: millrace_test_support::SIM_START,
    }
}

async fn open(layers: &Layers) -> (Parts, JournalStream, Arc<SqliteSettings>) {
    let clock: Arc<dyn Clock> = layers.clock.clone();
    // Leases are compared with the clock of the worker that asks, as a conditional write does.
    let skewed = Arc::new(WorkerClock(layers.scheduler.clone()));
    let database = Database::open_in_memory().expect("memory suffices");
    let publications =
        Arc::new(Publications::load(&database).await.expect("an empty database publishes nothing"));
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
    let settings = Arc::new(SqliteSettings::new(database.clone()));
    let lossy = Arc::new(LossyQueue::new(queue.clone(), layers.scheduler.clone()));
    let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobStore::new(clock.clone()));
    let urls = LocalUploadUrls::open(&database, [7; 32], blobs.clone(), lossy.clone(), clock);
    let urls = Arc::new(urls.await.expect("an empty database takes a secret"));
    let parts = Parts {
        store,
        ledger: Arc::new(SqliteJobLedger::new(database.clone(), skewed)),
        bus: Arc::new(LocalEventBus::new(lossy, &rules)),
        consumer: queue.clone(),
        steering: queue.clone(),
        dead_letters: queue.clone(),
        queue,
        blobs,
        urls: urls.clone(),
        receiver: urls,
        cache: Arc::new(SqliteEmbeddingCache::new(database.clone(), 10_000)),
        index: Arc::new(index),
        views: Arc::new(SqliteReadModel::new(database)),
        collections: settings.clone(),
    };
    (parts, journal, settings)
}

/// The parts with what lets the witness see, and breaks off batches.
fn seen(behind: &Parts, layers: &Layers, deleted: &Deleted) -> Parts {
    let (scheduler, witness) = (&layers.scheduler, &layers.witness);
    let parting = Parting(scheduler.clone());
    Parts {
        store: Arc::new(SeenEventStore {
            inner: behind.store.clone(),
            index: behind.index.clone(),
            blobs: behind.blobs.clone(),
            witness: witness.clone(),
            scheduler: scheduler.clone(),
        }),
        ledger: Arc::new(SeenLedger::new(behind.ledger.clone(), witness.clone())),
        queue: Arc::new(LossyQueue::new(behind.queue.clone(), scheduler.clone())),
        steering: Arc::new(LossyQueue::for_steering(
            behind.queue.clone(),
            scheduler.clone(),
            witness.clone(),
        )),
        consumer: Arc::new(SeenConsumer::new(behind.consumer.clone(), deleted.clone(), scheduler.clone())),
        blobs: Arc::new(PartedBlobStore::new(behind.blobs.clone(), parting.clone(), witness.clone())),
        cache: Arc::new(PartedCache::new(behind.cache.clone(), parting.clone())),
        index: Arc::new(SeenIndex::new(behind.index.clone(), parting, witness.clone())),
        bus: Arc::new(SeenBus::new(behind.bus.clone(), witness.clone())),
        ..behind.clone()
    }
}

impl Parts {
    fn behind_faults(&self, plan: &Arc<FaultPlan>) -> Self {
        Self {
            store: Arc::new(FaultyEventStore::new(self.store.clone(), plan.clone())),
            ledger: Arc::new(FaultyJobLedger::new(self.ledger.clone(), plan.clone())),
            queue: Arc::new(FaultyJobQueue::new(self.queue.clone(), plan.clone())),
            steering: Arc::new(FaultyJobQueue::new(self.steering.clone(), plan.clone())),
            consumer: Arc::new(FaultyJobQueue::new(self.consumer.clone(), plan.clone())),
            dead_letters: Arc::new(FaultyJobQueue::new(self.dead_letters.clone(), plan.clone())),
            urls: Arc::new(FaultyUploadUrls::new(self.urls.clone(), plan.clone())),
            receiver: self.receiver.clone(),
            blobs: Arc::new(FaultyBlobStore::new(self.blobs.clone(), plan.clone())),
            cache: Arc::new(FaultyEmbeddingCache::new(self.cache.clone(), plan.clone())),
            index: Arc::new(FaultySearchIndex::new(self.index.clone(), plan.clone())),
            views: Arc::new(FaultyReadModel::new(self.views.clone(), plan.clone())),
            bus: Arc::new(FaultyEventBus::new(self.bus.clone(), plan.clone())),
            collections: Arc::new(WaitingCollections::new(self.collections.clone(), plan.clone())),
        }
    }
}

fn compose(
    layers: &Layers,
    ids: Arc<dyn IdGenerator>,
    plan: &Arc<FaultPlan>,
    used: &Parts,
    keys: Arc<SqliteSettings>,
) -> Functions {
    let clock: Arc<dyn Clock> = Arc::new(WorkerClock(layers.scheduler.clone()));
    let embedder: Arc<dyn Embedder> = Arc::new(QuickEmbedder::new(plan.clone()));
    let documents = Documents::new(used.store.clone(), clock.clone(), ids.clone());
    let jobs = Jobs::new(used.queue.clone());
    let steps = Steps::new(used.ledger.clone(), clock.clone(), ids.clone(), StepPolicy::default());
    let fail = FailIngestion::new(documents.clone(), jobs.clone());
    let leftovers = leftovers(used, &documents, &steps);
    let complete = complete(used, &documents, &ids, &*embedder);
    Functions {
        router: api(used, &clock, &ids, &embedder, keys),
        ingest: IngestDocument {
            documents: documents.clone(),
            jobs: jobs.clone(),
            steps: steps.clone(),
            fail: fail.clone(),
            blobs: used.blobs.clone(),
            extractor: Arc::new(QuickExtractor::new(plan.clone())),
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
            steps: steps.clone(),
            fail,
            blobs: used.blobs.clone(),
            embedder,
            cache: used.cache.clone(),
            index: used.index.clone(),
            leftovers,
            ids: ids.clone(),
        },
        purges: purges(used, &documents, &steps),
        sweep: Sweep {
            documents: documents.clone(),
            store: used.store.clone(),
            jobs,
            ledger: used.ledger.clone(),
            blobs: used.blobs.clone(),
            complete: complete.clone(),
            ids,
            policy: SweepPolicy::default(),
        },
        complete,
        project: ProjectDocuments::new(documents, used.views.clone()),
        publish: PublishEvents::new(used.bus.clone()),
        jobs: used.steering.clone(),
        consumer: used.consumer.clone(),
    }
}

fn api(
    used: &Parts,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn IdGenerator>,
    embedder: &Arc<dyn Embedder>,
    keys: Arc<SqliteSettings>,
) -> Router {
    let ports = ApiPorts {
        events: used.store.clone(),
        ledger: used.ledger.clone(),
        queue: used.queue.clone(),
        consumer: used.consumer.clone(),
        dead_letters: used.dead_letters.clone(),
        blobs: used.blobs.clone(),
        upload_urls: used.urls.clone(),
        upload_receiver: Some(used.receiver.clone()),
        views: used.views.clone(),
        index: used.index.clone(),
        cache: used.cache.clone(),
        collections: used.collections.clone(),
        embedder: embedder.clone(),
        clock: clock.clone(),
        ids: ids.clone(),
    };
    let settings = ApiSettings {
        content_bytes_max: CONTENT_BYTES_MAX,
        upload_bytes_max: CONTENT_BYTES_MAX,
        request_time_max: FOR_EVER,
        upload_time_max: FOR_EVER,
        body_silence_max: FOR_EVER,
    };
    router(ApiContext::new(ports, Arc::new(ApiKeyAuthenticator::new(keys)), settings))
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

fn cached_vectors(used: &Parts) -> CachedVectors {
    CachedVectors::new(used.blobs.clone(), used.cache.clone())
}

fn leftovers(used: &Parts, documents: &Documents, steps: &Steps) -> Leftovers {
    Leftovers {
        documents: documents.clone(),
        steps: steps.clone(),
        blobs: used.blobs.clone(),
        index: used.index.clone(),
    }
}

fn complete(
    used: &Parts,
    documents: &Documents,
    ids: &Arc<dyn IdGenerator>,
    embedder: &dyn Embedder,
) -> CompleteUpload {
    let accept = AcceptContent {
        documents: documents.clone(),
        jobs: Jobs::new(used.queue.clone()),
        ledger: used.ledger.clone(),
        blobs: used.blobs.clone(),
        collections: used.collections.clone(),
        ids: ids.clone(),
        model: embedder.model().clone(),
        content_bytes_max: CONTENT_BYTES_MAX,
    };
    CompleteUpload { accept, history: UploadHistory::new(used.store.clone()), urls: used.urls.clone() }
}
