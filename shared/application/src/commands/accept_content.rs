//! What uploading and replacing share: stream the content to the blob store, make the request happen once under its
//! idempotency key, append the event, enqueue the job, answer. Everything slow happens after the answer.

use std::sync::Arc;

use millrace_domain::{
    ByteSize, Collection, CollectionName, Command, Content, Document, DocumentKey, Generation,
    IdempotencyKey, JobId, Stage, Status, TenantId, Trace, UploadId, Version,
};
use millrace_ports::{
    BlobKey, BlobStore, ByteStream, Claim, ClaimOutcome, ClaimRequest, CollectionStore, ErrorKind,
    IdGenerator, JobLedger, PortError, StepKey, StoredBlob,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::documents::{Context, Documents, ExecuteError, Executed};
use crate::embedders::EmbeddingModels;
use crate::jobs::Jobs;

/// How long a request may run before a repetition of it may take over, in milliseconds.
const REQUEST_LEASE_MS: u64 = 30_000;
/// How often an answer is foretold anew because the document changed before it was appended.
const FORETELLINGS_MAX: usize = 20;
/// How long an idempotency key is remembered: a day, in milliseconds.
const REQUEST_REMEMBER_MS: u64 = 86_400_000;

/// The parts it works with.
#[derive(Debug, Clone)]
pub struct AcceptContent {
    /// The histories.
    pub documents: Documents,
    /// The queues.
    pub jobs: Jobs,
    /// The claims of requests.
    pub ledger: Arc<dyn JobLedger>,
    /// The contents.
    pub blobs: Arc<dyn BlobStore>,
    /// Which model each collection has.
    pub collections: Arc<dyn CollectionStore>,
    /// New ids.
    pub ids: Arc<dyn IdGenerator>,
    /// The models in use; new collections get the first.
    pub models: EmbeddingModels,
    /// Largest content.
    pub content_bytes_max: ByteSize,
}

/// A content on its way in.
pub struct ContentUpload {
    /// Its collection.
    pub collection: CollectionName,
    /// Its name.
    pub filename: String,
    /// What the client says it is.
    pub declared_media_type: Option<String>,
    /// The client's key-value pairs.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// The key that makes a repetition have one effect.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Where the request came from.
    pub trace: Trace,
    /// The bytes.
    pub content: ByteStream,
}

impl std::fmt::Debug for ContentUpload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ContentUpload").field("filename", &self.filename).finish_non_exhaustive()
    }
}

/// The answer to an accepted content; what a repetition under the same key is answered too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The document, and whose.
    pub key: DocumentKey,
    /// The job that ingests it.
    pub job_id: JobId,
    /// Its generation.
    pub generation: Generation,
    /// Where it stood when it was accepted.
    pub status: Status,
    /// What came next then.
    pub stage: Stage,
    /// The version after the upload.
    pub version: Version,
    /// The trace of the request that was accepted first.
    pub trace: Trace,
    /// Whether this answer was given before.
    #[serde(skip)]
    pub replayed: bool,
}

/// Why a content was not accepted. Nothing of it is kept; only a port's failure may leave open whether the event was
/// appended, and then the content stays until the sweeper has seen which.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// Longer than the limit.
    #[error("content is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: ByteSize,
    },
    /// No bytes at all: most likely a client's mistake, and never searchable.
    #[error("content is empty")]
    Empty,
    /// The key was used for another request.
    #[error("idempotency key was used for another request")]
    KeyReused,
    /// The first request under this key is still running.
    #[error("a request with this idempotency key is in progress")]
    InProgress,
    /// The collection's vectors come from another model.
    #[error("collection uses model {collection_model}, the server {server_model}")]
    ModelMismatch {
        /// The collection's.
        collection_model: String,
        /// The server's.
        server_model: String,
    },
    /// The document refuses it.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// A port failed.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// What became of a content that was stored already.
pub(crate) struct AcceptedStored {
    pub(crate) accepted: Accepted,
    /// Whether the document uses it: one equal to the current content makes no new generation.
    pub(crate) used: bool,
    /// Whether its job was sent.
    pub(crate) sent: Result<(), PortError>,
}

/// What distinguishes an upload from a replacement.
pub(crate) struct Plan {
    /// The document; for an upload one that nobody has seen yet.
    pub(crate) key: DocumentKey,
    pub(crate) replaces: bool,
    pub(crate) if_version: Option<Version>,
}

/// A content on its way in without its bytes: a stream cannot be shared between threads, so a future that held a
/// reference to it while it waits could not be sent to another.
pub(crate) struct Description {
    pub(crate) collection: CollectionName,
    pub(crate) collection_exists: bool,
    pub(crate) filename: String,
    pub(crate) declared_media_type: Option<String>,
    pub(crate) metadata: serde_json::Map<String, serde_json::Value>,
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    pub(crate) trace: Trace,
}

impl ContentUpload {
    fn apart(self, collection_exists: bool) -> (Description, ByteStream) {
        let Self { collection, filename, declared_media_type, metadata, idempotency_key, trace, content } =
            self;
        let description = Description {
            collection,
            collection_exists,
            filename,
            declared_media_type,
            metadata,
            idempotency_key,
            trace,
        };
        (description, content)
    }
}

impl AcceptContent {
    /// Accepts a content.
    pub(crate) async fn run(&self, plan: Plan, upload: ContentUpload) -> Result<Accepted, AcceptError> {
        let collection_exists = self.check_model(&plan.key, &upload.collection).await?;
        let upload_id = self.ids.upload_id();
        let (upload, content) = upload.apart(collection_exists);
        let blob_key = BlobKey::source(&plan.key, upload_id);
        let stored = self.store(&blob_key, content).await?;
        let accepted = self.accept(plan, upload_id, &upload, &stored).await;
        let kept = accepted.as_ref().is_ok_and(|accepted| !accepted.replayed);
        // After `Unavailable` the append may have happened and then needs the blob: the sweeper decides about it.
        let uncertain =
            matches!(&accepted, Err(AcceptError::Port(_) | AcceptError::Execute(ExecuteError::Port(_))));
        if !kept
            && !uncertain
            && let Err(error) = self.blobs.delete(&blob_key).await
        {
            tracing::warn!(%error, "content of a refused or repeated upload stays until swept");
        }
        accepted
    }

    async fn store(&self, key: &BlobKey, content: ByteStream) -> Result<StoredBlob, AcceptError> {
        let limit = self.content_bytes_max;
        let stored = self.blobs.put_stream(key, content, limit).await.map_err(|error| match error.kind {
            ErrorKind::Invalid => AcceptError::TooLarge { limit },
            _ => AcceptError::Port(error),
        })?;
        if stored.size.get() > 0 {
            return Ok(stored);
        }
        self.blobs.delete(key).await?;
        Err(AcceptError::Empty)
    }

    /// Accepts a content that is stored already. No claim fences it; whoever calls it has seen that the upload was not
    /// accepted up to the version in the plan.
    pub(crate) async fn accept_stored(
        &self,
        plan: &Plan,
        upload_id: UploadId,
        upload: &Description,
        stored: &StoredBlob,
    ) -> Result<AcceptedStored, AcceptError> {
        let executed = self.append(plan, None, upload_id, upload, stored).await?;
        let accepted = answer(&plan.key, &executed.document, &upload.trace);
        let accepted = Accepted { replayed: executed.appended.is_empty(), ..accepted };
        let sent = self.jobs.send_owed(&plan.key, before(&executed), &executed.document, &upload.trace).await;
        let used = executed.document.upload_id == upload_id;
        Ok(AcceptedStored { accepted, used, sent: sent.map(drop) })
    }

    /// Refuses another model than the collection's before the content comes in. Gives whether there is the collection.
    pub(crate) async fn check_model(
        &self,
        key: &DocumentKey,
        name: &CollectionName,
    ) -> Result<bool, AcceptError> {
        let Some(collection) = self.collections.get(&key.tenant_id, name).await? else { return Ok(false) };
        self.compare_model(&collection).map(|()| true)
    }

    /// A collection remembers its model from its first document on, and comes to be with it. Whoever created it in the
    /// meantime has chosen.
    async fn create_collection(&self, key: &DocumentKey, name: &CollectionName) -> Result<(), AcceptError> {
        let model = self.models.first();
        let model = (model.id.clone(), model.dimensions);
        let new = Collection::new(key.tenant_id.clone(), name.clone(), model, self.documents.now());
        self.compare_model(&self.collections.create_if_absent(new).await?)
    }

    fn compare_model(&self, stored: &Collection) -> Result<(), AcceptError> {
        if self.models.serve(stored) {
            return Ok(());
        }
        Err(AcceptError::ModelMismatch {
            collection_model: format!("{} ({} dimensions)", stored.model, stored.dimensions),
            server_model: self.models.names(),
        })
    }

    async fn accept(
        &self,
        plan: Plan,
        upload_id: UploadId,
        upload: &Description,
        stored: &StoredBlob,
    ) -> Result<Accepted, AcceptError> {
        let claim = match &upload.idempotency_key {
            None => None,
            Some(key) => match self.claim(key, &plan, upload, stored).await? {
                Claimed::Replay(accepted) => return Ok(self.replay(*accepted).await),
                // If it was taken over from a request that died: that one appended nothing, for an append completes the
                // claim in the same transaction.
                Claimed::New(claim) => Some(claim),
            },
        };
        let executed = self.append(&plan, claim.as_ref(), upload_id, upload, stored).await;
        match executed {
            Ok(executed) => {
                let accepted = answer(&plan.key, &executed.document, &upload.trace);
                if let Some(claim) = claim.filter(|_| executed.appended.is_empty()) {
                    self.ledger.complete(&claim, &to_result(&accepted)).await?;
                }
                let (document, before) = (&executed.document, before(&executed));
                self.jobs.send_owed_if_possible(&plan.key, before, document, &upload.trace).await;
                // A content equal to the current one made no new generation; its blob is not needed.
                Ok(Accepted { replayed: executed.document.upload_id != upload_id, ..accepted })
            }
            Err(error) => {
                if let Some(claim) = claim {
                    self.release(&claim).await;
                }
                Err(error)
            }
        }
    }

    /// Gives the claim of a request that failed back. If that fails, too, a repetition waits for the lease to end.
    pub(crate) async fn release(&self, claim: &Claim) {
        if let Err(error) = self.ledger.release(claim, true).await {
            tracing::warn!(%error, "the claim of a failed request runs out by itself");
        }
    }

    async fn append(
        &self,
        plan: &Plan,
        claim: Option<&Claim>,
        upload_id: UploadId,
        upload: &Description,
        stored: &StoredBlob,
    ) -> Result<Executed, AcceptError> {
        let job_id = self.ids.job_id();
        let content = Content {
            upload_id,
            job_id,
            collection: upload.collection.clone(),
            filename: upload.filename.clone(),
            declared_media_type: upload.declared_media_type.clone(),
            size_bytes: stored.size,
            sha256: stored.sha256.clone(),
            metadata: upload.metadata.clone(),
        };
        // What the answer will be is part of the append that completes the claim, so it is foretold here.
        let foretold = |generation, version| Accepted {
            key: plan.key.clone(),
            job_id,
            generation,
            status: Status::Processing,
            stage: Stage::Extract,
            version,
            trace: upload.trace.clone(),
            replayed: false,
        };
        let mut context = Context {
            trace: upload.trace.clone(),
            idempotency_key: upload.idempotency_key.clone(),
            if_version: plan.if_version,
            completes: None,
        };
        if !plan.replaces {
            let result = to_result(&foretold(Generation::FIRST, Version::NONE.next()));
            context.completes = claim.map(|claim| (claim.clone(), result));
            if !upload.collection_exists {
                self.create_collection(&plan.key, &upload.collection).await?;
            }
            return Ok(self.documents.create(&plan.key, &context, Command::Upload(content)).await?);
        }
        for _ in 0..FORETELLINGS_MAX {
            let Some(current) = self.documents.load(&plan.key).await? else {
                return Err(ExecuteError::Refused(millrace_domain::DocumentError::NotFound).into());
            };
            let result = to_result(&foretold(current.generation.next(), current.version.next()));
            context.completes = claim.map(|claim| (claim.clone(), result));
            // What was foretold is so on this version only.
            context.if_version = plan.if_version.or(claim.map(|_| current.version));
            let replace = Command::Replace(content.clone());
            match self.documents.execute(&plan.key, &context, replace).await {
                Err(ExecuteError::VersionDiffers { .. }) if plan.if_version.is_none() => {}
                executed => return Ok(executed?),
            }
        }
        let attempted = format!("replace document {}", plan.key.document_id);
        Err(PortError::new(ErrorKind::Conflict, attempted).into())
    }

    /// The first answer again; and its job again, if that is possible.
    async fn replay(&self, accepted: Accepted) -> Accepted {
        if let Err(error) = self.send_again(&accepted).await {
            tracing::warn!(document.id = %accepted.key.document_id, %error, "owed jobs are left to the sweeper");
        }
        Accepted { replayed: true, ..accepted }
    }

    /// Sends the job of an accepted content again, since the first request may have died before sending it.
    pub(crate) async fn send_again(&self, accepted: &Accepted) -> Result<(), PortError> {
        if let Some(document) = self.documents.load(&accepted.key).await?
            && document.is_processing(accepted.generation)
            && document.stage == Stage::Extract
        {
            self.jobs.send_owed(&accepted.key, None, &document, &accepted.trace).await?;
        }
        Ok(())
    }

    async fn claim(
        &self,
        idempotency_key: &IdempotencyKey,
        plan: &Plan,
        upload: &Description,
        stored: &StoredBlob,
    ) -> Result<Claimed, AcceptError> {
        let fingerprint = fingerprint("", plan, upload, stored);
        let request = self.claim_request(&plan.key.tenant_id, idempotency_key, fingerprint, String::new());
        match self.ledger.claim(request).await? {
            ClaimOutcome::Claimed(claim) => Ok(Claimed::New(claim)),
            ClaimOutcome::InProgress { .. } => Err(AcceptError::InProgress),
            ClaimOutcome::FingerprintDiffers => Err(AcceptError::KeyReused),
            ClaimOutcome::Completed { result } => {
                let accepted = serde_json::from_str(&result).map_err(|error| {
                    PortError::caused(ErrorKind::Corrupt, "read a remembered answer", error)
                })?;
                Ok(Claimed::Replay(Box::new(accepted)))
            }
        }
    }
}

impl AcceptContent {
    /// The claim of a request under its idempotency key.
    pub(crate) fn claim_request(
        &self,
        tenant: &TenantId,
        idempotency_key: &IdempotencyKey,
        fingerprint: String,
        memo: String,
    ) -> ClaimRequest {
        ClaimRequest {
            step: StepKey::request(tenant, idempotency_key),
            owner: self.ids.uuid(),
            lease_ms: REQUEST_LEASE_MS,
            fingerprint,
            memo,
            remember_ms: REQUEST_REMEMBER_MS,
        }
    }
}

/// What was owed before: of a content that made no generation, all that is owed now.
fn before(executed: &Executed) -> Option<&Document> {
    executed.appended.is_empty().then_some(&executed.document)
}

enum Claimed {
    New(Claim),
    Replay(Box<Accepted>),
}

fn answer(key: &DocumentKey, document: &Document, trace: &Trace) -> Accepted {
    Accepted {
        key: key.clone(),
        job_id: document.job_id,
        generation: document.generation,
        status: document.status,
        stage: document.stage,
        version: document.version,
        trace: trace.clone(),
        replayed: false,
    }
}

/// What must be the same for two requests to be the same request; `route` tells those of different routes apart.
pub(crate) fn fingerprint(route: &str, plan: &Plan, upload: &Description, stored: &StoredBlob) -> String {
    let target = if plan.replaces { plan.key.document_id.to_string() } else { "new".into() };
    let target = format!("{route}{target}");
    let metadata = serde_json::Value::Object(upload.metadata.clone()).to_string();
    let parts = [
        target.as_str(),
        upload.collection.as_str(),
        &upload.filename,
        upload.declared_media_type.as_deref().unwrap_or_default(),
        stored.sha256.as_str(),
        &metadata,
    ];
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hex::encode(hasher.finalize())
}

fn to_result(accepted: &Accepted) -> String {
    serde_json::to_string(accepted).expect("an answer has string keys and no fallible serializer")
}
