//! What the routes work with: the use cases, who authenticates, and the bounds. Composing adapters is done by whoever
//! builds `ApiPorts`; nothing here reads the environment.

use std::sync::Arc;
use std::time::Duration;

use millrace_application::{
    AbortReembedding, CancelIngestion, CollectStats, CompleteUpload, DeleteDocument, Embedders, GetDocument,
    IndexSpaces, InspectQueues, ListCollections, ListDeadLetters, ListDocuments, ReadChunks, ReadContent,
    ReadTimeline, ReceiveUpload, RedriveDeadLetters, ReplaceDocument, RetryIngestion, SearchDocuments,
    StartReembedding, StartUpload, UploadDocument, Workbench, WorkbenchPorts,
};
use millrace_domain::ByteSize;
use millrace_ports::{
    BlobStore, Clock, CollectionStore, DeadLetters, EmbeddingCache, EventStore, IdGenerator, JobConsumer,
    JobLedger, JobQueue, ReadModel, SearchIndex, UploadReceiver, UploadUrls,
};

use crate::authentication::Authenticator;

/// The bounds of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// Largest content in the body of a request. Behind API Gateway about 4.5 MB, since the gateway takes no more.
    pub content_bytes_max: ByteSize,
    /// Largest content of an upload by URL.
    pub upload_bytes_max: ByteSize,
    /// How long an ordinary request may take.
    pub request_time_max: Duration,
    /// How long a request that carries a content may take, slow senders included.
    pub upload_time_max: Duration,
    /// How long a sender may be silent in the middle of a body.
    pub body_silence_max: Duration,
}

impl Default for ApiSettings {
    /// 100 MiB, as the extraction takes; 29 s, as API Gateway waits; an hour for an upload; 30 s of silence.
    fn default() -> Self {
        Self {
            content_bytes_max: ByteSize::new(100 << 20),
            upload_bytes_max: ByteSize::new(100 << 20),
            request_time_max: Duration::from_secs(29),
            upload_time_max: Duration::from_secs(3_600),
            body_silence_max: Duration::from_secs(30),
        }
    }
}

/// The ports beneath the use cases.
#[derive(Debug, Clone)]
pub struct ApiPorts {
    /// The histories.
    pub events: Arc<dyn EventStore>,
    /// The claims.
    pub ledger: Arc<dyn JobLedger>,
    /// The queues, to send to.
    pub queue: Arc<dyn JobQueue>,
    /// The queues, to look at.
    pub consumer: Arc<dyn JobConsumer>,
    /// What was given up on the queues.
    pub dead_letters: Arc<dyn DeadLetters>,
    /// The contents.
    pub blobs: Arc<dyn BlobStore>,
    /// URLs for uploads.
    pub upload_urls: Arc<dyn UploadUrls>,
    /// Their receiving end, where the API's own server takes the bytes.
    pub upload_receiver: Option<Arc<dyn UploadReceiver>>,
    /// The lists.
    pub views: Arc<dyn ReadModel>,
    /// The search index.
    pub index: Arc<dyn SearchIndex>,
    /// Vectors already paid for.
    pub cache: Arc<dyn EmbeddingCache>,
    /// Which model each collection has.
    pub collections: Arc<dyn CollectionStore>,
    /// The models.
    pub embedders: Embedders,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
}

/// Everything a request may need.
#[derive(Debug)]
pub struct ApiContext {
    pub(crate) upload_document: UploadDocument,
    pub(crate) replace_document: ReplaceDocument,
    pub(crate) start_upload: StartUpload,
    pub(crate) receive_upload: Option<ReceiveUpload>,
    pub(crate) complete_upload: CompleteUpload,
    pub(crate) delete_document: DeleteDocument,
    pub(crate) cancel_ingestion: CancelIngestion,
    pub(crate) retry_ingestion: RetryIngestion,
    pub(crate) get_document: GetDocument,
    pub(crate) list_documents: ListDocuments,
    pub(crate) read_timeline: ReadTimeline,
    pub(crate) read_chunks: ReadChunks,
    pub(crate) read_content: ReadContent,
    pub(crate) search_documents: SearchDocuments,
    pub(crate) list_collections: ListCollections,
    pub(crate) start_reembedding: StartReembedding,
    pub(crate) abort_reembedding: AbortReembedding,
    pub(crate) collect_stats: CollectStats,
    pub(crate) inspect_queues: InspectQueues,
    pub(crate) list_dead_letters: ListDeadLetters,
    pub(crate) redrive_dead_letters: RedriveDeadLetters,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) ids: Arc<dyn IdGenerator>,
    pub(crate) settings: ApiSettings,
}

/// How handlers hold the context.
pub(crate) type ApiState = Arc<ApiContext>;

impl ApiContext {
    /// The use cases over these ports.
    pub fn new(ports: ApiPorts, authenticator: Arc<dyn Authenticator>, settings: ApiSettings) -> Self {
        let bench = Workbench::new(WorkbenchPorts {
            events: Arc::clone(&ports.events),
            ledger: ports.ledger,
            queue: ports.queue,
            blobs: Arc::clone(&ports.blobs),
            clock: Arc::clone(&ports.clock),
            ids: Arc::clone(&ports.ids),
        });
        let models = ports.embedders.models();
        let accept = bench.accept(Arc::clone(&ports.collections), models.clone(), settings.content_bytes_max);
        let start_upload = StartUpload {
            accept: accept.clone(),
            history: bench.history.clone(),
            urls: Arc::clone(&ports.upload_urls),
            content_bytes_max: settings.upload_bytes_max,
        };
        let (blobs, history) = (Arc::clone(&ports.blobs), bench.history.clone());
        let receive = |receiver| ReceiveUpload { blobs, history, receiver };
        let receive_upload = ports.upload_receiver.map(receive);
        let complete_upload = bench.complete_upload(accept.clone(), ports.upload_urls);
        let index = IndexSpaces::new(Arc::clone(&ports.index), Arc::clone(&ports.collections));
        let purge = bench.purge_generation(index, ports.cache);
        let reembeddings = bench.reembeddings(Arc::clone(&ports.collections));
        let start_reembedding =
            StartReembedding { reembeddings: reembeddings.clone(), models, views: Arc::clone(&ports.views) };
        let list_collections = ListCollections::new(Arc::clone(&ports.collections), Arc::clone(&ports.views));
        let (documents, jobs) = (bench.documents, bench.jobs);
        let ids = Arc::clone(&ports.ids);
        let search_documents = SearchDocuments {
            store: Arc::clone(&ports.events),
            index: ports.index,
            embedders: ports.embedders,
            collections: ports.collections,
        };
        Self {
            upload_document: UploadDocument::new(accept.clone()),
            replace_document: ReplaceDocument::new(accept),
            start_upload,
            receive_upload,
            complete_upload,
            delete_document: DeleteDocument::new(documents.clone(), jobs.clone()),
            cancel_ingestion: CancelIngestion::new(documents.clone(), jobs.clone()),
            retry_ingestion: RetryIngestion::new(documents.clone(), jobs, purge, ports.ids),
            get_document: GetDocument::new(documents.clone()),
            list_documents: ListDocuments::new(Arc::clone(&ports.views)),
            read_timeline: ReadTimeline::new(ports.events),
            read_chunks: ReadChunks::new(documents.clone(), Arc::clone(&ports.blobs)),
            read_content: ReadContent::new(documents, ports.blobs),
            search_documents,
            list_collections,
            start_reembedding,
            abort_reembedding: AbortReembedding::new(reembeddings, Arc::clone(&ports.views)),
            collect_stats: CollectStats::new(ports.views),
            inspect_queues: InspectQueues::new(ports.consumer, Arc::clone(&ports.dead_letters), ports.clock),
            list_dead_letters: ListDeadLetters::new(Arc::clone(&ports.dead_letters)),
            redrive_dead_letters: RedriveDeadLetters::new(ports.dead_letters),
            authenticator,
            ids,
            settings,
        }
    }
}
