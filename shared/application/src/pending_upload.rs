//! The record of an upload by URL: what was announced, kept as a blob beside the content until the content is accepted.
//! That an upload was accepted is known from the document's history alone; the record may be gone or left over.

use millrace_domain::{
    ByteSize, CollectionName, ContentHash, DocumentKey, IdempotencyKey, Timestamp, Trace, UploadId, Version,
};
use millrace_ports::{BlobKey, BlobStore, ErrorKind, PortError};
use serde::{Deserialize, Serialize};

use crate::commands::Accepted;

/// What the client that starts an upload says of its content, and where it shall go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PendingUpload {
    pub(crate) collection: CollectionName,
    pub(crate) filename: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) declared_media_type: Option<String>,
    pub(crate) size: ByteSize,
    pub(crate) sha256: ContentHash,
    pub(crate) metadata: serde_json::Map<String, serde_json::Value>,
    /// The version of the document when the upload was started, if it is to be its next generation. The upload is
    /// accepted only behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replaces: Option<Version>,
    /// The version that the client insists on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) if_version: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) idempotency_key: Option<IdempotencyKey>,
    pub(crate) trace: Trace,
    /// When the last URL that was signed for it stops being good.
    pub(crate) expires_at: Timestamp,
    /// The answer, where no event holds it: the content was equal to the document's current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<Accepted>,
}

impl PendingUpload {
    /// Reads the record, if there is one.
    pub(crate) async fn find(
        blobs: &dyn BlobStore,
        key: &DocumentKey,
        upload: UploadId,
    ) -> Result<Option<Self>, PortError> {
        let content = match blobs.get(&BlobKey::pending(key, upload)).await {
            Ok(content) => content,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        serde_json::from_slice(&content).map(Some).map_err(|error| {
            PortError::caused(ErrorKind::Corrupt, format!("read the record of upload {upload}"), error)
        })
    }

    /// Writes the record.
    pub(crate) async fn save(
        &self,
        blobs: &dyn BlobStore,
        key: &DocumentKey,
        upload: UploadId,
    ) -> Result<(), PortError> {
        let content = serde_json::to_vec(self).expect("a record has string keys and no fallible serializer");
        blobs.put(&BlobKey::pending(key, upload), content.into()).await
    }
}
