//! What the routes work with: the use cases, who authenticates, and the bounds. Composing adapters is done by whoever
//! builds `ApiPorts`; nothing here reads the environment.

use std::sync::Arc;
use std::time::Duration;

use millrace_application::{
    AcceptContent, CancelIngestion, CollectStats, DeleteDocument, Documents, GetDocument, InspectQueues,
    Jobs, ListDocuments, PurgeGeneration, ReadChunks, ReadContent, ReadTimeline, ReplaceDocument,
    RetryIngestion, SearchDocuments, StepPolicy, Steps, UploadDocument,
};
use millrace_domain::ByteSize;
use millrace_ports::{
    BlobStore, Clock, CollectionStore, Embedder, EventStore, IdGenerator, JobConsumer, JobLedger, JobQueue,
    ReadModel, SearchIndex,
};

use crate::authentication::Authenticator;

/// The bounds of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// Largest content of one upload. Behind API Gateway about 4.5 MB, since the gateway takes no more.
    pub content_bytes_max: ByteSize,
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
    /// The contents.
    pub blobs: Arc<dyn BlobStore>,
    /// The lists.
    pub views: Arc<dyn ReadModel>,
    /// The search index.
    pub index: Arc<dyn SearchIndex>,
    /// Which model each collection has.
    pub collections: Arc<dyn CollectionStore>,
    /// The model.
    pub embedder: Arc<dyn Embedder>,
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
    pub(crate) delete_document: DeleteDocument,
    pub(crate) cancel_ingestion: CancelIngestion,
    pub(crate) retry_ingestion: RetryIngestion,
    pub(crate) get_document: GetDocument,
    pub(crate) list_documents: ListDocuments,
    pub(crate) read_timeline: ReadTimeline,
    pub(crate) read_chunks: ReadChunks,
    pub(crate) read_content: ReadContent,
    pub(crate) search_documents: SearchDocuments,
    pub(crate) collect_stats: CollectStats,
    pub(crate) inspect_queues: InspectQueues,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) ids: Arc<dyn IdGenerator>,
    pub(crate) settings: ApiSettings,
}

/// How handlers hold the context.
pub(crate) type ApiState = Arc<ApiContext>;

impl ApiContext {
    /// The use cases over these ports.
    pub fn new(ports: ApiPorts, authenticator: Arc<dyn Authenticator>, settings: ApiSettings) -> Self {
        let documents =
            Documents::new(ports.events.clone(), Arc::clone(&ports.clock), Arc::clone(&ports.ids));
        let jobs = Jobs::new(Arc::clone(&ports.queue));
        let accept = AcceptContent {
            documents: documents.clone(),
            jobs: jobs.clone(),
            ledger: Arc::clone(&ports.ledger),
            blobs: Arc::clone(&ports.blobs),
            collections: Arc::clone(&ports.collections),
            ids: Arc::clone(&ports.ids),
            model: ports.embedder.model().clone(),
            content_bytes_max: settings.content_bytes_max,
        };
        let policy = StepPolicy::default();
        let purge = PurgeGeneration {
            documents: documents.clone(),
            steps: Steps::new(ports.ledger, ports.clock, Arc::clone(&ports.ids), policy),
            blobs: Arc::clone(&ports.blobs),
            index: Arc::clone(&ports.index),
        };
        let ids = Arc::clone(&ports.ids);
        let search_documents = SearchDocuments {
            store: Arc::clone(&ports.events),
            index: ports.index,
            embedder: ports.embedder,
            collections: ports.collections,
        };
        Self {
            upload_document: UploadDocument::new(accept.clone()),
            replace_document: ReplaceDocument::new(accept),
            delete_document: DeleteDocument::new(documents.clone(), jobs.clone()),
            cancel_ingestion: CancelIngestion::new(documents.clone(), jobs.clone()),
            retry_ingestion: RetryIngestion::new(documents.clone(), jobs, purge, ports.ids),
            get_document: GetDocument::new(documents.clone()),
            list_documents: ListDocuments::new(Arc::clone(&ports.views)),
            read_timeline: ReadTimeline::new(ports.events),
            read_chunks: ReadChunks::new(documents.clone(), Arc::clone(&ports.blobs)),
            read_content: ReadContent::new(documents, ports.blobs),
            search_documents,
            collect_stats: CollectStats::new(ports.views),
            inspect_queues: InspectQueues::new(ports.consumer),
            authenticator,
            ids,
            settings,
        }
    }
}
