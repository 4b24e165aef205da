//! The fixture: a router over adapters in memory, a way to ask it, and what workers would do to documents.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, StatusCode};
use millrace_adapters_local::{
    Database, LocalUploadUrls, Publications, SqliteEmbeddingCache, SqliteEventStore, SqliteJobLedger,
    SqliteJobQueue, SqliteReadModel, SqliteSearchIndex, SqliteSettings,
};
use millrace_api::{AlwaysTenant, ApiContext, ApiPorts, ApiSettings, Authenticator, router};
use millrace_application::{ChunkFile, Context, Documents, Embedders, StoredChunk};
use millrace_domain::{
    BatchIndex, ByteSize, ChunkIndex, Command, Document, DocumentId, DocumentKey, ErrorCode, QueueName,
    Stage, TenantId,
};
use millrace_ports::{
    ApiKeyStore, BlobKey, BlobStore as _, Clock, DeadLetterCode, DocumentView, IdGenerator, IndexTarget,
    IndexedDocument, JobConsumer as _, JobQueue as _, OutgoingMessage, QueuePolicy,
};
use millrace_test_support::builders::{model, trace};
use millrace_test_support::{SeededIds, SimClock};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::memory_blob_store::MemoryBlobStore;
use crate::stub_embedder::StubEmbedder;

/// Largest content in these tests; more than a JSON body may have.
pub(crate) const CONTENT_BYTES_MAX: u64 = 100_000;
/// Largest content of an upload by URL in these tests.
pub(crate) const UPLOAD_BYTES_MAX: u64 = 1_000_000;
pub(crate) const MODEL: &str = "stub";
/// A model that collections may be moved to.
pub(crate) const FURTHER_MODEL: &str = "stub-further";

pub(crate) struct Server {
    pub(crate) router: Router,
    pub(crate) ports: ApiPorts,
    pub(crate) blobs: Arc<MemoryBlobStore>,
    pub(crate) keys: Arc<dyn ApiKeyStore>,
    pub(crate) clock: Arc<SimClock>,
    queue: Arc<SqliteJobQueue>,
    documents: Documents,
    ids: Arc<SeededIds>,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}")).to_str().unwrap()
    }

    /// Holds the answer to be this problem, whole and consistent, and gives its detail.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> String {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), "application/problem+json");
        let json = self.json();
        assert_eq!(json["code"], code, "{json}");
        assert_eq!(json["status"], status);
        assert_eq!(json["type"], format!("urn:millrace:problem:{}", code.replace('_', "-")));
        assert_eq!(json["correlation_id"], self.header("x-correlation-id"));
        assert!(json["retryable"].is_boolean() && json["title"].is_string());
        crate::schema_check::assert_valid("Problem", &json);
        json["detail"].as_str().unwrap().to_owned()
    }
}

/// A request to be asked.
pub(crate) struct Ask(http::request::Builder, Body);

pub(crate) fn ask(method: &str, path: &str) -> Ask {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    Ask(Request::builder().method(method).uri(path), Body::empty())
}

impl Ask {
    pub(crate) fn with(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value), self.1)
    }

    pub(crate) fn body(self, body: impl Into<Body>) -> Self {
        Self(self.0, body.into())
    }

    pub(crate) fn json(self, json: Value) -> Self {
        self.with("content-type", "application/json").body(json.to_string())
    }

    /// Asks, as a program on the same machine does unless the request says otherwise.
    pub(crate) async fn of(self, router: &Router) -> Reply {
        let mut request = self.0.body(self.1).unwrap();
        request.headers_mut().entry(HOST).or_insert("localhost:8080".parse().unwrap());
        let response = router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Reply { status: head.status, headers: head.headers, body }
    }
}

impl Server {
    /// A server of the tenant `default` that asks for no keys.
    pub(crate) async fn start() -> Self {
        Self::with(|_| Arc::new(AlwaysTenant::new(TenantId::local_default()))).await
    }

    pub(crate) async fn with(
        authenticator: impl FnOnce(Arc<dyn ApiKeyStore>) -> Arc<dyn Authenticator>,
    ) -> Self {
        let database = Database::open_in_memory().unwrap();
        let sim_clock = Arc::new(SimClock::default());
        let clock: Arc<dyn Clock> = sim_clock.clone();
        let ids = Arc::new(SeededIds::new(7));
        let publications = Arc::new(Publications::load(&database).await.unwrap());
        let store = Arc::new(SqliteEventStore::new(database.clone(), Arc::clone(&publications)));
        let policy = QueuePolicy { visibility_timeout_ms: 30_000, receives_max: 5 };
        let policies: HashMap<_, _> = QueueName::ALL.into_iter().map(|queue| (queue, policy)).collect();
        let queue = Arc::new(SqliteJobQueue::new(database.clone(), Arc::clone(&clock), policies));
        let settings = Arc::new(SqliteSettings::new(database.clone()));
        let blobs = Arc::new(MemoryBlobStore::default());
        let generator: Arc<dyn IdGenerator> = ids.clone();
        let urls =
            LocalUploadUrls::open(&database, [7; 32], blobs.clone(), queue.clone(), Arc::clone(&clock));
        let urls = Arc::new(urls.await.unwrap());
        let ports = ApiPorts {
            events: store.clone(),
            upload_urls: urls.clone(),
            upload_receiver: Some(urls),
            ledger: Arc::new(SqliteJobLedger::new(database.clone(), Arc::clone(&clock))),
            queue: queue.clone(),
            consumer: queue.clone(),
            dead_letters: queue.clone(),
            blobs: blobs.clone(),
            views: Arc::new(SqliteReadModel::new(database.clone())),
            cache: Arc::new(SqliteEmbeddingCache::new(database.clone(), 1_000)),
            index: Arc::new(SqliteSearchIndex::open(database, publications).await.unwrap()),
            collections: settings.clone(),
            embedders: Embedders::only(Arc::new(StubEmbedder::named(MODEL)))
                .with(Arc::new(StubEmbedder::named(FURTHER_MODEL))),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&generator),
        };
        let context = ApiContext::new(ports.clone(), authenticator(settings.clone()), bounds());
        let documents = Documents::new(store, clock, generator);
        Self {
            router: router(context),
            ports,
            blobs,
            keys: settings,
            clock: sim_clock,
            queue,
            documents,
            ids,
        }
    }

    /// The same documents behind another model.
    pub(crate) fn router_with_model(&self, name: &str) -> Router {
        let ports = ApiPorts {
            embedders: Embedders::only(Arc::new(StubEmbedder::named(name))),
            ..self.ports.clone()
        };
        let tenant = AlwaysTenant::new(TenantId::local_default());
        router(ApiContext::new(ports, Arc::new(tenant), bounds()))
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        ask("GET", path).of(&self.router).await
    }

    /// Uploads a text and gives the document's id.
    pub(crate) async fn upload(&self, name: &str, content: &str) -> String {
        let reply = ask("POST", "/v1/documents")
            .with("x-filename", name)
            .with(CONTENT_TYPE.as_str(), "text/plain")
            .body(content.to_owned())
            .of(&self.router)
            .await;
        assert_eq!(reply.status, 202, "{reply:?}");
        reply.json()["document_id"].as_str().unwrap().to_owned()
    }

    /// Gives up the job of a document that was just uploaded, as a worker does at its last attempt.
    pub(crate) async fn bury(&self, code: DeadLetterCode, reason: &str) {
        let received = self.queue.receive(QueueName::Ingest, 1, 0).await.unwrap();
        self.queue.dead_letter(QueueName::Ingest, &received[0], code, reason).await.unwrap();
    }

    /// Gives up a message that nobody can read.
    pub(crate) async fn bury_nonsense(&self) {
        let message = OutgoingMessage { body: "nonsense".into(), ..OutgoingMessage::default() };
        self.queue.send(QueueName::Projector, vec![message]).await.remove(0).unwrap();
        let received = self.queue.receive(QueueName::Projector, 1, 0).await.unwrap();
        let code = DeadLetterCode::Malformed;
        self.queue.dead_letter(QueueName::Projector, &received[0], code, "malformed event").await.unwrap();
    }

    /// Jobs that wait in a queue.
    pub(crate) async fn waiting(&self, queue: QueueName) -> u64 {
        self.queue.depth(queue).await.unwrap().visible
    }

    pub(crate) fn key(&self, id: &str) -> DocumentKey {
        DocumentKey { tenant_id: TenantId::local_default(), document_id: id.parse::<DocumentId>().unwrap() }
    }

    pub(crate) async fn document(&self, id: &str) -> Document {
        self.documents.load(&self.key(id)).await.unwrap().unwrap()
    }

    pub(crate) async fn execute(&self, id: &str, command: Command) {
        let context = Context::of(&trace(&*self.ids));
        self.documents.execute(&self.key(id), &context, command).await.unwrap();
        self.project(id).await;
    }

    /// What the projector does.
    pub(crate) async fn project(&self, id: &str) {
        let view = DocumentView { key: self.key(id), document: self.document(id).await };
        self.ports.views.save(&[view]).await.unwrap();
    }

    pub(crate) async fn fail(&self, id: &str) {
        let Document { generation, retries: retry, .. } = self.document(id).await;
        let (error_code, reason) = (ErrorCode::Encrypted, "a password is needed".to_owned());
        let command = Command::FailIngestion {
            generation,
            retry,
            stage: Stage::Extract,
            batch: None,
            error_code,
            reason,
            attempts: 2,
        };
        self.execute(id, command).await;
    }

    /// What the workers do: each text becomes a chunk, three to a batch, all found by words and by meaning.
    pub(crate) async fn ingest(&self, id: &str, media_type: &str, texts: &[&str]) {
        let document = self.document(id).await;
        let (generation, retry) = (document.generation, document.retries);
        let text_bytes = ByteSize::new(texts.iter().map(|text| text.len() as u64).sum());
        let media_type = media_type.to_owned();
        let extraction = Command::RecordExtraction {
            generation,
            media_type,
            pages: 2,
            text_bytes,
            title: Some("T".into()),
            attempts: Some(2),
        };
        self.execute(id, extraction).await;
        let chunks = u32::try_from(texts.len()).unwrap();
        self.store_chunks(id, &document, texts).await;
        let (tokens, batch_size, attempts) = (9, 3, Some(2));
        let chunked = Command::RecordChunks { generation, retry, chunks, tokens, batch_size, attempts };
        self.execute(id, chunked).await;
        for batch in 0..chunks.div_ceil(3) {
            let batch = BatchIndex::new(batch);
            let (cached, model, at) = (0, model(MODEL), self.ports.clock.now());
            let attempts = Some(1 + batch.get());
            let embedded =
                Command::RecordEmbeddedBatch { generation, retry, batch, cached, model, attempts, at };
            self.execute(id, embedded).await;
        }
    }

    async fn store_chunks(&self, id: &str, document: &Document, texts: &[&str]) {
        let chunk = |(index, text): (usize, &&str)| StoredChunk {
            index: ChunkIndex::new(u32::try_from(index).unwrap()),
            page: Some(1),
            heading: None,
            start: 0,
            end: text.len() as u64,
            tokens: 3,
            text: (*text).to_owned(),
        };
        let chunks: Vec<StoredChunk> = texts.iter().enumerate().map(chunk).collect();
        for (batch, chunks) in chunks.chunks(3).enumerate() {
            let blob =
                BlobKey::chunk_batch(&self.key(id), document.generation, u32::try_from(batch).unwrap());
            self.blobs.put(&blob, ChunkFile { chunks: chunks.to_vec() }.to_bytes()).await.unwrap();
        }
        let target = IndexTarget {
            key: self.key(id),
            collection: document.collection.clone(),
            generation: document.generation,
        };
        let indexed = IndexedDocument {
            target: target.clone(),
            filename: document.filename.clone(),
            metadata: document.metadata.clone(),
        };
        let words: Vec<_> = chunks.iter().map(StoredChunk::to_indexed).collect();
        let vectors: Vec<_> = chunks.iter().map(|c| (c.index, StubEmbedder::embedding(&c.text))).collect();
        self.ports.index.put_words(&indexed, &words).await.unwrap();
        self.ports.index.put_vectors(&target, &vectors).await.unwrap();
    }

    /// What the purge saga does.
    pub(crate) async fn finish_deletion(&self, id: &str) {
        let (generation, attempts, at) = (None, Some(2), self.ports.clock.now());
        let vectors =
            Command::RecordVectorsPurged { generation, chunks: 4, vectors: 4, cached_vectors: 0, attempts };
        self.execute(id, vectors).await;
        let content =
            Command::RecordContentPurged { generation, blobs: 3, bytes: ByteSize::new(99), attempts };
        self.execute(id, content).await;
        self.execute(id, Command::CompleteDeletion { attempts, at }).await;
    }
}

pub(crate) fn bounds() -> ApiSettings {
    ApiSettings {
        content_bytes_max: ByteSize::new(CONTENT_BYTES_MAX),
        upload_bytes_max: ByteSize::new(UPLOAD_BYTES_MAX),
        ..ApiSettings::default()
    }
}
