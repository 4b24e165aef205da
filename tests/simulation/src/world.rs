//! `World`: what a single node composes, over adapters in memory, with the simulation's layers between them and the use
//! cases: weather and turns outermost, then what breaks off batches and lets the witness see, then the adapter.
#![expect(clippy::expect_used, reason = "a world that cannot be made is a broken simulation")]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures::FutureExt as _;
use millrace_adapters_local::{JournalStream, SqliteSettings};
use millrace_api::{ApiContext, ApiKeyAuthenticator, ApiPorts, ApiSettings, router};
use millrace_application::{
    CompleteUpload, Documents, Embedders, IndexSpaces, IngestDocument, ProjectDocuments, PublishEvents,
    ReembedPolicy, SearchDocuments, Sweep, hash_secret,
};
use millrace_domain::TenantId;
use millrace_embed_worker::Embeds;
use millrace_memory_node::{CONTENT_BYTES_MAX, MemoryNode, Parts, small_chunks};
use millrace_ports::{ApiKey, ApiKeyStore, Clock, DeadLetters, IdGenerator, JobConsumer, JobQueue};
use millrace_sweeper::Purges;
use millrace_test_support::{FaultPlan, SeededIds, SimClock};

use crate::operator::Operator;
use crate::parting::Parting;
use crate::ports::{
    Deleted, LossyQueue, Onlooker, PartedBlobStore, PartedCache, QuickEmbedder, QuickExtractor, SeenBus,
    SeenCollections, SeenConsumer, SeenDeadLetters, SeenEventStore, SeenIds, SeenIndex, SeenLedger,
};
use crate::scheduler::{Scheduler, WorkerClock};
use crate::witness::Witness;

/// Longer than any run takes: time in a run is the scheduler's.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

/// The functions, as an event source calls them.
#[derive(Debug)]
pub(crate) struct Functions {
    pub(crate) router: Router,
    pub(crate) ingest: IngestDocument,
    pub(crate) embed: Embeds,
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
    /// The dead letters, which wait for nothing and are seen.
    pub(crate) dead_letters: Arc<dyn DeadLetters>,
    pub(crate) journal: Arc<JournalStream>,
    pub(crate) search_behind: SearchDocuments,
    pub(crate) documents_behind: Documents,
    pub(crate) onlooker: Onlooker,
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
            let node = open(layers).await;
            for (tenant, secret) in tenants {
                node.settings.create(api_key(tenant, secret)).await.expect("memory suffices");
            }
            node
        };
        let MemoryNode { parts: behind, journal, settings, .. } =
            making.now_or_never().expect("memory does not wait");
        let ids = Arc::new(SeenIds::new(SeededIds::new(seed), layers.witness.clone()));
        let plan = Arc::new(FaultPlan::directed(layers.scheduler.clone()));
        let deleted = Deleted::default();
        let used = seen(&behind, layers, &deleted).behind_faults(&plan);
        let policy = Operator::policy(seed);
        let functions = Arc::new(compose(layers, ids.clone(), &plan, &used, (settings, policy)));
        let search_behind = SearchDocuments {
            store: behind.store.clone(),
            index: behind.index.clone(),
            embedders: QuickEmbedder::both(&Arc::new(FaultPlan::new())),
            collections: behind.collections.clone(),
        };
        let documents_behind = Documents::new(behind.store.clone(), layers.clock.clone(), ids);
        let onlooker = onlooker(&behind, &layers.witness);
        Self {
            functions,
            deleted,
            onlooker,
            dead_letters: seen_letters(&behind, layers),
            behind,
            journal: Arc::new(journal),
            search_behind,
            documents_behind,
        }
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

async fn open(layers: &Layers) -> MemoryNode {
    // Leases are compared with the clock of the worker that asks, as a conditional write does.
    let skewed = Arc::new(WorkerClock(layers.scheduler.clone()));
    let lossy = |queue| {
        Arc::new(LossyQueue::new(queue, layers.scheduler.clone(), layers.witness.clone()))
            as Arc<dyn JobQueue>
    };
    MemoryNode::open_with(layers.clock.clone(), skewed, lossy).await
}

fn onlooker(behind: &Parts, witness: &Arc<Witness>) -> Onlooker {
    Onlooker {
        index: behind.index.clone(),
        collections: behind.collections.clone(),
        witness: witness.clone(),
    }
}

fn seen_letters(behind: &Parts, layers: &Layers) -> Arc<dyn DeadLetters> {
    let (letters, consumer) = (behind.dead_letters.clone(), behind.consumer.clone());
    Arc::new(SeenDeadLetters::new(letters, consumer, layers.scheduler.clone(), layers.witness.clone()))
}

/// The parts with what lets the witness see, and breaks off batches.
fn seen(behind: &Parts, layers: &Layers, deleted: &Deleted) -> Parts {
    let (scheduler, witness) = (&layers.scheduler, &layers.witness);
    let parting = Parting(scheduler.clone());
    let onlooker = onlooker(behind, witness);
    Parts {
        store: Arc::new(SeenEventStore {
            inner: behind.store.clone(),
            onlooker: onlooker.clone(),
            blobs: behind.blobs.clone(),
            witness: witness.clone(),
            scheduler: scheduler.clone(),
        }),
        ledger: Arc::new(SeenLedger::new(behind.ledger.clone(), witness.clone())),
        queue: Arc::new(LossyQueue::new(behind.queue.clone(), scheduler.clone(), witness.clone())),
        steering: Arc::new(LossyQueue::for_steering(
            behind.queue.clone(),
            scheduler.clone(),
            witness.clone(),
        )),
        consumer: Arc::new(SeenConsumer::new(
            behind.consumer.clone(),
            deleted.clone(),
            scheduler.clone(),
            witness.clone(),
        )),
        dead_letters: seen_letters(behind, layers),
        blobs: Arc::new(PartedBlobStore::new(behind.blobs.clone(), parting.clone(), witness.clone())),
        cache: Arc::new(PartedCache::new(behind.cache.clone(), parting.clone(), witness.clone())),
        index: Arc::new(SeenIndex::new(behind.index.clone(), parting, onlooker.clone())),
        collections: Arc::new(SeenCollections::new(behind.collections.clone(), onlooker)),
        bus: Arc::new(SeenBus::new(behind.bus.clone(), witness.clone())),
        ..behind.clone()
    }
}

fn compose(
    layers: &Layers,
    ids: Arc<dyn IdGenerator>,
    plan: &Arc<FaultPlan>,
    used: &Parts,
    (keys, policy): (Arc<SqliteSettings>, ReembedPolicy),
) -> Functions {
    let clock: Arc<dyn Clock> = Arc::new(WorkerClock(layers.scheduler.clone()));
    let embedders = QuickEmbedder::both(plan);
    let bench = used.workbench(clock.clone(), ids.clone());
    let (index, cache) = (IndexSpaces::new(used.index.clone(), used.collections.clone()), &used.cache);
    let accept = bench.accept(used.collections.clone(), embedders.models(), CONTENT_BYTES_MAX);
    let advance = bench.advance_reembeddings(index.clone(), used.views.clone(), policy);
    let complete = bench.complete_upload(accept, used.urls.clone());
    let extractor = Arc::new(QuickExtractor::new(plan.clone()));
    Functions {
        router: api(used, &clock, &ids, &embedders, keys),
        ingest: bench.ingest_document(index.clone(), small_chunks(extractor)),
        embed: Embeds::new(&bench, index.clone(), embedders, cache.clone()),
        purges: Purges::new(&bench, index.clone(), cache.clone()),
        sweep: bench.sweep(complete.clone(), advance),
        complete,
        project: ProjectDocuments::new(bench.documents.clone(), used.views.clone()),
        publish: PublishEvents::new(used.bus.clone()),
        jobs: used.steering.clone(),
        consumer: used.consumer.clone(),
    }
}

fn api(
    used: &Parts,
    clock: &Arc<dyn Clock>,
    ids: &Arc<dyn IdGenerator>,
    embedders: &Embedders,
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
        embedders: embedders.clone(),
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
