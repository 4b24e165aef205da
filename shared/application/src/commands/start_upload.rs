//! Starts an upload by URL: keeps what the client announces and signs a URL for exactly that content. Nothing of the
//! document changes yet; its content is accepted by `CompleteUpload` once the bytes are there.

use std::sync::Arc;

use millrace_domain::{
    ByteSize, CollectionName, ContentHash, Document, DocumentKey, IdempotencyKey, TenantId, Timestamp, Trace,
    UploadName, Version,
};
use millrace_ports::{
    BlobStore, Claim, ClaimOutcome, ErrorKind, PortError, SignedUpload, StoredBlob, UploadGrant, UploadUrls,
};

use super::accept_content::{AcceptContent, AcceptError, Description, Plan, fingerprint};
use crate::pending_upload::PendingUpload;
use crate::upload_history::UploadHistory;

/// How long a URL is good for a request to begin: a quarter of an hour, in milliseconds.
pub const UPLOAD_URL_MS: i64 = 900_000;
/// What must be sent as the type of a content whose type nobody declared.
const UNDECLARED: &str = "application/octet-stream";

/// The use case.
#[derive(Debug, Clone)]
pub struct StartUpload {
    /// What uploads share; its bound on contents does not count here.
    pub accept: AcceptContent,
    /// Where accepted uploads are found.
    pub history: UploadHistory,
    /// Who signs.
    pub urls: Arc<dyn UploadUrls>,
    /// Largest content.
    pub content_bytes_max: ByteSize,
}

/// A content that a client is about to upload.
#[derive(Debug, Clone)]
pub struct AnnouncedContent {
    /// Its collection; for a replacement the document's own.
    pub collection: CollectionName,
    /// Its name.
    pub filename: String,
    /// What the client says it is.
    pub declared_media_type: Option<String>,
    /// How many bytes.
    pub size: ByteSize,
    /// Their hash.
    pub sha256: ContentHash,
    /// The client's key-value pairs.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// The key that makes a repetition have one effect.
    pub idempotency_key: Option<IdempotencyKey>,
    /// Where the request came from.
    pub trace: Trace,
}

/// The document that an upload is to replace the content of, as its client saw it.
#[derive(Debug, Clone)]
pub struct Replaced {
    /// Which.
    pub key: DocumentKey,
    /// Its version now.
    pub version: Version,
    /// The version that the client insists on.
    pub if_version: Option<Version>,
}

impl Replaced {
    /// The document as it was loaded.
    pub fn of(key: DocumentKey, document: &Document, if_version: Option<Version>) -> Self {
        Self { key, version: document.version, if_version }
    }
}

/// A started upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedUpload {
    /// Its name.
    pub name: UploadName,
    /// Where and how to put the content.
    pub signed: SignedUpload,
    /// When the URL stops being good.
    pub expires_at: Timestamp,
    /// Whether the upload was started before, under the same idempotency key.
    pub replayed: bool,
}

impl StartUpload {
    /// Starts an upload of a new document or, with `replaced`, of a document's next generation. A repetition under its
    /// idempotency key continues the same upload, with a URL that is good anew.
    pub async fn run(
        &self,
        tenant_id: TenantId,
        replaced: Option<Replaced>,
        content: AnnouncedContent,
    ) -> Result<StartedUpload, AcceptError> {
        self.check_size(content.size)?;
        let document_id =
            replaced.as_ref().map_or_else(|| self.accept.ids.document_id(), |r| r.key.document_id);
        let key = DocumentKey { tenant_id, document_id };
        self.accept.check_model(&key, &content.collection).await?;
        let fresh = UploadName { document_id, upload_id: self.accept.ids.upload_id() };
        let idempotency_key = content.idempotency_key.clone();
        let claimed = match &idempotency_key {
            None => Claimed { name: fresh, claim: None, replayed: false },
            Some(request) => self.claim(request, &key, replaced.is_some(), &content, fresh).await?,
        };
        let key = DocumentKey { document_id: claimed.name.document_id, ..key };
        let begun = self.begin(&key, &claimed, replaced, content).await;
        match (&begun, &claimed.claim) {
            (Ok(_), Some(claim)) => {
                self.accept.ledger.complete(claim, &claimed.name.to_string()).await?;
            }
            (Err(_), Some(claim)) => self.accept.release(claim).await,
            (_, None) => {}
        }
        begun
    }

    fn check_size(&self, size: ByteSize) -> Result<(), AcceptError> {
        if size.get() == 0 {
            return Err(AcceptError::Empty);
        }
        if size > self.content_bytes_max {
            return Err(AcceptError::TooLarge { limit: self.content_bytes_max });
        }
        Ok(())
    }

    /// Signs first and keeps the record second, so that a URL that cannot be made leaves nothing behind.
    async fn begin(
        &self,
        key: &DocumentKey,
        claimed: &Claimed,
        replaced: Option<Replaced>,
        content: AnnouncedContent,
    ) -> Result<StartedUpload, AcceptError> {
        let upload_id = claimed.name.upload_id;
        let expires_at = self.accept.documents.now().plus_millis(UPLOAD_URL_MS);
        let grant = UploadGrant {
            key: key.clone(),
            upload_id,
            size: content.size,
            media_type: content.declared_media_type.clone().unwrap_or_else(|| UNDECLARED.into()),
            sha256: content.sha256.clone(),
            expires_at,
        };
        let signed = self.urls.sign(&grant).await?;
        // A repetition keeps what the first request saw of the document: behind that version the upload may be accepted.
        let blobs: &dyn BlobStore = &*self.accept.blobs;
        let kept = if claimed.replayed { PendingUpload::find(blobs, key, upload_id).await? } else { None };
        let record = match kept {
            Some(kept) => Some(PendingUpload { expires_at, ..kept }),
            // Nothing is pending of an upload that was accepted.
            None if claimed.replayed && self.history.find(key, upload_id, Version::NONE).await?.is_some() => {
                None
            }
            None => Some(pending(replaced, content, expires_at)),
        };
        if let Some(record) = record {
            record.save(blobs, key, upload_id).await?;
        }
        Ok(StartedUpload { name: claimed.name, signed, expires_at, replayed: claimed.replayed })
    }

    async fn claim(
        &self,
        idempotency_key: &IdempotencyKey,
        key: &DocumentKey,
        replaces: bool,
        content: &AnnouncedContent,
        fresh: UploadName,
    ) -> Result<Claimed, AcceptError> {
        let plan = Plan { key: key.clone(), replaces, if_version: None };
        let announced = StoredBlob { size: content.size, sha256: content.sha256.clone() };
        let fingerprint = fingerprint("upload ", &plan, &description(content), &announced);
        let request =
            self.accept.claim_request(&key.tenant_id, idempotency_key, fingerprint, fresh.to_string());
        let (name, claim) = match self.accept.ledger.claim(request).await? {
            ClaimOutcome::Claimed(claim) => (read(&claim.memo)?, Some(claim)),
            ClaimOutcome::Completed { result } => (read(&result)?, None),
            ClaimOutcome::InProgress { .. } => return Err(AcceptError::InProgress),
            ClaimOutcome::FingerprintDiffers => return Err(AcceptError::KeyReused),
        };
        // A claim that was taken over from a request that died continues that request's upload.
        Ok(Claimed { name, claim, replayed: name.upload_id != fresh.upload_id })
    }
}

struct Claimed {
    name: UploadName,
    claim: Option<Claim>,
    replayed: bool,
}

fn read(name: &str) -> Result<UploadName, PortError> {
    name.parse().map_err(|error| PortError::caused(ErrorKind::Corrupt, "read a remembered upload", error))
}

fn description(content: &AnnouncedContent) -> Description {
    Description {
        collection: content.collection.clone(),
        collection_exists: false,
        filename: content.filename.clone(),
        declared_media_type: content.declared_media_type.clone(),
        metadata: content.metadata.clone(),
        idempotency_key: None,
        trace: content.trace.clone(),
    }
}

fn pending(replaced: Option<Replaced>, content: AnnouncedContent, expires_at: Timestamp) -> PendingUpload {
    PendingUpload {
        collection: content.collection,
        filename: content.filename,
        declared_media_type: content.declared_media_type,
        size: content.size,
        sha256: content.sha256,
        metadata: content.metadata,
        replaces: replaced.as_ref().map(|replaced| replaced.version),
        if_version: replaced.and_then(|replaced| replaced.if_version),
        idempotency_key: content.idempotency_key,
        trace: content.trace,
        expires_at,
        answer: None,
    }
}
