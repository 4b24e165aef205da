//! The single node: the local adapters, the use cases over them, the router. Composition only; nothing is decided here but
//! which part goes where.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use millrace_adapters_local::{
    DataFolder, Database, EventPattern, FsBlobStore, JournalStream, LocalBlobStore, LocalEventBus,
    LocalUploadUrls, Publications, Rule, SqliteEmbeddingCache, SqliteEventStore, SqliteJobLedger,
    SqliteJobQueue, SqliteReadModel, SqliteSearchIndex, SqliteSettings, UPLOAD_SECRET_BYTES, WorkerPool,
};
use millrace_adapters_system::{SystemClock, SystemIdGenerator};
use millrace_api::{AlwaysTenant, ApiContext, ApiKeyAuthenticator, ApiPorts, ApiSettings, Authenticator};
use millrace_application::{
    Chunking, CompleteUpload, Embedders, IndexSpaces, IngestDocument, ProjectDocuments, PublishEvents,
    ReembedPolicy, SUBSCRIPTIONS, StepPolicy, Sweep, Workbench, WorkbenchPorts, queue_policy,
};
use millrace_chunking::{ChunkingPolicy, TokenCounting};
use millrace_domain::{ByteSize, QueueName, TenantId};
use millrace_embed_worker::Embeds;
use millrace_extraction::ProcessTextExtractor;
use millrace_ports::{Clock, ErrorKind, ExtractionLimits, IdGenerator, JobConsumer, JobQueue, PortError};
use millrace_sweeper::Purges;

use super::ServeArguments;
use super::embedder::{EmbedderChoice, choose_embedders};

/// Chunks of one embedding batch: large enough to fill every thread, small enough to show progress.
const BATCH_SIZE: usize = 64;
/// Vectors kept for texts that come again: about 400 bytes each.
const CACHED_VECTORS_MAX: u64 = 1_000_000;

/// How long a re-embedding lets lists catch up, in milliseconds. One machine's lists are a moment behind its histories.
const REEMBED_SETTLE_MS: u64 = 5_000;

/// Threads that wait for the disk: their syncs share the file system's commits.
const DISK_THREADS: usize = 8;

/// What a node is built from.
#[derive(Debug)]
pub(crate) struct NodeSettings {
    data_dir: PathBuf,
    asks_for_keys: bool,
    embedding_threads: NonZeroUsize,
    workers: NonZeroUsize,
    upload_bytes_max: u64,
    embedder: EmbedderChoice,
}

impl From<&ServeArguments> for NodeSettings {
    fn from(arguments: &ServeArguments) -> Self {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            data_dir: arguments.data_dir.clone(),
            asks_for_keys: arguments.require_api_keys || !is_loopback(arguments.listen),
            embedding_threads: arguments.embedding_threads.unwrap_or(cores),
            workers: arguments.workers.unwrap_or(cores),
            upload_bytes_max: arguments.upload_mib_max << 20,
            embedder: EmbedderChoice::from(arguments),
        }
    }
}

fn is_loopback(address: SocketAddr) -> bool {
    address.ip().is_loopback()
}

/// A composed node. The event sources take their handlers' parts from it.
pub(crate) struct Node {
    pub(crate) router: Router,
    pub(crate) asks_for_keys: bool,
    pub(crate) workers: NonZeroUsize,
    pub(crate) embedding_threads: NonZeroUsize,
    pub(crate) queue: Arc<dyn JobQueue>,
    pub(crate) consumer: Arc<dyn JobConsumer>,
    pub(crate) journal: Arc<JournalStream>,
    pub(crate) ingest: IngestDocument,
    pub(crate) embed: Embeds,
    pub(crate) purges: Purges,
    pub(crate) complete: CompleteUpload,
    pub(crate) project: ProjectDocuments,
    pub(crate) publish: PublishEvents,
    pub(crate) sweep: Sweep,
    /// Holds the folder's lock for as long as the node lives.
    _folder: DataFolder,
}

/// The adapters, opened.
struct Adapters {
    store: Arc<SqliteEventStore>,
    journal: Arc<JournalStream>,
    queue: Arc<SqliteJobQueue>,
    ledger: Arc<SqliteJobLedger>,
    bus: Arc<LocalEventBus>,
    views: Arc<SqliteReadModel>,
    settings: Arc<SqliteSettings>,
    cache: Arc<SqliteEmbeddingCache>,
    index: Arc<SqliteSearchIndex>,
    blobs: Arc<LocalBlobStore>,
    urls: Arc<LocalUploadUrls>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

impl Adapters {
    async fn open(folder: &DataFolder) -> anyhow::Result<Self> {
        let database = Database::open(&folder.database()).context("open the database")?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let publications = Arc::new(Publications::load(&database).await.context("load what is published")?);
        let store = Arc::new(SqliteEventStore::new(database.clone(), publications.clone()));
        let policies: HashMap<_, _> = QueueName::ALL
            .into_iter()
            .map(|queue| (queue, queue_policy(queue, StepPolicy::default())))
            .collect();
        let queue = Arc::new(SqliteJobQueue::new(database.clone(), clock.clone(), policies));
        let ledger = Arc::new(SqliteJobLedger::new(database.clone(), clock.clone()));
        // The folder's lock proves that no worker of an earlier process lives: what they held is free at once.
        queue.return_in_flight().await.context("return the messages of an earlier process")?;
        ledger.release_all().await.context("release the claims of an earlier process")?;
        let disk = WorkerPool::start("millrace-disk", DISK_THREADS).context("start threads for the disk")?;
        let files =
            FsBlobStore::open(folder.blobs(), clock.clone(), disk).await.context("open the blob folder")?;
        let blobs = Arc::new(LocalBlobStore::new(database.clone(), files));
        let urls = upload_urls(&database, &blobs, &queue, &clock).await?;
        let rules = SUBSCRIPTIONS.map(|subscription| Rule {
            subscriber: subscription.queue,
            pattern: EventPattern::Prefix(subscription.event_type_prefix.into()),
        });
        Ok(Self {
            journal: Arc::new(JournalStream::new(database.clone(), &store)),
            bus: Arc::new(LocalEventBus::new(queue.clone(), &rules)),
            views: Arc::new(SqliteReadModel::new(database.clone())),
            settings: Arc::new(SqliteSettings::new(database.clone())),
            cache: Arc::new(SqliteEmbeddingCache::new(database.clone(), CACHED_VECTORS_MAX)),
            blobs,
            urls,
            index: Arc::new(SqliteSearchIndex::open(database, publications).await.context("open the index")?),
            store,
            queue,
            ledger,
            clock,
            ids: Arc::new(SystemIdGenerator),
        })
    }

    fn workbench(&self) -> Workbench {
        Workbench::new(WorkbenchPorts {
            events: self.store.clone(),
            ledger: self.ledger.clone(),
            queue: self.queue.clone(),
            blobs: self.blobs.clone(),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
        })
    }
}

impl Adapters {
    fn index_spaces(&self) -> IndexSpaces {
        IndexSpaces::new(self.index.clone(), self.settings.clone())
    }
}

/// URLs for uploads, signed with a secret that the data folder keeps from its first use on.
async fn upload_urls(
    database: &Database,
    blobs: &Arc<LocalBlobStore>,
    queue: &Arc<SqliteJobQueue>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<LocalUploadUrls>> {
    let mut random = [0; UPLOAD_SECRET_BYTES];
    getrandom::fill(&mut random).context("ask the operating system for randomness")?;
    let urls = LocalUploadUrls::open(database, random, blobs.clone(), queue.clone(), clock.clone());
    Ok(Arc::new(urls.await.context("open the secret of upload URLs")?))
}

impl Node {
    /// Opens the data folder and composes a node over it.
    pub(crate) async fn open(settings: NodeSettings) -> anyhow::Result<Self> {
        let folder = DataFolder::open(&settings.data_dir).map_err(advised)?;
        let adapters = Adapters::open(&folder).await?;
        let (embedders, tokenizer) = choose_embedders(&settings.embedder, settings.embedding_threads)?;
        let bench = adapters.workbench();
        let (index, cache) = (adapters.index_spaces(), &adapters.cache);
        let upload_bytes_max = ByteSize::new(settings.upload_bytes_max);
        let accept = bench.accept(adapters.settings.clone(), embedders.models(), upload_bytes_max);
        let complete = bench.complete_upload(accept, adapters.urls.clone());
        let policy = ReembedPolicy { settle_ms: REEMBED_SETTLE_MS, ..ReembedPolicy::default() };
        let reembeddings = bench.advance_reembeddings(index.clone(), adapters.views.clone(), policy);
        let chunking = Chunking {
            extractor: Arc::new(extractor(&settings)),
            tokenizer,
            // WordPiece never joins what white space separates.
            policy: ChunkingPolicy::default().with_counting(TokenCounting::AddsUpAtWhiteSpace),
            batch_size: BATCH_SIZE,
        };
        Ok(Self {
            router: router(&settings, &adapters, embedders.clone()),
            asks_for_keys: settings.asks_for_keys,
            workers: settings.workers,
            embedding_threads: settings.embedding_threads,
            queue: adapters.queue.clone(),
            consumer: adapters.queue.clone(),
            journal: adapters.journal.clone(),
            ingest: bench.ingest_document(index.clone(), chunking),
            embed: Embeds::new(&bench, index.clone(), embedders, cache.clone()),
            purges: Purges::new(&bench, index.clone(), cache.clone()),
            sweep: bench.sweep(complete.clone(), reembeddings),
            complete,
            project: ProjectDocuments::new(bench.documents, adapters.views.clone()),
            publish: PublishEvents::new(adapters.bus.clone()),
            _folder: folder,
        })
    }
}

/// A folder that the system refuses is for the operator to change; why ours refuses one is in the reason already.
fn advised(error: PortError) -> anyhow::Error {
    let refused_by_system = error.kind == ErrorKind::Unavailable;
    let error = anyhow::Error::new(error);
    if refused_by_system {
        error.context(
            "no place for the data: let this user write to the folder, or choose another with --data-dir",
        )
    } else {
        error
    }
}

/// Parsers run in children of this very binary.
fn extractor(settings: &NodeSettings) -> ProcessTextExtractor {
    let limits =
        ExtractionLimits { input_bytes_max: settings.upload_bytes_max, ..ExtractionLimits::default() };
    ProcessTextExtractor::new(limits)
}

fn router(settings: &NodeSettings, adapters: &Adapters, embedders: Embedders) -> Router {
    let ports = ApiPorts {
        events: adapters.store.clone(),
        ledger: adapters.ledger.clone(),
        queue: adapters.queue.clone(),
        consumer: adapters.queue.clone(),
        dead_letters: adapters.queue.clone(),
        blobs: adapters.blobs.clone(),
        upload_urls: adapters.urls.clone(),
        upload_receiver: Some(adapters.urls.clone()),
        views: adapters.views.clone(),
        index: adapters.index.clone(),
        cache: adapters.cache.clone(),
        collections: adapters.settings.clone(),
        embedders,
        clock: adapters.clock.clone(),
        ids: adapters.ids.clone(),
    };
    let authenticator: Arc<dyn Authenticator> = if settings.asks_for_keys {
        Arc::new(ApiKeyAuthenticator::new(adapters.settings.clone()))
    } else {
        Arc::new(AlwaysTenant::new(TenantId::local_default()))
    };
    let content_bytes_max = ByteSize::new(settings.upload_bytes_max);
    let bounds =
        ApiSettings { content_bytes_max, upload_bytes_max: content_bytes_max, ..ApiSettings::default() };
    millrace_api::router(ApiContext::new(ports, authenticator, bounds))
}
